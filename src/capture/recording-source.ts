// A recording, or a file of another program, as a source of records: as fast as they can be decoded, or with the pauses of the capture.
import {
	CAPTURE_CLOCK,
	CAPTURE_END,
	CAPTURE_FACT_PROCESS,
	CAPTURE_FACT_SOCKET,
	CAPTURE_LOSS,
} from '../../decoder-as/assembly/wire/capture-event.ts';
import { UserError } from '../base/errors.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import type { BatchSource } from './batch-source.ts';
import type { CaptureFilters, ReplayPlace, ReplaySettings } from './capture-settings.ts';
import { openReplay } from './open-replay.ts';
import { FRAME_PAYLOAD_MAX } from './recording-format.ts';
import { Records } from './records.ts';
import type { ReplayFile } from './replay-file.ts';

/** While a replay waits for the next record, it checks this often whether it should stop. */
const WAIT_MS = 10;
const NS_PER_US = 1000n;
const NS_PER_MS = 1_000_000n;

/** Opens a recording as a source. Throws a UserError if the file is not one. Ignores `filters` and adds a remark about it. */
export function recordingSource(settings: ReplaySettings, user: InvokingUser, filters: CaptureFilters): BatchSource {
	const { path } = settings;
	const reader = openReplay(path, user);
	const tape = new ReplayTape(reader, settings);
	let stopped = false;
	return {
		remarks: Object.values(filters).some((values) => values.length > 0)
			? [
					'filters apply only to live captures, so all of this recording is read; choose rows in SQL, e.g. WHERE local_port = 80',
				]
			: [],
		bodyLimit: reader.bodyLimit,
		meta: reader.meta,
		holdsTls: reader.meta.tls !== undefined,
		fromUs: tape.fromUs,
		batchBytes: FRAME_PAYLOAD_MAX,
		nextBatch: (into, timeoutMs, signals) => (stopped ? -1 : tape.next(into, timeoutMs, signals)),
		periodicRecords: () => [],
		lastRecords: () => [],
		answer: () => undefined,
		skip: (conn, direction, until) => reader.skip?.(conn, direction, until),
		setFilters: () => undefined,
		touchMemory: () => undefined,
		discardMemory: () => false,
		trimMemory: () => undefined,
		warnings: () => reader.warnings?.() ?? [],
		hurry: () => undefined,
		restartClock: () => tape.restartClock(),
		stop() {
			stopped = true;
		},
		close: () => reader.close(),
		get damage() {
			return reader.damage === undefined ? undefined : { ...reader.damage, path };
		},
	};
}

/** Returns the records of a recording up to `to` and, with `speed`, not before their time. */
class ReplayTape {
	readonly fromUs: number | undefined;
	readonly #reader: ReplayFile;
	readonly #speed: number | undefined;
	readonly #frame = new Uint8Array(FRAME_PAYLOAD_MAX);
	/** The current frame; its next record has not been returned yet. */
	#records = new Records(new Uint8Array(0));
	#fromNs: bigint | undefined;
	#toNs: bigint | undefined;
	/** Taken from the newest clock record. */
	#wallMinusBootNs = 0n;
	/** The time of the newest record, and the value of performance.now() at `#startNs`. */
	#nowNs = 0n;
	#startNs: bigint | undefined;
	#startMs = 0;
	/** The time of the record returned last. */
	#returnedNs = 0n;
	#ended = false;

	constructor(reader: ReplayFile, { path, from, to, speed }: ReplaySettings) {
		this.#reader = reader;
		this.#speed = speed;
		this.#load();
		if (from === undefined && to === undefined) return;
		const beginning = this.#beginning();
		if (beginning === undefined) {
			reader.close();
			throw new UserError(
				`expected a clock at the beginning of ${path}, found none, so --from and --to have no meaning`,
				'ERR_USAGE',
				'Replay all of it; rows can be chosen in SQL.',
			);
		}
		this.#fromNs = placeNs(from, beginning);
		this.#toNs = placeNs(to, beginning);
		this.fromUs = this.#fromNs === undefined ? undefined : Number(this.#fromNs / NS_PER_US);
	}

