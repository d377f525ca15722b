// An agent: takes blocks of exchanges, batches and spools them, and sends them to its destination.

import type { InvokingUser } from '../base/invoking-user.ts';
import { wait } from '../base/wait.ts';
import { wallUs } from '../base/wall-clock.ts';
import type { LossTotal } from '../store/loss-table.ts';
import { Batcher, type BatchLimits } from './batcher.ts';
import type { Destination } from './destination.ts';
import { type EntriesNow, EntryRows } from './entry-rows.ts';
import { createLossRows } from './loss-rows.ts';
import { type Origin, originMembers } from './origin.ts';
import { ownDirectory } from './own-directory.ts';
import type { RowBlock } from './row-block.ts';
import { type Backoff, Sender } from './sender.ts';
import { Spool } from './spool.ts';
import type { AgentTable } from './spool-names.ts';
import { SpoolOwner } from './spool-owner.ts';

export type AgentOptions = {
	readonly destination: Destination;
	readonly origin: Origin;
	readonly limits: BatchLimits;
	readonly backoff?: Backoff;
	readonly spool: { readonly path: string; readonly limitBytes: number; readonly user: InvokingUser };
	/** Rows come from the kernel, so that time without an agent is a gap. */
	readonly isLive: boolean;
	readonly tell: (message: string, hint?: string) => void;
};

/** What has become of the exchanges. */
export type AgentCounts = {
	readonly sent: number;
	readonly waiting: number;
	/** Dropped, rejected, or not read in time. */
	readonly lost: number;
};

/** While a recording waits for room in the spool. */
const ROOM_MS = 20;

export class Agent {
	/** Rejects if something fails that is not the destination's fault. */
	readonly failed: Promise<never>;
	readonly #options: AgentOptions;
	readonly #owner: SpoolOwner;
	readonly #spool: Spool;
	readonly #batchers: Readonly<Record<AgentTable, Batcher>>;
	readonly #sender: Sender;
	readonly #lossRows = createLossRows();
	readonly #entryRows: EntryRows;
	#fail: (error: unknown) => void = () => undefined;
	#dropped = 0;
	#lastReadUs = wallUs();
	#lastEntriesUs = wallUs();

	/** Opens the spool and begins to send what is in it. Throws a UserError if another agent uses the spool. */
	static async start(options: AgentOptions): Promise<Agent> {
		const { path, limitBytes, user } = options.spool;
		const directory = ownDirectory(path, user, 'The spool needs a directory of its own: --spool DIR.');
		try {
			const owner = new SpoolOwner(directory);
			const { hostName, run } = options.origin;
			const spool = await Spool.open(directory, { limitBytes, hostName, run, id: owner.id });
			return new Agent(options, owner, spool);
		} catch (error) {
			directory.close();
			throw error;
		}
	}

	private constructor(options: AgentOptions, owner: SpoolOwner, spool: Spool) {
		this.#options = options;
		this.#owner = owner;
		this.#spool = spool;
		this.failed = new Promise<never>((_, reject) => {
			this.#fail = reject;
		});
		this.failed.catch(() => undefined);
		const { destination, backoff, tell, limits, origin } = options;
		const members = originMembers(origin);
		const batcher = (table: AgentTable) => new Batcher({ spool, limits, origin: members, table }, this.#fail);
		this.#batchers = {
			exchanges: batcher('exchanges'),
			connections: batcher('connections'),
			loss: batcher('loss'),
			blind_spots: batcher('blind_spots'),
		};
		this.#entryRows = new EntryRows(origin.run * 1000);
		this.#sender = new Sender({ spool, destination, tell, ...(backoff === undefined ? {} : { backoff }) });
		this.#sender.start().catch(this.#fail);
	}

	/** The capture has begun: until now, exchanges were missed since the last agent ended. */
	begin(): void {
		const { isLive, origin } = this.#options;
		const { previousEndUs } = this.#owner;
		const nowUs = wallUs();
		this.#lastReadUs = nowUs;
		if (!isLive || previousEndUs === undefined) return;
		this.#spool.addGap('not running', { run: origin.run, first: 0, rows: null, fromUs: previousEndUs, toUs: nowUs });
	}

	/**
	 * Takes rows; they survive a crash when this resolves. `dropped`: how many could not be taken so far. A recording waits
	 * for room in the spool until `hurry` is aborted; a capture drops the oldest batches instead.
	 */
	async take(block: RowBlock, dropped: number, hurry: AbortSignal): Promise<void> {
		const nowUs = wallUs();
		const { isLive, origin } = this.#options;
		const missed = dropped - this.#dropped;
		this.#dropped = dropped;
		if (missed > 0)
			this.#spool.addGap('not read in time', {
				run: origin.run,
				first: 0,
				rows: missed,
				fromUs: this.#lastReadUs,
				toUs: nowUs,
			});
		this.#lastReadUs = nowUs;
		while (!isLive && !this.#spool.hasRoom && !hurry.aborted) await wait(ROOM_MS, hurry);
		await this.#batchers.exchanges.addBlock(block);
	}

	/** Takes the numbers of the table `loss`, in the order of LOSS_REASONS. `isLast`: this is the last time. */
	async takeLoss(totals: readonly LossTotal[], isLast: boolean): Promise<void> {
		const exchanges = isLast ? Number.POSITIVE_INFINITY : this.#batchers.exchanges.rows;
		await this.#batchers.loss.add(this.#lossRows(totals, wallUs(), exchanges));
	}

	/** Takes connections that have ended, and open ones if they are among the entries. `evicted`: how many could not be taken. */
	async takeConnections(entries: EntriesNow, evicted: number): Promise<void> {
		const { run } = this.#options.origin;
		const { nowUs } = entries;
		if (evicted > 0) {
			const range = { run, first: 0, rows: evicted, fromUs: this.#lastEntriesUs, toUs: nowUs };
			this.#spool.addGap('not read in time', range, 'connections');
		}
		this.#lastEntriesUs = nowUs;
		await this.#batchers.connections.add(this.#entryRows.connections(entries));
	}

	/** Takes blind spots. `isLast`: this is the last time. */
	async takeBlindSpots(entries: EntriesNow, isLast: boolean): Promise<void> {
		await this.#batchers.blind_spots.add(this.#entryRows.blindSpots(entries, performance.now(), isLast));
	}

	get counts(): AgentCounts {
		return { sent: this.#sender.sentRows, waiting: this.#spool.waitingRows, lost: this.#spool.lostRows };
	}

	/** Completes all batches, and sends until the spool is empty or `patience` is aborted. */
	async finish(patience: AbortSignal): Promise<void> {
		await Promise.all(Object.values(this.#batchers).map((batcher) => batcher.close()));
		const giveUp = () => this.#sender.end();
		patience.addEventListener('abort', giveUp);
		if (patience.aborted) giveUp();
		await Promise.race([this.#sender.finish(), this.failed]);
		patience.removeEventListener('abort', giveUp);
	}

	close(): void {
		this.#sender.end();
		for (const batcher of Object.values(this.#batchers)) batcher.abandon();
		this.#owner.stop();
		this.#spool.close();
		this.#options.destination.close();
	}
}
