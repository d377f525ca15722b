// Summarizes a recording, or a file of another program that can be replayed: reads and decodes all of it, in bounded memory.
import { readFileSync } from 'node:fs';
import { EVENT_VERSION } from '../../decoder-as/assembly/wire/capture-event.ts';
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';
import { FILES } from '../base/installation.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { DEFAULT_BODY_LIMIT } from '../capture/capture-settings.ts';
import { openReplay } from '../capture/open-replay.ts';
import { FRAME_PAYLOAD_MAX, RecordingReader } from '../capture/recording.ts';
import type { RecordingDamage } from '../capture/recording-damage.ts';
import { Records } from '../capture/records.ts';
import type { ReplayFile } from '../capture/replay-file.ts';
import { createDecoder, type Decoder } from '../decode/decoder.ts';
import { LOSS_REASONS } from '../store/loss-table.ts';
import { formatTimestamp } from '../store/timestamp.ts';

/** The output of `--json`. Null: the file does not say. */
export type RecordingInfo = {
	readonly file: string;
	readonly format: ReplayFile['format'];
	readonly bytes: number;
	readonly compression: 'gzip' | null;
	/** Null for a file of another program, as are all facts that only a recording has. */
	readonly format_version: number | null;
	/** Versions of its records; several if it was merged from recordings of several versions. */
	readonly record_versions: readonly number[];
	readonly tinytap: string | null;
	readonly host: string | null;
	readonly kernel: string | null;
	readonly boot_id: string | null;
	readonly filters: string | null;
	/** Secrets were overwritten. */
	readonly redacted: boolean;
	/** It was captured with `--tls`, so it may hold plaintext of TLS. */
	readonly tls: boolean;
	/** The condition of `record --where`. */
	readonly where: string | null;
	readonly body_limit: number | 'none' | null;
	/** For a file of a rotation: the recording's id, and the number of this part. */
	readonly recording: string | null;
	readonly part: number | null;
	/** How many recordings were merged into it. */
	readonly merged: number | null;
	/** Wall times of the first and the last record. */
	readonly start: string | null;
	readonly end: string | null;
	readonly duration_ms: number | null;
	readonly frames: number | null;
	readonly records: number | null;
	/** Of a file of another program: the packets or entries in it, its link layers, and the program that wrote it. */
	readonly packets: number | null;
	readonly entries: number | null;
	readonly link_layers: readonly string[] | null;
	readonly written_by: string | null;
	readonly connections: number;
	readonly exchanges: { readonly server: number; readonly client: number; readonly unknown: number };
	readonly loss: readonly {
		readonly reason: string;
		readonly kind: string;
		readonly events: number;
		readonly bytes: number;
	}[];
	/** What of a file of another program was not read, in sentences. */
	readonly notes: readonly string[];
	readonly state: 'complete' | 'truncated' | 'damaged';
	readonly damage: RecordingDamage | null;
};

/** Reads a file to its end. Throws a UserError if it cannot be replayed. */
export function recordingInfo(path: string, user: InvokingUser): RecordingInfo {
	const reader = openReplay(path, user);
	const recording = reader instanceof RecordingReader ? reader : undefined;
	try {
		const counts = countAll(reader);
		const { contents } = reader;
		const { meta, bodyLimit, damage } = reader;
		const text = (name: string) => (meta[name] === undefined ? null : String(meta[name]));
		const number = (name: string) => (typeof meta[name] === 'number' ? meta[name] : null);
		return {
			file: path,
			format: reader.format,
			bytes: reader.size,
			compression: recording?.isCompressed ? 'gzip' : null,
			format_version: recording?.version ?? null,
			record_versions: recording === undefined ? [] : [...counts.versions].toSorted((a, b) => a - b),
			...{ tinytap: text('tinytap'), host: text('host'), kernel: text('kernel'), boot_id: text('boot_id') },
			...{
				filters: text('filters'),
				where: text('where'),
				redacted: meta.redacted !== undefined,
				tls: meta.tls !== undefined,
			},
			body_limit: bodyLimit === undefined ? null : Number.isFinite(bodyLimit) ? bodyLimit : 'none',
			...{ recording: text('recording'), part: number('part'), merged: number('merged') },
			...counts.times,
			frames: recording === undefined ? null : counts.frames,
			records: recording === undefined ? null : counts.records,
			...{ packets: contents?.packets ?? null, entries: contents?.entries ?? null },
			link_layers: contents?.packets === undefined ? null : contents.links,
			written_by: contents?.writer || null,
			connections: counts.connections,
			exchanges: { server: counts.sides[1]!, client: counts.sides[2]!, unknown: counts.sides[0]! },
			loss: counts.loss,
			notes: (reader.warnings?.() ?? []).map(({ message }) => message.replace(`${path}: `, '')),
			state: damage?.what ?? 'complete',
			damage: damage ?? null,
		};
	} finally {
		reader.close();
	}
}

