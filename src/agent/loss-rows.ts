// The numbers of the table `loss` as rows for a store.
import { LOSS_REASONS, type LossTotal } from '../store/loss-table.ts';
import { formatTimestamp } from '../store/timestamp.ts';
import type { Row } from './row-lines.ts';
import { microsecondsOf } from './store-tables.ts';

/**
 * Returns, at each call, rows for those reasons whose numbers have changed. `totals` is in the order of LOSS_REASONS,
 * `exchanges` the number of exchanges so far.
 */
export function createLossRows(): (totals: readonly LossTotal[], nowUs: number, exchanges: number) => Row[] {
	const before = new Map<string, number>();
	let exchangesBefore = 0;
	return (totals, nowUs, exchanges) => {
		const changed = LOSS_REASONS.map((what, index) => ({ ...what, total: totals[index] })).filter(
			({ reason, total }) => total !== undefined && total.events !== (before.get(reason) ?? 0),
		);
		// Sending is itself excluded traffic, whose bodies are not captured either, and must not cause another row.
		const isOwn = (kind: string, reason: string) =>
			reason === 'excluded' || (kind === 'by_design' && exchanges === exchangesBefore);
		if (changed.every(({ kind, reason }) => isOwn(kind, reason))) return [];
		exchangesBefore = exchanges;
		return changed.map(({ reason, kind, total }) => {
			before.set(reason, total!.events);
			const time = `"ts":"${formatTimestamp(nowUs)}","${microsecondsOf('ts')}":${nowUs}`;
			const { events, bytes } = total!;
			return [`${time},"reason":"${reason}","kind":"${kind}","events":${events},"bytes":${bytes}`, nowUs];
		});
	};
}
