// Merges several recordings of one host: their records in order of time, with connections and loss counters kept apart.
import {
	CAPTURE_CLOCK,
	CAPTURE_END,
	CAPTURE_LOSS,
	CAPTURE_OPEN,
	CAPTURE_OPEN_AT_REST_BYTES,
	CAPTURE_TLS_MAPPED,
	EVENT_CALL_BYTES,
	EVENT_CAPTURED_BYTES,
	EVENT_CONN,
	EVENT_FLAGS,
	EVENT_STREAM_OFFSET,
	EVENT_SYSCALL,
	FLAG_MIDSTREAM,
	LOSS_MAX,
} from '../../decoder-as/assembly/wire/capture-event.ts';
import { UserError } from '../base/errors.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { endRecord } from './fact-record.ts';
import { openReplay } from './open-replay.ts';
import {
	bodyLimitMeta,
	FRAME_PAYLOAD_MAX,
	type RecordingMeta,
	RecordingReader,
	type RecordingWriter,
} from './recording.ts';
import type { RecordingDamage } from './recording-damage.ts';
import { Records } from './records.ts';

/** Minimum size of a written frame, except for the last one. */
const FRAME_BYTES = 64 << 10;
/** Recordings without a boot id are of the same boot if it began at the same time, within corrections of the clock. */
const BOOT_TOLERANCE_NS = 2_000_000_000n;

/** What must be known about a recording before it is merged. */
export type MergeInput = {
	readonly path: string;
	readonly meta: RecordingMeta;
	readonly bodyLimit: number | undefined;
	/** The first and last time in it, CLOCK_BOOTTIME. */
	readonly firstNs: bigint;
	readonly lastNs: bigint;
	/** Nanoseconds since 1970 minus CLOCK_BOOTTIME at its first clock. */
	readonly wallMinusBootNs: bigint | undefined;
	readonly highestConn: bigint;
	readonly records: number;
	readonly isComplete: boolean;
	readonly damage: RecordingDamage | undefined;
};

/** Reads a recording to its end. Throws a UserError if it is a file of another program. */
export function scanForMerge(path: string, user: InvokingUser): MergeInput {
	refuseForeign(path, user);
	const input = new InputTape(path, user);
	try {
		let highestConn = 0n;
		let count = 0;
		let firstNs: bigint | undefined;
		let wallMinusBootNs: bigint | undefined;
		for (; !input.ended; input.advance()) {
			const { records } = input;
			const { kind } = records;
			count++;
			if (hasConnection(records)) {
				const conn = records.view.getBigUint64(records.at + EVENT_CONN, true);
				if (conn > highestConn) highestConn = conn;
			}
			wallMinusBootNs ??= records.wallMinusBootNs;
			// The first record is a clock, except in recordings by other programs; older records are about connections already open.
			if (kind !== CAPTURE_OPEN && records.timeNs > 0n) firstNs ??= records.timeNs;
		}
		const { meta, bodyLimit, isComplete, damage } = input.reader;
		return {
			...{ path, meta, bodyLimit, isComplete, damage, wallMinusBootNs, highestConn, records: count },
			firstNs: firstNs ?? 0n,
			lastNs: input.timeNs,
		};
	} finally {
		input.close();
	}
}

/** Throws a UserError if the recordings cannot be merged: they are of several hosts or boots, or one was given twice. */
export function checkMergeable(inputs: readonly MergeInput[]): void {
	const first = inputs[0]!;
	const seen = new Map<string, string>();
	for (const input of inputs) {
		const { recording, part = 0 } = input.meta;
		const name = recording === undefined ? contentsName(input) : `${recording} ${part}`;
		const other = seen.get(name);
		if (other !== undefined)
			throw new UserError(
				`expected different recordings, got the same one twice: ${other} and ${input.path}`,
				'ERR_MERGE',
				'Give each recording once.',
			);
		seen.set(name, input.path);
		const conflict = conflictOf(first, input);
		if (conflict !== undefined)
			throw new UserError(
				`expected recordings of one host and one boot, but ${first.path} and ${input.path} ${conflict}`,
				'ERR_MERGE',
				'Process ids, loopback addresses and clocks of two hosts would be mistaken for each other. Replay them one by one.',
			);
	}
}