type Counts = {
	frames: number;
	records: number;
	readonly versions: Set<number>;
	connections: number;
	/** Exchanges by SIDE_*. */
	readonly sides: [number, number, number];
	times: Pick<RecordingInfo, 'start' | 'end' | 'duration_ms'>;
	loss: RecordingInfo['loss'];
};

function countAll(reader: ReplayFile): Counts {
	const limit = reader.bodyLimit ?? DEFAULT_BODY_LIMIT;
	const decoder = createDecoder(readFileSync(FILES.decoder), { bodyLimit: Number.isFinite(limit) ? limit : -1 });
	const counts: Counts = {
		...{ frames: 0, records: 0, connections: 0, sides: [0, 0, 0], versions: new Set<number>() },
		...{ times: { start: null, end: null, duration_ms: null }, loss: [] },
	};
	const clock = new Times();
	for (;;) {
		const input = decoder.input(FRAME_PAYLOAD_MAX);
		const length = reader.nextBatch(input);
		if (length === 0) break;
		countRecords(input.subarray(0, length), counts, clock);
		decodeBatch(decoder, length, counts);
	}
	decoder.finish();
	countEntries(decoder, counts);
	// Exchanges that were open at the end.
	decoder.snapshot(layout.SNAPSHOT_CONNECTIONS);
	countEntries(decoder, counts);
	counts.times = clock.span;
	counts.loss = decoder.loss().flatMap(({ events, bytes }, index) => {
		const { reason, kind } = LOSS_REASONS[index]!;
		return events > 0 || bytes > 0 ? [{ reason, kind, events, bytes }] : [];
	});
	return counts;
}

function countRecords(batch: Uint8Array, counts: Counts, clock: Times): void {
	const records = new Records(batch);
	let isGap = false;
	while (records.step()) {
		const version = records.isRecord ? records.view.getUint8(records.at + EVENT_VERSION) : 0;
		// This record replaces bytes that cannot be read.
		isGap = version === 0;
		if (isGap) continue;
		counts.records++;
		counts.versions.add(version);
		if (records.isReadable) clock.take(records);
	}
	if (!isGap) counts.frames++;
}

function decodeBatch(decoder: Decoder, length: number, counts: Counts): void {
	for (let from = 0; from < length; ) {
		from = decoder.decodePart(from, length);
		countEntries(decoder, counts);
	}
	let isSettled = false;
	while (!isSettled) {
		isSettled = decoder.settle();
		countEntries(decoder, counts);
	}
}

/** Counts the output of the decoder and clears it. */
function countEntries(decoder: Decoder, counts: Counts): void {
	const output = decoder.output();
	const view = new DataView(output.buffer, output.byteOffset, output.byteLength);
	for (let at = 0; at < output.byteLength; at += view.getUint32(at, true)) {
		const type = view.getUint32(at + layout.ENTRY_TYPE, true);
		if (type === layout.ENTRY_EXCHANGE) counts.sides[view.getUint32(at + layout.EXCHANGE_SIDE, true) as 0 | 1 | 2]++;
		else if (type === layout.ENTRY_CONNECTION) counts.connections++;
	}
	decoder.clearOutput();
}

/** The first and the last time of a recording. */
class Times {
	#firstNs: bigint | undefined;
	#lastNs = 0n;
	#firstAnchorNs: bigint | undefined;
	#lastAnchorNs = 0n;

	take(records: Records): void {
		const anchor = records.wallMinusBootNs;
		if (anchor !== undefined) {
			this.#firstAnchorNs ??= anchor;
			this.#lastAnchorNs = anchor;
			// Earlier records are about connections that were already open.
			this.#firstNs ??= records.timeNs;
		}
		const { timeNs } = records;
		if (timeNs > this.#lastNs) this.#lastNs = timeNs;
	}

	get span(): Counts['times'] {
		if (this.#firstNs === undefined || this.#firstAnchorNs === undefined)
			return { start: null, end: null, duration_ms: null };
		const wall = (ns: bigint) => formatTimestamp(Number(ns / 1000n));
		return {
			start: wall(this.#firstNs + this.#firstAnchorNs),
			end: wall(this.#lastNs + this.#lastAnchorNs),
			duration_ms: Number((this.#lastNs - this.#firstNs) / 1000n) / 1000,
		};
	}
}
