// Exchanges and rows without the bodies that `--keep-bodies` does not want. Their notes say so, and their sizes stay.
import type { SqlValue } from '../store/table.ts';
import type { ResultColumn } from './cell-text.ts';
import type { ExchangeDetail } from './exchange-parts.ts';

const MESSAGES = ['req', 'res'] as const;

/** The same exchange without its bodies and the messages in them. */
export function withoutBodies(exchange: ExchangeDetail): ExchangeDetail {
	const columns: Record<string, SqlValue> = { ...exchange.columns };
	for (const message of MESSAGES)
		leaveOut(
			message,
			(name) => columns[name] ?? null,
			(name, value) => {
				columns[name] = value;
			},
		);
	const { messages: _, ...others } = exchange;
	return { ...others, columns };
}

/** The same for the rows of a result with these columns. */
export function rowsWithoutBodies(columns: readonly ResultColumn[]): (row: readonly SqlValue[]) => SqlValue[] {
	const places = new Map(columns.map(({ name }, index) => [name, index]));
	return (row) => {
		const changed = [...row];
		for (const message of MESSAGES)
			leaveOut(
				message,
				(name) => changed[places.get(name) ?? -1] ?? null,
				(name, value) => {
					const place = places.get(name);
					if (place !== undefined) changed[place] = value;
				},
			);
		return changed;
	};
}

/** A body of which nothing is held keeps its note. */
function leaveOut(
	message: 'req' | 'res',
	get: (name: string) => SqlValue,
	set: (name: string, value: SqlValue) => void,
): void {
	const [text, raw] = [`${message}_body`, `${message}_body_raw`];
	const isHeld = [get(text), get(raw)].some(
		(value) => (typeof value === 'string' || value instanceof Uint8Array) && value.length > 0,
	);
	if (!isHeld) return;
	set(text, null);
	set(raw, null);
	const bytes = Number(get(`${message}_body_bytes`));
	set(`${message}_body_note`, `body: ${bytes === 1 ? '1 byte' : `${bytes} bytes`} left out by --keep-bodies`);
}