/** Identifies a recording without an id: two captures do not begin and end in the same nanoseconds. */
function contentsName({ meta, firstNs, lastNs, highestConn, records }: MergeInput): string {
	return [JSON.stringify(meta), firstNs, lastNs, highestConn, records].join(' ');
}

function refuseForeign(path: string, user: InvokingUser): void {
	const file = openReplay(path, user);
	const { format } = file;
	file.close();
	if (format === 'tinytap') return;
	throw new UserError(
		`expected recordings, but ${path} is a ${format === 'har' ? 'HAR' : format} file`,
		'ERR_MERGE',
		format === 'har'
			? 'Replay the files one by one, or ATTACH one beside another.'
			: "Wireshark's mergecap merges files of packets: mergecap -w all.pcapng A B",
	);
}

function conflictOf(a: MergeInput, b: MergeInput): string | undefined {
	const { boot_id: bootA, host: hostA } = a.meta;
	const { boot_id: bootB, host: hostB } = b.meta;
	if (bootA !== undefined && bootB !== undefined) {
		if (bootA === bootB) return undefined;
		return hostA === hostB ? `are of ${hostA} before and after a reboot` : `are of ${hostA} and ${hostB}`;
	}
	if (hostA !== undefined && hostB !== undefined && hostA !== hostB) return `are of ${hostA} and ${hostB}`;
	if (a.wallMinusBootNs === undefined || b.wallMinusBootNs === undefined) return 'do not both have a clock';
	const apart = a.wallMinusBootNs - b.wallMinusBootNs;
	if (apart <= BOOT_TOLERANCE_NS && apart >= -BOOT_TOLERANCE_NS) return undefined;
	return 'have clocks that began at different times';
}

/** The metadata of the merged recording. */
export function mergedMeta(inputs: readonly MergeInput[], own: RecordingMeta): RecordingMeta {
	const first = inputs[0]!;
	const all = (name: string) => [...new Set(inputs.map(({ meta }) => meta[name] ?? 'unknown'))].join('; ');
	const limits = inputs.map(({ bodyLimit }) => bodyLimit).filter((limit) => limit !== undefined);
	const { boot_id: boot } = first.meta;
	return {
		...own,
		host: all('host'),
		kernel: all('kernel'),
		filters: all('filters'),
		...(boot === undefined ? {} : { boot_id: boot }),
		started: String(first.meta.started ?? 'unknown'),
		merged: inputs.length,
		...(inputs.some(({ meta }) => meta.tls !== undefined) ? { tls: 'plaintext' } : {}),
		...(inputs.every(({ meta }) => meta.redacted !== undefined) ? { redacted: 'yes' } : {}),
		...(limits.length === 0 ? {} : bodyLimitMeta(Math.max(...limits))),
	};
}

/** In order of time. */
export function inOrder(inputs: readonly MergeInput[]): MergeInput[] {
	return inputs.toSorted((a, b) => (a.firstNs < b.firstNs ? -1 : a.firstNs > b.firstNs ? 1 : 0));
}

