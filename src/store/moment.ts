// The instant that an earlier statement saw, in order to read the same rows again. The rows are not retained for it:
// those evicted since then are missing.
import type { CaptureSnapshot } from './database.ts';

export type Moment = {
	/** Rows that had been appended, and how many of them the table had. */
	readonly appended: number;
	readonly rows: number;
	/** Bytes of messages that had been appended; undefined if the table was not read. */
	readonly messages: number | undefined;
	/** Copies of what was open then; undefined if they are too large to keep. */
	readonly entries: ArrayBuffer | undefined;
	readonly loss: CaptureSnapshot['loss'];
	readonly nowUs: number;
};

const ENTRIES_BYTES = 8 << 20;

export function momentOf({ store, messages, entries, loss, nowUs }: CaptureSnapshot): Moment {
	return {
		appended: store.appended,
		rows: rowsIn(store.segments),
		messages: messages?.appended,
		entries: entries.byteLength <= ENTRIES_BYTES ? entries : undefined,
		loss,
		nowUs,
	};
}

/** A later snapshot, reduced to its state at `moment`. `evicted`: how many rows are missing. */
export function snapshotAt(
	{ appended, rows, messages, entries, loss, nowUs }: Moment,
	later: CaptureSnapshot,
): { readonly snapshot: CaptureSnapshot; readonly evicted: number } {
	const segments = later.store.segments
		.filter(({ start }) => start < appended)
		.map((segment) => ({ ...segment, rows: Math.min(segment.rows, appended - segment.start) }));
	const chunks = later.messages?.chunks
		.filter(({ start }) => messages !== undefined && start < messages)
		.map((chunk) => ({ ...chunk, end: Math.min(chunk.end, messages! - chunk.start) }));
	return {
		snapshot: {
			...(chunks === undefined ? {} : { messages: { ...later.messages!, appended: messages ?? 0, chunks } }),
			store: { ...later.store, appended, segments },
			entries: entries ?? later.entries,
			loss,
			nowUs,
		},
		evicted: rows - rowsIn(segments),
	};
}

function rowsIn(segments: CaptureSnapshot['store']['segments']): number {
	return segments.reduce((sum, { first, rows }) => sum + Math.max(0, rows - first), 0);
}
