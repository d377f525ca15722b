// The tables that an agent sends besides `exchanges`: closed connections and blind spots every second, open connections and
// loss every minute.
import type { Agent } from '../agent/agent.ts';
import { wait } from '../base/wait.ts';
import type { LossTotal } from '../store/loss-table.ts';
import type { Threads } from '../threads/threads.ts';

const LOOK_MS = 1000;
/** A recording is read faster than traffic happens, and only the last connections are kept. */
const REPLAY_LOOK_MS = 100;
const FULL_LOOK_MS = 60_000;

export class OtherTables {
	/** Rejects if rows cannot be taken. */
	readonly failed: Promise<never>;
	readonly #threads: Threads;
	readonly #agent: Agent;
	readonly #connections: boolean;
	readonly #ended = new AbortController();
	/** How many connections that have ended the agent has taken. */
	#closed = 0;
	/** Resolves when the last look has been taken. */
	readonly #looking: Promise<void>;

	/** Begins to look. `connections`: whether rows of that table are wanted. */
	constructor(threads: Threads, agent: Agent, connections: boolean) {
		this.#threads = threads;
		this.#agent = agent;
		this.#connections = connections;
		this.#looking = this.#run();
		this.failed = new Promise<never>((_, reject) => this.#looking.catch(reject));
		this.failed.catch(() => undefined);
	}

	/** The capture has ended: takes what has come since the last look. */
	async last(loss: readonly LossTotal[]): Promise<void> {
		this.stop();
		await this.#looking;
		await this.#look(true, true);
		await this.#agent.takeLoss(loss, true);
	}

	stop(): void {
		this.#ended.abort();
	}

	async #run(): Promise<void> {
		const { signal } = this.#ended;
		const everyMs = this.#threads.recording === undefined ? LOOK_MS : REPLAY_LOOK_MS;
		let fullMs = performance.now();
		for (;;) {
			await wait(everyMs, signal);
			if (signal.aborted) return;
			const isFull = performance.now() - fullMs >= FULL_LOOK_MS;
			await this.#look(isFull, false);
			if (!isFull) continue;
			fullMs = performance.now();
			await this.#agent.takeLoss((await this.#threads.totals()).loss, false);
		}
	}

	async #look(withOpen: boolean, isLast: boolean): Promise<void> {
		const { closed, evicted, ...entries } = await this.#threads.entries(this.#closed, withOpen && this.#connections);
		this.#closed = closed;
		if (this.#connections) await this.#agent.takeConnections(entries, evicted);
		await this.#agent.takeBlindSpots(entries, isLast);
	}
}
