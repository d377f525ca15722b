// A recording that is read beside the tables of a capture, by a capture thread of its own.
import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads';
import { LOSS_EVICTED } from '../../decoder-as/assembly/wire/capture-event.ts';
import { explainedByDirectory } from '../base/working-directory.ts';
import type { CaptureSettings } from '../capture/capture-settings.ts';
import { explainedByLimits } from '../capture/process-limits.ts';
import { cancelledError } from '../sql/sql-light.ts';
import { type LossTotal, lostBytes, lostEvents } from '../store/loss-table.ts';
import type { MemoryShares } from './memory-shares.ts';
import {
	type CaptureThreadData,
	type DamageMessage,
	type FromCapture,
	SIGNAL_COUNT,
	SIGNAL_MESSAGE,
	SIGNAL_STOP,
	STATUS_LENGTH,
	STATUS_ROWS,
	type ToCapture,
	type ToQuery,
	thrownError,
} from './messages.ts';
import { startThread } from './start-thread.ts';

/** Maximum number of recordings attached at a time. */
export const ATTACHED_MAX = 8;

/** What was found in an attached recording. */
export type AttachedEnd = {
	readonly rows: number;
	/** Rows that its memory had no room for. */
	readonly evicted: number;
	readonly lostEvents: number;
	readonly lostBytes: number;
	readonly damage: DamageMessage | undefined;
	/** What of a file of another program was not read, in sentences. */
	readonly warnings: readonly string[];
	/** Bytes that its tables take. */
	readonly memoryBytes: number;
};

export class AttachedRecording {
	/** As written in ATTACH. */
	readonly name: string;
	readonly path: string;
	/** Resolves when the recording has been read whole. */
	readonly read: Promise<AttachedEnd>;
	/** What was found; undefined before. */
	end: AttachedEnd | undefined;
	readonly #status = new Float64Array(new SharedArrayBuffer(STATUS_LENGTH * 8));
	readonly #signals = new Int32Array(new SharedArrayBuffer(SIGNAL_COUNT * 4));
	readonly #worker: Worker;
	readonly #warnings: string[] = [];
	#fail: (error: unknown) => void = () => undefined;

	constructor(name: string, path: string, settings: CaptureSettings, shares: MemoryShares) {
		this.name = name;
		this.path = path;
		const { record: _record, ...rest } = settings;
		const data: CaptureThreadData = {
			settings: {
				...rest,
				replay: { path },
				filters: { pids: [], comms: [], ports: [], cgroups: [] },
				count: Number.POSITIVE_INFINITY,
			},
			shares,
			status: this.#status.buffer,
			signals: this.#signals.buffer,
		};
		const worker = startThread('capture-thread', { workerData: data, name: `capture ${name}` });
		this.#worker = worker;
		this.read = new Promise<AttachedEnd>((resolve, reject) => {
			this.#fail = reject;
			worker.on('message', (message: FromCapture) => {
				if (message.type === 'error') reject(thrownError(message.error));
				else if (message.type === 'warning') this.#warnings.push(message.message);
				else if (message.type === 'ended') resolve(this.#found(message));
			});
			worker.on('error', (error) => reject(explainedByLimits(explainedByDirectory(error))));
			worker.on('exit', (code) => reject(new Error(`the thread of ${path} ended with status ${code}`)));
		});
		// attach() reports the error.
		this.read.catch(() => undefined);
	}

	/** Rows read so far. */
	get rows(): number {
		return this.#status[STATUS_ROWS]!;
	}

	/** Connects the thread with a query thread. Call it when the recording has been read. */
	connect(toQuery: (message: ToQuery, transfer: readonly MessagePort[]) => void): void {
		const { port1, port2 } = new MessageChannel();
		toQuery({ type: 'attach', name: this.name, port: port1, signals: this.#signals.buffer }, [port1]);
		this.#worker.postMessage({ type: 'port', port: port2 } satisfies ToCapture, [port2]);
		Atomics.store(this.#signals, SIGNAL_MESSAGE, 1);
	}

	/** Ends the thread. Whoever still waits for the recording gets a cancellation. */
	async close(): Promise<void> {
		this.#fail(cancelledError());
		Atomics.store(this.#signals, SIGNAL_STOP, 1);
		await this.#worker.terminate();
	}

	#found({ loss, damage, memoryBytes }: Extract<FromCapture, { type: 'ended' }>): AttachedEnd {
		this.end = {
			rows: this.rows,
			evicted: evictedRows(loss),
			lostEvents: lostEvents(loss),
			lostBytes: lostBytes(loss),
			damage,
			warnings: this.#warnings,
			memoryBytes,
		};
		return this.end;
	}
}

function evictedRows(loss: readonly LossTotal[]): number {
	return loss[LOSS_EVICTED]!.events;
}