/** Writes the records of all inputs, which are in order and can be merged. Returns their number. */
export function mergeRecords(inputs: readonly MergeInput[], writer: RecordingWriter, user: InvokingUser): number {
	const losses = new LossSums(inputs.length);
	const tapes: RewrittenTape[] = [];
	let nextConn = 0n;
	let written = 0;
	const output = new FramePacker(writer);
	try {
		for (const [index, input] of inputs.entries()) {
			// A part continues the previous one, and so do its connections.
			const joined = tapes[inputs.slice(0, index).findIndex((before) => continues(before, input))];
			const shift = joined === undefined ? nextConn : joined.connShift;
			tapes.push(new RewrittenTape(input, user, { connShift: shift, joined, losses, index }));
			if (shift + input.highestConn > nextConn) nextConn = shift + input.highestConn;
		}
		let lastNs = 0n;
		for (;;) {
			const tape = earliest(tapes);
			if (tape === undefined) break;
			if (tape.timeNs > lastNs) lastNs = tape.timeNs;
			const record = tape.take();
			if (record !== undefined) {
				output.add(record);
				written++;
			}
		}
		output.add(endRecord(lastNs));
		output.flush();
		return written + 1;
	} finally {
		for (const tape of tapes) tape.close();
	}
}

function continues(before: MergeInput, after: MergeInput): boolean {
	const isNext = Number(after.meta.part) === Number(before.meta.part) + 1;
	const isSame = before.meta.recording !== undefined && before.meta.recording === after.meta.recording;
	return isNext && isSame && before.isComplete && before.damage === undefined;
}

function earliest(tapes: readonly RewrittenTape[]): RewrittenTape | undefined {
	let first: RewrittenTape | undefined;
	for (const tape of tapes) {
		if (tape.ended || tape.isWaiting) continue;
		if (first === undefined || tape.timeNs < first.timeNs) first = tape;
	}
	return first;
}

/** Reads the records of a recording one by one, with times that never decrease. */
class InputTape {
	readonly reader: RecordingReader;
	records = new Records(new Uint8Array(0));
	timeNs = 0n;
	ended = false;
	readonly #frame = new Uint8Array(FRAME_PAYLOAD_MAX);

	constructor(path: string, user: InvokingUser) {
		this.reader = new RecordingReader(path, user);
		this.advance();
	}

