// Sends what is in the spool, one item after the other, and again after a pause if that fails.
import { wait } from '../base/wait.ts';
import type { Destination, Outcome } from './destination.ts';
import type { Spool, SpoolItem } from './spool.ts';

/** The first pause and the longest one. Each is twice as long as the one before, less up to half of it at random. */
export type Backoff = { readonly leastMs: number; readonly mostMs: number };

export const BACKOFF: Backoff = { leastMs: 50, mostMs: 30_000 };

/** As much of a reason as says what kind of problem it is: status, ClickHouse's number, the first words. */
const KIND_LENGTH = 60;

export type SenderOptions = {
	readonly spool: Spool;
	readonly destination: Destination;
	readonly backoff?: Backoff;
	/** Tells the user that sending has begun to fail or works again, or that rows were rejected. */
	readonly tell: (message: string, hint?: string) => void;
};

export class Sender {
	/** Rows of the table `exchanges` that the destination has confirmed. */
	sentRows = 0;
	rejectedRows = 0;
	readonly #options: SenderOptions;
	readonly #ended = new AbortController();
	/** The beginning of the reason that the user was told last. */
	#told: string | undefined;
	#isIdle = true;
	#isFinishing = false;
	#running: Promise<void> | undefined;

	constructor(options: SenderOptions) {
		this.#options = options;
	}

	/** Begins to send; rejects only because of a bug or an unreadable spool. */
	start(): Promise<void> {
		this.#running ??= this.#run();
		return this.#running;
	}

	/** Resolves when everything in the spool has been sent, or after `end()`. Nothing may be added any more. */
	async finish(): Promise<void> {
		this.#isFinishing = true;
		if (this.#isIdle && this.#options.spool.oldest === undefined) this.end();
		await this.#running;
	}

	/** Ends sending at once. What is not confirmed stays in the spool. */
	end(): void {
		this.#ended.abort();
	}

	async #run(): Promise<void> {
		const { spool } = this.#options;
		const { signal } = this.#ended;
		for (let failures = 0; !signal.aborted; ) {
			const item = spool.oldest;
			this.#isIdle = item === undefined;
			if (item === undefined) {
				if (this.#isFinishing) return;
				await spool.changed(signal);
				continue;
			}
			const outcome = await this.#options.destination.deliver(item, signal);
			if (signal.aborted && outcome.what !== 'done') return;
			if (outcome.what === 'retry') {
				this.#tellFailure(outcome);
				await wait(pause(this.#options.backoff ?? BACKOFF, failures++, outcome.afterMs), signal);
				continue;
			}
			failures = 0;
			this.#settle(item, outcome);
		}
	}

	#settle(item: SpoolItem, outcome: Exclude<Outcome, { what: 'retry' }>): void {
		const { spool, destination, tell } = this.#options;
		const rows = item.table === 'exchanges' ? item.rows : 0;
		if (outcome.what === 'done') {
			spool.remove(item);
			this.sentRows += rows;
			if (this.#told !== undefined) tell(`${destination.name} accepts rows again`);
			this.#told = undefined;
			return;
		}
		spool.reject(item);
		this.rejectedRows += rows;
		tell(
			`${destination.name} has rejected ${item.rows} rows of ${item.table}: ${outcome.why}`,
			'They are kept in the spool (*.rejected.gz), and a row of `gaps` counts them. `tinytap fleet check` compares the store with this version.',
		);
	}

	#tellFailure({ why }: Extract<Outcome, { what: 'retry' }>): void {
		// Numbers in the rest of the text differ each time.
		const kind = why.slice(0, KIND_LENGTH);
		if (kind === this.#told) return;
		this.#told = kind;
		const { spool, destination, tell } = this.#options;
		tell(
			`${destination.name} does not accept rows: ${why}`,
			`${spool.waitingRows} exchanges wait in the spool; sending is tried again.`,
		);
	}
}

/** How long to wait after the failure number `failures` (0 …). */
function pause({ leastMs, mostMs }: Backoff, failures: number, afterMs = 0): number {
	const longest = Math.min(mostMs, leastMs * 2 ** Math.min(failures, 30));
	return Math.max(Math.min(afterMs, mostMs), longest * (1 - Math.random() / 2));
}
