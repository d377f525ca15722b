// Divides a statement between a source of rows and this process. The largest parts that the source can compute itself are
// replaced by their results; of the other tables of the source, the rows that the statement needs are read.
import type { RowSource, WantedRows } from '../../store/row-source.ts';
import type { TableSnapshot } from '../../store/table.ts';
import type { Bound, QueryPlan, SelectPlan, Source } from '../bind/bound.ts';
import { subqueryOf } from '../bind/bound-walk.ts';
import { expressionsOf, walkExpression, walkPlan } from '../bind/plan-walk.ts';
import { columnFacts } from '../bind/schema.ts';
import type { Compiler } from '../evaluate/runtime.ts';
import { SqlError } from '../limits/sql-error.ts';
import type { ComputedPart, PlanComputer } from './computed-part.ts';
import { FetchedRows } from './fetched-table.ts';
import { groupedOver } from './grouped-plan.ts';
import { keyOf, type Reader, type RemoteLimits, wantedRows } from './remote-rows.ts';

/** What is read for one table of FROM. */
type Fetch = { readonly mention: Source; readonly of: WantedRows | ComputedPart };

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export class RemotePlan {
	readonly #source: RowSource;
	readonly #computer: PlanComputer | undefined;
	readonly #limits: RemoteLimits;
	readonly #c: Compiler;
	readonly #fetches: Fetch[] = [];
	/** Why parts are computed here. */
	readonly #reasons = new Set<string>();

	/** Changes the plan of `reader`, which can run afterwards only with the rows of fetch(). */
	constructor(
		reader: Reader,
		source: RowSource,
		computer: PlanComputer | undefined,
		limits: RemoteLimits,
		c: Compiler,
	) {
		this.#source = source;
		this.#computer = computer;
		this.#limits = limits;
		this.#c = c;
		if (computer !== undefined) {
			if ('plan' in reader) this.#divide(reader.plan);
			else this.#divideSubqueries([reader.condition]);
		}
		for (const [mention, of] of wantedRows(reader, source, limits, c)) this.#fetches.push({ mention, of });
	}

	/** The tables that are read, with conditions that hold for all rows that matter. */
	get reads(): readonly Pick<WantedRows, 'table' | 'conditions'>[] {
		return this.#fetches.flatMap(({ of }) => ('reads' in of ? of.reads : [of]));
	}

	/** For EXPLAIN. */
	explain(): string[] {
		const { name } = this.#source;
		const parts = this.#fetches.map(({ of }) =>
			'reads' in of
				? [`computed by ${name}:`, `  ${of.text}`]
				: [`read from ${name}:`, ...this.#source.explain(of).map((line) => `  ${line}`)],
		);
		const texts = [...new Set(parts.map((lines) => lines.join('\n')))].flatMap((text) => text.split('\n'));
		const reasons = [...this.#reasons].map((reason) => `computed here, because ${reason}`);
		return this.#fetches.length === 0 ? [] : [...texts, ...reasons];
	}

	/** Reads everything. Throws a SqlError if it is too much. `onRows` is called with the number of rows so far. */
	async fetch(
		signal: AbortSignal,
		onRows: (rows: number) => void = () => undefined,
	): Promise<Map<Source, FetchedTable>> {
		const tables = new Map<Source, FetchedTable>();
		const known = new Map<string, FetchedTable>();
		let rows = 0;
		let bytes = 0;
		for (const { mention, of } of this.#fetches) {
			const key = 'reads' in of ? of.text : keyOf(of);
			let table = known.get(key);
			if (table === undefined) {
				const { name, columns, wanted, batches } = this.#reading(of, signal);
				const fetched = new FetchedRows(name, columns, wanted);
				for await (const batch of batches) {
					bytes += fetched.append(batch.rowCount, batch.columns);
					if (fetched.rowCount > this.#limits.rows) throw tooManyRows(name, this.#limits, this.#source);
					if (bytes > this.#limits.bytes) throw tooManyBytes(this.#limits, this.#source);
					onRows(rows + fetched.rowCount);
				}
				rows += fetched.rowCount;
				table = { snapshot: fetched.snapshot(), columns: wanted };
				known.set(key, table);
			}
			tables.set(mention, table);
		}
		return tables;
	}

	#reading(of: WantedRows | ComputedPart, signal: AbortSignal) {
		if (!('reads' in of)) {
			const { columns } = this.#source.tables.get(of.table)!;
			return { name: of.table, columns, wanted: of.columns, batches: this.#source.read(of, signal) };
		}
		const wanted = of.columns.map((_, index) => index);
		return { name: 'the result', columns: of.columns, wanted, batches: of.read(this.#limits.rows, signal) };
	}

	/** Replaces the plan by its result, or else parts of it. */
	#divide(plan: Mutable<QueryPlan>): void {
		const mentions = this.#mentions(plan);
		if (!mentions.some(({ isRemote }) => isRemote)) return;
		if (plan.outer.size === 0 && mentions.every(({ isRemote }) => isRemote)) {
			const computed = this.#computer!.query(plan, this.#c);
			if (!('because' in computed)) {
				plan.body = this.#resultOf(computed, plan);
				return;
			}
			if (this.#divideGroups(plan)) return;
			this.#reasons.add(computed.because);
		}
		const { body } = plan;
		switch (body.kind) {
			case 'select':
				for (const { source } of body.steps) if (source.origin.kind === 'query') this.#divide(source.origin.plan);
				this.#divideSubqueries([...body.steps.flatMap(({ filter, on }) => [filter, on]), ...expressionsOf(body)]);
				return;
			case 'compound':
				for (const part of [body.first, ...body.rest.map((each) => each.plan)]) this.#divide(part);
				return;
			case 'recursive':
				this.#divide(body.first);
				return;
			case 'summary':
				this.#divide(body.of);
		}
	}

	/** Replaces FROM, WHERE and GROUP BY by the groups. */
	#divideGroups(plan: Mutable<QueryPlan>): boolean {
		const { body } = plan;
		if (body.kind !== 'select' || !body.grouped) return false;
		const computed = this.#computer!.groups(body, this.#c);
		if ('because' in computed) return false;
		const mention = this.#mention(computed);
		const select = groupedOver(body, mention);
		if (select === undefined) return false;
		this.#fetches.push({ mention, of: computed });
		plan.body = select;
		this.#divideSubqueries(expressionsOf(select));
		return true;
	}

	/** A SELECT of all rows of a part. */
	#resultOf(computed: ComputedPart, { columns }: QueryPlan): SelectPlan {
		const mention = this.#mention(computed);
		this.#fetches.push({ mention, of: computed });
		const outputs = columns.map(
			(column, index): Bound => ({ ...column, kind: 'column', source: mention, index, constant: false }),
		);
		return {
			kind: 'select',
			owner: {},
			steps: [{ source: mention, kind: 'cross', filter: undefined, on: undefined }],
			where: undefined,
			grouped: false,
			keys: [],
			aggregates: [],
			having: undefined,
			windows: [],
			outputs,
			distinct: false,
			order: [],
			limit: undefined,
			offset: undefined,
		};
	}

	#mention({ columns }: ComputedPart): Source {
		return {
			name: 'result',
			columns: columns.map(columnFacts),
			origin: { kind: 'table', table: ' computed' },
			nullable: false,
		};
	}

	#divideSubqueries(expressions: readonly (Bound | undefined)[]): void {
		for (const expression of expressions)
			walkExpression(expression, {
				enters: false,
				expression: (part) => {
					const plan = subqueryOf(part);
					if (plan !== undefined) this.#divide(plan);
				},
			});
	}

	/** All tables that a plan mentions, with those in its subqueries. */
	#mentions(plan: QueryPlan): { readonly isRemote: boolean }[] {
		const found: { readonly isRemote: boolean }[] = [];
		walkPlan(plan, {
			source: ({ origin }) => {
				if (origin.kind === 'query') return;
				found.push({ isRemote: origin.kind === 'table' && this.#source.tables.has(origin.table) });
			},
		});
		return found;
	}
}

export type FetchedTable = { readonly snapshot: TableSnapshot; readonly columns: readonly number[] };

const ADVICE = 'narrow it with WHERE, for example by ts and host_name; EXPLAIN shows what is read from there';

function tooManyRows(table: string, { rows }: RemoteLimits, { name }: RowSource): SqlError {
	return new SqlError(
		`the statement needs more than ${rows} rows of ${table} from ${name}`,
		'ERR_SQL_TOO_LARGE',
		undefined,
		ADVICE,
	);
}

function tooManyBytes({ bytes }: RemoteLimits, { name }: RowSource): SqlError {
	return new SqlError(
		`the statement needs more than ${Math.round(bytes / 2 ** 20)} MiB of rows from ${name}`,
		'ERR_SQL_TOO_LARGE',
		undefined,
		`${ADVICE}; select fewer columns, or raise --max-memory`,
	);
}