	advance(): void {
		while (!this.records.step()) {
			const length = this.reader.nextBatch(this.#frame);
			if (length === 0) {
				this.ended = true;
				return;
			}
			this.records = new Records(this.#frame.subarray(0, length));
		}
		const { timeNs } = this.records;
		if (timeNs > this.timeNs) this.timeNs = timeNs;
	}

	close(): void {
		this.reader.close();
	}
}

type Rewriting = {
	/** Added to connection numbers. */
	readonly connShift: bigint;
	/** The part that this one continues. */
	readonly joined: RewrittenTape | undefined;
	readonly losses: LossSums;
	readonly index: number;
};

/** Reads the records of an input as they appear in the merged recording. Its file is open only while it is read. */
class RewrittenTape {
	readonly connShift: bigint;
	/** Connections of this part and of the parts that it continues. Only parts can be continued. */
	readonly conns: Set<bigint> | undefined;
	ended = false;
	#tape: InputTape | undefined;
	readonly #input: MergeInput;
	readonly #user: InvokingUser;
	readonly #rewriting: Rewriting;

	constructor(input: MergeInput, user: InvokingUser, rewriting: Rewriting) {
		this.#input = input;
		this.#user = user;
		this.#rewriting = rewriting;
		this.connShift = rewriting.connShift;
		this.conns = rewriting.joined?.conns ?? (input.meta.part === undefined ? undefined : new Set());
	}

	/** A part begins after the previous one has ended. */
	get isWaiting(): boolean {
		return this.#rewriting.joined?.ended === false;
	}

	get timeNs(): bigint {
		return this.#tape?.timeNs ?? this.#input.firstNs;
	}

	/** Takes the current record; undefined if it is left out of the merged recording. */
	take(): Uint8Array | undefined {
		this.#tape ??= new InputTape(this.#input.path, this.#user);
		const record = this.#tape.ended ? undefined : this.#rewritten(this.#tape.records);
		this.#tape.advance();
		if (this.#tape.ended) {
			this.ended = true;
			this.close();
		}
		return record;
	}

	close(): void {
		this.#tape?.close();
		this.#tape = undefined;
	}

	#rewritten(records: Records): Uint8Array | undefined {
		const { kind } = records;
		// Bytes of a gap or of another version are copied unchanged: the decoder counts them.
		if (!records.isReadable) return new Uint8Array(records.record);
		// Only the merged recording has an end record.
		if (kind === CAPTURE_END) return undefined;
		const record = new Uint8Array(records.record);
		const view = new DataView(record.buffer);
		if (kind === CAPTURE_LOSS) this.#rewriting.losses.rewrite(view, this.#rewriting.index);
		if (!hasConnection(records)) return record;
		const conn = view.getBigUint64(EVENT_CONN, true);
		// The first records of a later part repeat what is known from the previous one.
		const isOpenBefore =
			kind === CAPTURE_OPEN &&
			view.getUint8(EVENT_SYSCALL) === 0 &&
			[0, CAPTURE_OPEN_AT_REST_BYTES].includes(view.getUint32(EVENT_CAPTURED_BYTES, true)) &&
			(view.getUint32(EVENT_FLAGS, true) & FLAG_MIDSTREAM) !== 0;
		if (isOpenBefore && this.#rewriting.joined !== undefined && this.conns?.has(conn) === true) return undefined;
		this.conns?.add(conn);
		view.setBigUint64(EVENT_CONN, conn + this.connShift, true);
		if (kind === CAPTURE_TLS_MAPPED) {
			const carrier = view.getBigUint64(EVENT_STREAM_OFFSET, true);
			view.setBigUint64(EVENT_STREAM_OFFSET, carrier + this.connShift, true);
		}
		return record;
	}
}

/** Whether the member `conn` of the current record is a connection. In a counter, it is a number of bytes. */
function hasConnection(records: Records): boolean {
	if (!records.isRecord || records.kind === CAPTURE_LOSS || records.kind === CAPTURE_CLOCK) return false;
	return records.view.getBigUint64(records.at + EVENT_CONN, true) !== 0n;
}

/** Adds up loss counters: they are totals of one recording, and in the merged recording totals of all. */
class LossSums {
	/** For each reason and input: events, bytes. */
	readonly #totals: { events: bigint; bytes: bigint }[][];

	constructor(inputs: number) {
		this.#totals = Array.from({ length: LOSS_MAX }, () =>
			Array.from({ length: inputs }, () => ({ events: 0n, bytes: 0n })),
		);
	}

	rewrite(record: DataView, input: number): void {
		const totals = this.#totals[record.getUint32(EVENT_CALL_BYTES, true)];
		const own = totals?.[input];
		if (totals === undefined || own === undefined) return;
		own.events = larger(own.events, record.getBigUint64(EVENT_STREAM_OFFSET, true));
		own.bytes = larger(own.bytes, record.getBigUint64(EVENT_CONN, true));
		const sum = totals.reduce((all, { events, bytes }) => ({ events: all.events + events, bytes: all.bytes + bytes }));
		record.setBigUint64(EVENT_STREAM_OFFSET, sum.events, true);
		record.setBigUint64(EVENT_CONN, sum.bytes, true);
	}
}

function larger(a: bigint, b: bigint): bigint {
	return a > b ? a : b;
}

/** Joins records into frames. */
class FramePacker {
	readonly #writer: RecordingWriter;
	readonly #frame = new Uint8Array(FRAME_PAYLOAD_MAX);
	#length = 0;

	constructor(writer: RecordingWriter) {
		this.#writer = writer;
	}

	add(record: Uint8Array): void {
		// Each record begins at a multiple of 8; the last one of a frame may lack its padding.
		const padded = (record.byteLength + 7) & ~7;
		if (this.#length + padded > this.#frame.byteLength) this.flush();
		this.#frame.fill(0, this.#length + record.byteLength, this.#length + padded);
		this.#frame.set(record, this.#length);
		this.#length += padded;
		if (this.#length >= FRAME_BYTES) this.flush();
	}

	flush(): void {
		this.#writer.writeBatch(this.#frame.subarray(0, this.#length));
		this.#length = 0;
	}
}
