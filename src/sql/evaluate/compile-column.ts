// Reads columns: directly from a table's readers, or from the rows of a subquery.
import type { ColumnReader } from '../../store/table.ts';
import type { Bound } from '../bind/bound.ts';
import { parseInterval } from '../values/interval.ts';
import { toText, type Value } from '../values/value.ts';
import { type Cursor, cursorOf, type Evaluator, type NumberEvaluator, type Runtime } from './runtime.ts';

type ColumnNode = Extract<Bound, { kind: 'column' }>;

/** Texts with codes above this are not cached. */
const MAX_KEPT_CODE = 1 << 20;

export function compileColumn(column: ColumnNode, runtime: Runtime): Evaluator {
	const cursor = cursorOf(column.source, runtime);
	const { index } = column;
	if (cursor.table === undefined) {
		// Row -1, which only an outer join sets, reads as undefined: NULL.
		return () => cursor.rows!.columns[index]![cursor.row] ?? null;
	}
	const reader = cursor.reader(index);
	const read =
		column.type === 'interval'
			? () => storedInterval(reader.value(cursor.row))
			: reader.code === undefined
				? () => reader.value(cursor.row)
				: codedText(reader, cursor);
	if (!column.source.nullable) return read;
	return () => (cursor.row < 0 ? null : read());
}

/** Tables store intervals as text. */
function storedInterval(text: Value): Value {
	return text === null ? null : (parseInterval(toText(text)) ?? null);
}

/** Decodes each distinct text once. */
function codedText(reader: ColumnReader, cursor: Cursor): Evaluator {
	const texts: Value[] = [];
	return () => {
		const code = reader.code!(cursor.row);
		if (code < 0) return null;
		if (code > MAX_KEPT_CODE) return reader.value(cursor.row);
		const known = texts[code];
		if (known !== undefined) return known;
		const text = reader.value(cursor.row);
		texts[code] = text;
		return text;
	};
}

/** Reads the column as a double, in microseconds for a datetime. Undefined if its reader cannot. */
export function compileColumnNumber(column: ColumnNode, runtime: Runtime): NumberEvaluator | undefined {
	const cursor = cursorOf(column.source, runtime);
	const reader = cursor.table === undefined ? undefined : cursor.reader(column.index);
	if (reader?.number === undefined) return undefined;
	if (!column.source.nullable) return () => reader.number!(cursor.row);
	return () => (cursor.row < 0 ? Number.NaN : reader.number!(cursor.row));
}

/** Reads the codes of a text column, -1 for NULL. Undefined if it has no codes. */
export function compileColumnCode(column: ColumnNode, runtime: Runtime): NumberEvaluator | undefined {
	const cursor = cursorOf(column.source, runtime);
	const reader = cursor.table === undefined ? undefined : cursor.reader(column.index);
	if (reader?.code === undefined) return undefined;
	if (!column.source.nullable) return () => reader.code!(cursor.row);
	return () => (cursor.row < 0 ? -1 : reader.code!(cursor.row));
}
