// Whole queries, or the groups of one, as a SELECT of ClickHouse.
import {
	type Bound,
	type Compiler,
	identities,
	type OrderTerm,
	planJoin,
	pushedConditions,
	type QueryPlan,
	type SelectPlan,
	type Source,
} from '../../sql/sql-plans.ts';
import type { WantedRows } from '../../store/row-source.ts';
import type { Column, ColumnType } from '../../store/table.ts';
import type { RemoteColumn, RemoteTable } from '../store-layout.ts';
import { fromText, textLiteral } from '../store-sql.ts';
import { aggregate, keyText } from './aggregates.ts';
import { ExpressionTranslator, type Names } from './expression.ts';
import { asInt, type Kind, refuse, type Translated, translated, unless } from './translated.ts';

export type TranslatedQuery = {
	readonly text: string;
	readonly columns: readonly { readonly column: Column; readonly kind: Kind; readonly nullable: boolean }[];
	readonly reads: readonly Pick<WantedRows, 'table' | 'conditions'>[];
};

export type StoreTables = {
	readonly tables: ReadonlyMap<string, RemoteTable>;
	readonly database: string;
};

type Selected = {
	readonly text: string;
	readonly columns: readonly Translated[];
	readonly name: (index: number) => string;
};

/** What a table of FROM has in ClickHouse, by the index of the column. */
type Columns = (index: number) => Translated;

export class QueryTranslator {
	readonly #store: StoreTables;
	readonly #c: Compiler;
	readonly #reads: Pick<WantedRows, 'table' | 'conditions'>[] = [];
	#aliases = 0;

	constructor(store: StoreTables, c: Compiler) {
		this.#store = store;
		this.#c = c;
	}

	/** The rows of a query, in its order. Throws NotThere. */
	query(plan: QueryPlan): TranslatedQuery {
		const { text, columns } = this.#select(selectOf(plan));
		return {
			text,
			columns: named(
				plan.columns.map(({ name }) => name),
				columns,
			),
			reads: this.#reads,
		};
	}

	/** The keys and the aggregates of a SELECT. Throws NotThere. */
	groups(plan: SelectPlan): TranslatedQuery {
		const scope = this.#from(plan);
		const keys = plan.keys.map((key) => this.#key(key, scope.t));
		const aggregates = plan.aggregates.map((call) => aggregate(call, scope.t));
		const all = [...keys, ...aggregates];
		const list = all.map(({ text }, index) => `${text} AS c${index}`).join(', ');
		const group = keys.length === 0 ? '' : ` GROUP BY ${keys.map((_, index) => `c${index}`).join(', ')}`;
		const text = `SELECT ${list}${scope.text}${group}`;
		return {
			text,
			columns: named(
				all.map((_, index) => `c${index}`),
				all,
			),
			reads: this.#reads,
		};
	}

	/** `name` gives the names of the columns by their places. */
	#select(plan: SelectPlan): Selected {
		const number = ++this.#aliases;
		const name = (index: number) => `c${number}_${index}`;
		if (plan.windows.length > 0) return refuse('window functions are computed here');
		const scope = this.#from(plan);
		const { t } = scope;
		const grouped = plan.grouped ? this.#grouped(plan, t) : undefined;
		const inner = grouped?.t ?? t;
		const columns = plan.outputs.map((output) => {
			if (plan.distinct && output.nocase) return refuse('texts without case are compared here');
			return inner.value(output);
		});
		const texts = columns.map((column) => (plan.distinct ? keyText(column) : column.text));
		const list = texts.map((text, index) => `${text} AS ${name(index)}`).join(', ');
		const having = plan.having === undefined ? '' : ` HAVING ${inner.condition(plan.having)}`;
		const text = [
			`SELECT ${plan.distinct ? 'DISTINCT ' : ''}${list}${scope.text}${grouped?.text ?? ''}${having}`,
			this.#order(plan, inner, name),
			this.#limit(plan),
		].join('');
		return { text, columns, name };
	}