	/** Like BatchSource.nextBatch(). */
	next(into: Uint8Array, timeoutMs: number, signals: Int32Array): number {
		if (this.#ended) return -1;
		// Whole frames are faster.
		if (this.#speed === undefined && this.#toNs === undefined) return this.#wholeFrame(into);
		let length = 0;
		for (;;) {
			const records = this.#records;
			const bytes = records.record;
			if (bytes.byteLength === 0 || this.#isAfterEnd()) {
				this.#ended = true;
				return length > 0 ? length : -1;
			}
			const waitMs = this.#dueInMs();
			if (waitMs > 0) {
				if (length > 0) return length;
				// Ends early when the replay should stop.
				Atomics.wait(signals, 0, 0, Math.min(waitMs, timeoutMs, WAIT_MS));
				if (this.#dueInMs() > 0) return 0;
				continue;
			}
			if (length + bytes.byteLength > into.byteLength) return length;
			into.set(bytes, length);
			length += bytes.byteLength;
			this.#advance();
		}
	}

	restartClock(): void {
		if (this.#startNs === undefined) return;
		this.#startNs = this.#returnedNs;
		this.#startMs = performance.now();
	}

	#wholeFrame(into: Uint8Array): number {
		const { bytes } = this.#records;
		if (bytes.byteLength === 0) return -1;
		into.set(bytes);
		this.#load();
		return bytes.byteLength;
	}

	/** Reads the next frame. */
	#load(): void {
		const length = this.#reader.nextBatch(this.#frame);
		this.#records = new Records(this.#frame.subarray(0, length));
		this.#records.step();
		this.#look();
	}

	#advance(): void {
		this.#returnedNs = this.#nowNs;
		if (this.#records.step()) this.#look();
		else this.#load();
	}

	/** Takes note of the current record's time. */
	#look(): void {
		const { kind, timeNs, wallMinusBootNs } = this.#records;
		if (wallMinusBootNs !== undefined) this.#wallMinusBootNs = wallMinusBootNs;
		// Facts and counters belong to the records before them: the decoder did not wait for them.
		const isCall = kind !== CAPTURE_FACT_PROCESS && kind !== CAPTURE_FACT_SOCKET && kind !== CAPTURE_LOSS;
		if (isCall && timeNs > this.#nowNs) this.#nowNs = timeNs;
	}

	get #wallNs(): bigint {
		return this.#nowNs + this.#wallMinusBootNs;
	}

	/** Wall time of the first clock, in nanoseconds since 1970. */
	#beginning(): bigint | undefined {
		const { bytes } = this.#records;
		const first = new Records(bytes);
		while (first.step()) {
			const { kind, timeNs, wallMinusBootNs } = first;
			if (kind === CAPTURE_CLOCK && wallMinusBootNs !== undefined) return timeNs + wallMinusBootNs;
		}
		return undefined;
	}

	#isAfterEnd(): boolean {
		return this.#toNs !== undefined && this.#wallNs >= this.#toNs && this.#records.kind !== CAPTURE_END;
	}

	/** Milliseconds until the current record is due; 0 or less if it is due. Records before `from` are due at once. */
	#dueInMs(): number {
		if (this.#speed === undefined) return 0;
		if (this.#fromNs !== undefined && this.#wallNs < this.#fromNs) return 0;
		const now = performance.now();
		if (this.#startNs === undefined) {
			this.#startNs = this.#nowNs;
			this.#startMs = now;
		}
		return Number(this.#nowNs - this.#startNs) / 1e6 / this.#speed - (now - this.#startMs);
	}
}

function placeNs(place: ReplayPlace | undefined, beginning: bigint): bigint | undefined {
	if (place === undefined) return undefined;
	if ('epochUs' in place) return BigInt(place.epochUs) * NS_PER_US;
	return beginning + BigInt(Math.round(place.afterMs * 1000)) * (NS_PER_MS / 1000n);
}
