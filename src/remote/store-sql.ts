// Pieces of ClickHouse's SQL: literals, conditions, and the SELECT that reads wanted rows.
import { identifier } from '../agent/clickhouse-ddl.ts';
import type { ConditionValue, LikeItem, RowCondition, WantedRows } from '../store/row-source.ts';
import type { RemoteColumn, RemoteTable } from './store-layout.ts';

const CONTROL: Readonly<Record<string, string>> = {
	...{ '\0': '\\0', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\', "'": "\\'" },
};

/** A text as a literal. */
export function textLiteral(text: string): string {
	return `'${text.replace(/[\0\b\f\n\r\t\\']/g, (sign) => CONTROL[sign]!)}'`;
}

/** Whether a text can be sent: half of a surrogate pair cannot. */
export function isWhole(text: string): boolean {
	return !/\p{Surrogate}/u.test(text);
}

/** A finite number as a literal. */
export function numberLiteral(value: number | bigint): string {
	const text = Object.is(value, -0) ? '0' : String(value);
	return text.startsWith('-') ? `(${text})` : text;
}

/** Times in these years can be compared as DateTime64. */
const [FIRST_US, LAST_US] = [Date.UTC(1971) * 1000, Date.UTC(2200) * 1000];
const LAST_SECOND = 2 ** 32 - 1;

/** A table as it stands after FROM. */
export function fromText({ from }: RemoteTable, database: string): string {
	const name = identifier(database);
	if (from.startsWith('(')) return from.replaceAll('{database}', name);
	// `TABLE FINAL` stays as it is.
	return `${name}.${from}`;
}

/** The SELECT for rows that a source is asked for. */
export function selectText(wanted: WantedRows, table: RemoteTable, database: string): string {
	const conditions = wanted.conditions.flatMap((condition) => conditionText(condition, table) ?? []);
	const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
	// FINAL fails on distributed tables of old versions.
	const once = table.uniqueBy.length === 0 ? '' : ` LIMIT 1 BY ${table.uniqueBy.join(', ')}`;
	const from = ` FROM ${fromText(table, database)}${where}${once} LIMIT ${wanted.atMost + 1}`;
	if (wanted.columns.length === 0) return `SELECT count() FROM (SELECT 1${from})`;
	const columns = wanted.columns.flatMap((index) => readText(table.columns[index]!));
	return `SELECT ${columns.join(', ')}${from}`;
}

/** The expressions that are read for a column. */
function readText({ expression, fields }: RemoteColumn): string[] {
	return fields === undefined ? [expression] : [expression, fields.values, fields.absentIf];
}

/** How many cells a column takes in the answer. */
export function cellCount({ fields }: RemoteColumn): number {
	return fields === undefined ? 1 : 3;
}

/** The condition in ClickHouse's SQL; undefined if it cannot be tested there. It holds for all rows that it should. */
export function conditionText(condition: RowCondition, table: RemoteTable): string | undefined {
	if (condition.kind === 'and' || condition.kind === 'or') {
		const texts = condition.conditions.map((each) => conditionText(each, table));
		const known = texts.filter((text) => text !== undefined);
		if (known.length === 0 || (condition.kind === 'or' && known.length < texts.length)) return undefined;
		return known.length === 1 ? known[0] : `(${known.join(condition.kind === 'and' ? ' AND ' : ' OR ')})`;
	}
	const column = table.columns[condition.column]!;
	if (column.fields !== undefined) return undefined;
	const { expression } = column;
	switch (condition.kind) {
		case 'null':
			return column.nullable ? `${condition.not ? 'isNotNull' : 'isNull'}(${expression})` : undefined;
		case 'in': {
			const values = condition.values.map((value) => valueText(value, column));
			if (values.includes(undefined)) return undefined;
			return `${expression} ${condition.not ? 'NOT IN' : 'IN'} (${values.join(', ')})`;
		}
		case 'like':
			return likeText(expression, condition.pattern, condition.not);
		default:
			return compareText(column, condition.operator, condition.value);
	}
}

type CompareCondition = Extract<RowCondition, { kind: 'compare' }>;

function compareText(
	column: RemoteColumn,
	operator: CompareCondition['operator'],
	value: ConditionValue,
): string | undefined {
	const text = valueText(value, column);
	if (text === undefined) return undefined;
	const plain = `${column.expression} ${operator} ${text}`;
	if (column.time === undefined || typeof value !== 'number') return plain;
	return timeText(column.time, plain, operator, value);
}

/** By the stored time, rows are found without reading all of them. `plain`: the comparison of microseconds. */
export function timeText(
	{ column, type }: NonNullable<RemoteColumn['time']>,
	plain: string,
	operator: CompareCondition['operator'],
	us: number,
): string {
	if (operator === '<>' || us < FIRST_US || us > LAST_US) return plain;
	if (type === 'microseconds')
		return Number.isInteger(us) ? `${column} ${operator} fromUnixTimestamp64Micro(${us})` : plain;
	const atLeast = `${column} >= toDateTime(${Math.floor(us / 1e6)})`;
	const atMost = `${column} <= toDateTime(${Math.min(LAST_SECOND, Math.ceil(us / 1e6))})`;
	if (Math.floor(us / 1e6) > LAST_SECOND) return plain;
	if (operator === '=') return `(${plain} AND ${atLeast} AND ${atMost})`;
	return `(${plain} AND ${operator.startsWith('>') ? atLeast : atMost})`;
}

function valueText(value: ConditionValue, { type }: RemoteColumn): string | undefined {
	if (typeof value === 'string') return type === 'text' && isWhole(value) ? textLiteral(value) : undefined;
	if (type === 'text' || type === 'json' || type === 'blob') return undefined;
	// ClickHouse would compare it as a double.
	if (type === 'float' && typeof value === 'bigint') return undefined;
	return numberLiteral(value);
}

/** Old versions match `_` with one byte, so it becomes `%`, which matches more. */
function likeText(expression: string, pattern: readonly LikeItem[], not: boolean): string | undefined {
	if (not && pattern.includes('one')) return undefined;
	const parts = pattern.map((item) =>
		typeof item === 'object' ? item.text.replace(/[\\%_]/g, (sign) => `\\${sign}`) : '%',
	);
	const text = parts.join('').replace(/(?<!\\)%%+/g, '%');
	if (!isWhole(text)) return undefined;
	return `lower(${expression}) ${not ? 'NOT LIKE' : 'LIKE'} ${textLiteral(text)}`;
}