	#grouped(plan: SelectPlan, t: ExpressionTranslator): { readonly text: string; readonly t: ExpressionTranslator } {
		const identify = identities();
		const own = new Set(plan.steps.map(({ source }) => source));
		const keys = new Map(plan.keys.map((key) => [identify(key), this.#key(key, t)]));
		const results = plan.aggregates.map((call) => aggregate(call, t));
		const over = new GroupTranslator(
			{
				// In a group, a column that is not a key comes from one of its rows.
				column: ({ source }) =>
					refuse(own.has(source) ? 'a column that is not grouped by is read here' : 'of a correlated subquery'),
				field: () => undefined,
				aggregate: (owner, slot) =>
					owner === plan.owner ? results[slot]! : refuse('an aggregate of an outer query is computed here'),
			},
			this.#c,
			(expression) => keys.get(identify(expression)),
		);
		const texts = [...keys.values()].map(({ text }) => text);
		return { text: texts.length === 0 ? '' : ` GROUP BY ${texts.join(', ')}`, t: over };
	}

	#key(key: Bound, t: ExpressionTranslator): Translated {
		if (key.nocase) return refuse('texts without case are compared here');
		if (key.constant) return refuse('a constant key is computed here');
		const given = t.value(key);
		const { kind, nullable } = given;
		if (kind === 'null') return refuse('a key without values is computed here');
		return translated(kind === 'truth' ? asInt(given) : keyText(given), kind === 'truth' ? 'int' : kind, nullable);
	}

	/** FROM and WHERE. */
	#from(plan: SelectPlan): { readonly text: string; readonly t: ExpressionTranslator } {
		const [step, ...others] = plan.steps;
		if (step === undefined) return refuse('there is no FROM');
		if (others.length > 0) return refuse('joins are computed here');
		const { source, filter } = step;
		const { text, columns, table } = this.#table(source);
		const names: Names = {
			column: (column) => (column.source === source ? columns(column.index) : refuse('of a correlated subquery')),
			field: (column, name) => fieldOf(column, name, source, table),
			aggregate: () => refuse('an aggregate of an outer query is computed here'),
		};
		const t = new ExpressionTranslator(names, this.#c);
		const conditions = [filter, plan.where].flatMap((each) => (each === undefined ? [] : [t.condition(each)]));
		if (source.origin.kind === 'table')
			this.#reads.push({
				table: source.origin.table,
				conditions: pushedConditions(planJoin(plan).steps[0]!.own, source, this.#c),
			});
		const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
		return { text: ` FROM ${text}${where}`, t };
	}

	#table(source: Source): { readonly text: string; readonly columns: Columns; readonly table?: RemoteTable } {
		const { origin } = source;
		if (origin.kind === 'table') {
			const table = this.#store.tables.get(origin.table)!;
			return {
				text: fromText(table, this.#store.database),
				columns: (index) => storedColumn(table.columns[index]!),
				table,
			};
		}
		if (origin.kind !== 'query') return refuse('such a table is read here');
		const { text, columns, name } = this.#select(selectOf(origin.plan));
		const alias = `t${++this.#aliases}`;
		return {
			text: `(${text}) AS ${alias}`,
			columns: (index) => ({ ...columns[index]!, text: `${alias}.${name(index)}`, time: undefined }),
		};
	}

