// The numbers of the table `loss` as rows for a store.
import { LOSS_REASONS, type LossTotal } from '../store/loss-table.ts';
import { formatTimestamp } from '../store/timestamp.ts';
import type { Row } from './row-lines.ts';
import { microsecondsOf } from './store-tables.ts';

/** Returns, at each call, rows for those reasons whose numbers have changed. `totals` is in the order of LOSS_REASONS. */
export function createLossRows(): (totals: readonly LossTotal[], nowUs: number) => Row[] {
	const before = new Map<string, number>();
	return (totals, nowUs) => {
		const changed = LOSS_REASONS.map((what, index) => ({ ...what, total: totals[index] })).filter(
			({ reason, total }) => total !== undefined && total.events !== (before.get(reason) ?? 0),
		);
		// Sending is itself excluded traffic, and must not cause another row.
		if (changed.every(({ reason }) => reason === 'excluded')) return [];
		return changed.map(({ reason, kind, total }) => {
			before.set(reason, total!.events);
			const time = `"ts":"${formatTimestamp(nowUs)}","${microsecondsOf('ts')}":${nowUs}`;
			const { events, bytes } = total!;
			return [`${time},"reason":"${reason}","kind":"${kind}","events":${events},"bytes":${bytes}`, nowUs];
		});
	};
}
