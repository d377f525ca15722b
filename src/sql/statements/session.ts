// The views and temporary tables that a user creates. They exist only in memory and end with the session.
import type {
	Column,
	ColumnReader,
	ColumnType,
	DatabaseSnapshot,
	SqlValue,
	TableSnapshot,
	TimeType,
} from '../../store/table.ts';
import type { Schema, View } from '../bind/schema.ts';
import { SqlError } from '../limits/sql-error.ts';
import { dateText, instantText, localText } from '../values/instant.ts';
import { clockText, intervalText, parseInterval } from '../values/interval.ts';
import { measure } from '../values/measure.ts';
import { applyNumeric, encodeUtf8, toDouble, toSqlValue, toText } from '../values/value.ts';
import type { ResultColumn } from './result.ts';

/** Maximum number of rows in all temporary tables together. */
const MAX_ROWS = 1_000_000;

type TemporaryTable = {
	readonly name: string;
	readonly columns: readonly Column[];
	values: SqlValue[][];
	rowCount: number;
};

export class Session {
	readonly #views = new Map<string, View>();
	readonly #tables = new Map<string, TemporaryTable>();

	/** The tables of `schema` with the user's views and tables. */
	schema(schema: Schema): Schema {
		const own = [...this.#tables.values()].map((table) => [table.name, table] as const);
		return { tables: new Map([...schema.tables, ...own]), views: this.#views };
	}

	database(database: DatabaseSnapshot): DatabaseSnapshot {
		if (this.#tables.size === 0) return database;
		const own = [...this.#tables.values()].map((table) => [table.name, snapshotOf(table)] as const);
		return { tables: new Map([...database.tables, ...own]) };
	}

	get views(): readonly View[] {
		return [...this.#views.values()];
	}

	get tableNames(): readonly string[] {
		return [...this.#tables.values()].map((table) => table.name);
	}

	/** The kind of object that the user has created under this name. */
	has(name: string): 'view' | 'table' | undefined {
		const key = name.toLowerCase();
		return this.#views.has(key) ? 'view' : this.#tables.has(key) ? 'table' : undefined;
	}

	setView(view: View): void {
		this.#views.set(view.name.toLowerCase(), view);
	}

	dropView(name: string): boolean {
		return this.#views.delete(name.toLowerCase());
	}

	createTable(name: string, columns: readonly ResultColumn[], rows: readonly SqlValue[][]): number {
		const typed = columns.map(
			({ name: column, type }, index): Column => ({
				name: column,
				type: type === 'any' ? typeOf(rows, index) : type,
				description: '',
			}),
		);
		const table: TemporaryTable = { name, columns: typed, values: typed.map(() => []), rowCount: 0 };
		this.#append(table, rows);
		this.#tables.set(name.toLowerCase(), table);
		return rows.length;
	}

	dropTable(name: string): boolean {
		return this.#tables.delete(name.toLowerCase());
	}

	columnsOf(name: string): readonly Column[] | undefined {
		return this.#tables.get(name.toLowerCase())?.columns;
	}

	/** Appends rows. Values are converted to the types of their columns. */
	insert(name: string, rows: readonly SqlValue[][]): void {
		this.#append(this.#tables.get(name.toLowerCase())!, rows);
	}

	/** Keeps only the rows with these numbers. */
	keep(name: string, rows: readonly number[]): void {
		const table = this.#tables.get(name.toLowerCase())!;
		table.values = table.values.map((values) => rows.map((row) => values[row]!));
		table.rowCount = rows.length;
	}

	#append(table: TemporaryTable, rows: readonly SqlValue[][]): void {
		const total = [...this.#tables.values()].reduce((sum, { rowCount }) => sum + rowCount, 0);
		if (total + rows.length > MAX_ROWS) {
			throw new SqlError(
				`temporary tables may have ${MAX_ROWS} rows in total`,
				'ERR_SQL_TOO_LARGE',
				undefined,
				'drop one with DROP TABLE, or use a view',
			);
		}
		table.columns.forEach(({ type }, index) => {
			for (const row of rows) table.values[index]!.push(asType(row[index]!, type));
		});
		table.rowCount += rows.length;
	}
}

/** A column type for all of these values. */
function typeOf(rows: readonly SqlValue[][], index: number): ColumnType {
	let type: ColumnType | undefined;
	for (const row of rows) {
		const value = row[index]!;
		if (value === null) continue;
		const next =
			typeof value === 'string'
				? 'text'
				: value instanceof Uint8Array
					? 'blob'
					: typeof value === 'bigint' || Number.isSafeInteger(value)
						? 'int'
						: 'float';
		if (type === undefined || type === next) type = next;
		else if ((type === 'int' && next === 'float') || (type === 'float' && next === 'int')) type = 'float';
		else return 'text';
	}
	return type ?? 'text';
}

function asType(value: SqlValue, type: ColumnType): SqlValue {
	if (value === null) return null;
	switch (type) {
		case 'int': {
			const number = toSqlValue(applyNumeric(value));
			if (typeof number === 'bigint' || Number.isSafeInteger(number)) return number;
			throw new SqlError(`expected an integer, got ${toText(value).slice(0, 40)}`, 'ERR_SQL_VALUE');
		}
		case 'float': {
			const number = applyNumeric(value);
			if (typeof number !== 'string' && !(number instanceof Uint8Array)) return toDouble(number);
			throw new SqlError(`expected a number, got ${toText(value).slice(0, 40)}`, 'ERR_SQL_VALUE');
		}
		case 'blob':
			return value instanceof Uint8Array ? value : encodeUtf8(toText(value));
		case 'text':
		case 'json':
			return toText(value);
		default:
			return timeText(toText(value), type);
	}
}

/** The text of a time or an interval, in the canonical form of its type. */
function timeText(text: string, type: TimeType): string | null {
	if (type === 'interval') {
		const interval = parseInterval(text);
		if (interval !== undefined) return intervalText(interval);
		throw new SqlError(
			`expected an interval, got '${text.slice(0, 40)}'`,
			'ERR_SQL_VALUE',
			undefined,
			"write it as '5 minutes' or '10ms'",
		);
	}
	const number = measure(text, type === 'time' ? 'clock' : type === 'local' ? 'local' : 'instant');
	if (Number.isNaN(number))
		throw new SqlError(
			`expected a ${type === 'local' ? 'local datetime' : type}, got '${text.slice(0, 40)}'`,
			'ERR_SQL_VALUE',
			undefined,
			type === 'time' ? "write it as '12:56:01'" : "write it as '2026-11-22 12:56:01'",
		);
	switch (type) {
		case 'time':
			return clockText(number);
		case 'date':
			return dateText(number);
		case 'local':
			return localText(number);
		default:
			return instantText(number);
	}
}

function snapshotOf({ name, columns, values, rowCount }: TemporaryTable): TableSnapshot {
	return {
		name,
		columns,
		rowCount,
		reader: (index): ColumnReader => {
			const column = values[index]!;
			const { type } = columns[index]!;
			const value = (row: number) => column[row]!;
			if (type !== 'int' && type !== 'float') return { value };
			return { value, number: (row) => (column[row] === null ? Number.NaN : Number(column[row])) };
		},
	};
}
