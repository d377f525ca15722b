// Table `loss`: what was not captured, one row per reason, including reasons that never occurred.

import type { Column, SqlValue, TableSnapshot } from './table.ts';
import { formatTimestamp } from './timestamp.ts';

export type LossKind = 'lost' | 'by_design';

/** In the order of enum capture_loss. */
export const LOSS_REASONS: readonly { readonly reason: string; readonly kind: LossKind }[] = [
	{ reason: 'ring_full', kind: 'lost' },
	{ reason: 'map_full', kind: 'lost' },
	{ reason: 'fault', kind: 'lost' },
	{ reason: 'iovec_bound', kind: 'lost' },
	{ reason: 'decode_gap', kind: 'lost' },
	{ reason: 'table_full', kind: 'lost' },
	{ reason: 'output_dropped', kind: 'lost' },
	{ reason: 'recording_stopped', kind: 'lost' },
	{ reason: 'body_limit', kind: 'by_design' },
	{ reason: 'capture_limit', kind: 'by_design' },
	{ reason: 'zero_copy', kind: 'by_design' },
	{ reason: 'peek', kind: 'by_design' },
	{ reason: 'excluded', kind: 'by_design' },
	{ reason: 'evicted', kind: 'by_design' },
	{ reason: 'unseen', kind: 'lost' },
	{ reason: 'missed', kind: 'lost' },
	{ reason: 'tls_late', kind: 'lost' },
	{ reason: 'tls_unmapped', kind: 'lost' },
];

/** Totals of one reason since the start; `lastUs` is NaN if it never occurred. */
export type LossTotal = { events: number; bytes: number; lastUs: number };

export const LOSS_COLUMNS: readonly Column[] = [
	{ name: 'reason', type: 'text', description: 'why' },
	{ name: 'kind', type: 'text', description: 'lost, or by_design (a limit, or bytes that never pass user memory)' },
	{ name: 'events', type: 'int', description: 'how often' },
	{ name: 'bytes', type: 'int', description: 'how many bytes' },
	{ name: 'last_ts', type: 'datetime', description: 'last time (UTC); NULL if never' },
];

/** Events of kind `lost`, for `--strict`, the prompt and the footer. `totals` is in the order of LOSS_REASONS. */
export function lostEvents(totals: readonly LossTotal[]): number {
	return LOSS_REASONS.reduce((sum, { kind }, i) => (kind === 'lost' ? sum + (totals[i]?.events ?? 0) : sum), 0);
}

/**
 * Reasons of kind `lost` with their events, e.g. `ring_full 3`. `unprinted`: events of output_dropped that are counted
 * elsewhere.
 */
export function lostReasons(totals: readonly LossTotal[], unprinted: number): string[] {
	return LOSS_REASONS.flatMap(({ reason, kind }, i) => {
		const events = reason === 'output_dropped' ? unprinted : (totals[i]?.events ?? 0);
		return kind === 'lost' && events > 0 ? [`${reason} ${events}`] : [];
	});
}

/** Bytes of kind `lost`. */
export function lostBytes(totals: readonly LossTotal[]): number {
	return LOSS_REASONS.reduce((sum, { kind }, i) => (kind === 'lost' ? sum + (totals[i]?.bytes ?? 0) : sum), 0);
}

export function lossTable(totals: readonly LossTotal[]): TableSnapshot {
	const cell = (row: number, index: number): SqlValue => {
		const total = totals[row] ?? { events: 0, bytes: 0, lastUs: Number.NaN };
		const { reason, kind } = LOSS_REASONS[row]!;
		return [reason, kind, total.events, total.bytes, formatTimestamp(total.lastUs)][index] ?? null;
	};
	return {
		name: 'loss',
		columns: LOSS_COLUMNS,
		rowCount: LOSS_REASONS.length,
		reader: (index) => ({ value: (row) => cell(row, index) }),
	};
}
