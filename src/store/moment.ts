// The instant that an earlier statement saw, in order to read the same rows again. The rows are not retained for it:
// those evicted since then are missing.
import type { CaptureSnapshot } from './database.ts';

export type Moment = {
	/** Rows that had been appended, and how many of them the table had. */
	readonly appended: number;
	readonly rows: number;
	/** Copies of what was open then; undefined if they are too large to keep. */
	readonly entries: ArrayBuffer | undefined;
	readonly loss: CaptureSnapshot['loss'];
	readonly nowUs: number;
};

const ENTRIES_BYTES = 8 << 20;

export function momentOf({ store, entries, loss, nowUs }: CaptureSnapshot): Moment {
	return {
		appended: store.appended,
		rows: rowsIn(store.segments),
		entries: entries.byteLength <= ENTRIES_BYTES ? entries : undefined,
		loss,
		nowUs,
	};
}

/** A later snapshot, reduced to its state at `moment`. `evicted`: how many rows are missing. */
export function snapshotAt(
	{ appended, rows, entries, loss, nowUs }: Moment,
	later: CaptureSnapshot,
): { readonly snapshot: CaptureSnapshot; readonly evicted: number } {
	const segments = later.store.segments
		.filter(({ start }) => start < appended)
		.map((segment) => ({ ...segment, rows: Math.min(segment.rows, appended - segment.start) }));
	return {
		snapshot: {
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