	#order({ order, outputs, distinct }: SelectPlan, t: ExpressionTranslator, name: (index: number) => string): string {
		if (order.length === 0) return '';
		const identify = identities();
		const known = outputs.map((output) => identify({ ...output, nocase: false }));
		const terms = order.flatMap((term) => {
			if (term.expression.constant) return [];
			const place = known.indexOf(identify({ ...term.expression, nocase: false }));
			if (distinct && place < 0) return refuse('an order by other columns than those of DISTINCT is made here');
			return [orderText(term, t.value(term.expression), place < 0 ? undefined : name(place))];
		});
		return terms.length === 0 ? '' : ` ORDER BY ${terms.join(', ')}`;
	}

	#limit({ limit, offset }: SelectPlan): string {
		const read = (expression: Bound | undefined) => {
			if (expression === undefined) return undefined;
			const value = this.#c.any(expression)();
			if (typeof value !== 'number' || !Number.isSafeInteger(value)) return refuse('such a LIMIT is read here');
			return value < 0 ? undefined : value;
		};
		const [rows, skipped = 0] = [read(limit), read(offset)];
		if (rows === undefined) return skipped === 0 ? '' : ` LIMIT ${Number.MAX_SAFE_INTEGER} OFFSET ${skipped}`;
		return ` LIMIT ${rows}${skipped === 0 ? '' : ` OFFSET ${skipped}`}`;
	}
}

/** Reads expressions over groups: those that are equal to a key are its value. */
class GroupTranslator extends ExpressionTranslator {
	readonly #keyOf: (expression: Bound) => Translated | undefined;

	constructor(names: Names, c: Compiler, keyOf: (expression: Bound) => Translated | undefined) {
		super(names, c);
		this.#keyOf = keyOf;
	}

	override value(expression: Bound): Translated {
		return this.#keyOf(expression) ?? super.value(expression);
	}
}

function selectOf({ body, outer }: QueryPlan): SelectPlan {
	if (outer.size > 0) return refuse('a correlated subquery is computed here');
	if (body.kind === 'select') return body;
	return refuse(body.kind === 'compound' ? 'UNION and the like are computed here' : `${body.kind} is computed here`);
}

function orderText(
	{ expression, descending, nullsFirst }: OrderTerm,
	given: Translated,
	name: string | undefined,
): string {
	if (given.kind === 'null') return refuse('an order by NULL is made here');
	const text = expression.nocase ? `lower(${given.text})` : (name ?? given.text);
	if (expression.nocase && given.kind !== 'text') return refuse('such an order is made here');
	return `${text}${descending ? ' DESC' : ''} NULLS ${nullsFirst ? 'FIRST' : 'LAST'}`;
}

const KINDS: Readonly<Partial<Record<ColumnType, Kind>>> = {
	int: 'int',
	float: 'real',
	text: 'text',
	datetime: 'instant',
};

function storedColumn(column: RemoteColumn): Translated {
	const kind = KINDS[column.type];
	if (kind === undefined || column.fields !== undefined) return refuse(`${column.name} as a whole is read here`);
	return { text: column.expression, kind, nullable: column.nullable, time: column.time };
}

/** The value of a header field. Repeated ones are joined, which is left to this process. */
function fieldOf(column: Bound, name: string, source: Source, table: RemoteTable | undefined): Translated | undefined {
	if (column.kind !== 'column' || column.source !== source || table === undefined) return undefined;
	const { fields, expression } = table.columns[column.index]!;
	if (fields === undefined || !/^[\x21-\x7e]+$/.test(name)) return undefined;
	const names = fields.foldsNames ? `arrayMap(n -> lower(n), ${expression})` : expression;
	const wanted = textLiteral(fields.foldsNames ? name.toLowerCase() : name);
	const twice = unless(`countEqual(${names}, ${wanted}) > 1`);
	const at = `(indexOf(${names}, ${wanted}) + ${twice})`;
	return translated(`if(${at} = 0, NULL, ${fields.values}[${at}])`, 'text', true);
}

const TYPES: Readonly<Record<Kind, ColumnType>> = {
	...{ int: 'int', truth: 'int', real: 'float', text: 'text', instant: 'datetime', interval: 'interval', null: 'text' },
};

function named(names: readonly string[], columns: readonly Translated[]): TranslatedQuery['columns'] {
	return columns.map(({ kind, nullable }, index) => ({
		column: { name: names[index]!, type: TYPES[kind], description: '' },
		kind,
		nullable,
	}));
}
