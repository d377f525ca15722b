// Random queries over the tables of sql-sample.ts whose answers do not depend on the order of rows. scripts/sqlfuzz and
// the tests compare the answers with SQLite's.
import { HOSTILE_TEXTS } from './sql-sample.ts';

type Random = () => number;
type Kind = 'number' | 'text' | 'any';

type Column = { readonly sql: string; readonly kind: Kind };

/** Columns of `exchanges`, `headers` and perhaps `no_rows`. */
export type RandomTables = Readonly<Record<string, readonly (readonly [name: string, kind: Kind])[]>>;

const TABLES: RandomTables = {
	exchanges: [
		['id', 'number'],
		['ts', 'text'],
		['state', 'text'],
		['reason', 'text'],
		['method', 'text'],
		['path', 'text'],
		['host', 'text'],
		['status', 'number'],
		['duration_ms', 'number'],
		['res_body_bytes', 'number'],
		['via', 'text'],
		['conn', 'number'],
		['req_body_raw', 'any'],
		['count', 'number'],
	],
	headers: [
		['exchange_id', 'number'],
		['message', 'text'],
		['seq', 'number'],
		['name', 'text'],
		['header_value', 'text'],
		['trailer', 'number'],
	],
	no_rows: [
		['id', 'number'],
		['path', 'text'],
		['amount', 'number'],
	],
};

export class QueryMaker {
	readonly #random: Random;
	readonly #tables: RandomTables;
	#columns: readonly Column[] = [];
	#depth = 0;
	#names = 0;
	#withSubqueries = true;

	constructor(random: Random, tables = TABLES) {
		this.#random = random;
		this.#tables = tables;
	}

	/** One SELECT, or several joined by UNION and the like. */
	query(): string {
		this.#columns = [];
		this.#names = 0;
		this.#withSubqueries = true;
		if (this.#chance(0.12)) return this.#compound();
		return this.#chance(0.4) ? this.#grouped() : this.#plain();
	}

	#int(below: number): number {
		return Math.floor(this.#random() * below);
	}

	#chance(part: number): boolean {
		return this.#random() < part;
	}

	#pick<T>(list: readonly T[]): T {
		return list[this.#int(list.length)]!;
	}

	#many<T>(least: number, most: number, make: () => T): T[] {
		return Array.from({ length: least + this.#int(most - least + 1) }, make);
	}

	// ---- queries ------------------------------------------------------------------------------------------------

	#plain(): string {
		const from = this.#from();
		const list = this.#many(1, 4, () => (this.#chance(0.08) ? this.#window() : this.#expression()));
		const distinct = this.#chance(0.15) ? 'DISTINCT ' : '';
		const where = this.#chance(0.8) ? ` WHERE ${this.#condition()}` : '';
		const items = list.map((item, index) => (this.#chance(0.3) ? `${item} AS c${index}` : item));
		return `SELECT ${distinct}${items.join(', ')} FROM ${from}${where}${this.#tail(list.length)}`;
	}

	#grouped(): string {
		const from = this.#from();
		const keys = this.#many(0, 2, () => this.#expression());
		const aggregates = this.#many(1, 3, () => this.#aggregate());
		const where = this.#chance(0.6) ? ` WHERE ${this.#condition()}` : '';
		const group =
			keys.length > 0
				? ` GROUP BY ${keys.map((key, index) => (this.#chance(0.3) || !/\D/.test(key) ? index + 1 : key)).join(', ')}`
				: '';
		const having = this.#chance(0.3)
			? ` HAVING ${this.#aggregate()} ${this.#pick(['>', '<', '=', '<>', '>='])} ${this.#literal()}`
			: '';
		return `SELECT ${[...keys, ...aggregates].join(', ')} FROM ${from}${where}${group}${having}${this.#tail(keys.length + aggregates.length)}`;
	}

	#compound(): string {
		const width = 1 + this.#int(2);
		const part = () => {
			const from = this.#from();
			return `SELECT ${this.#many(width, width, () => this.#expression()).join(', ')} FROM ${from}${this.#chance(0.7) ? ` WHERE ${this.#condition()}` : ''}`;
		};
		const parts = this.#many(2, 3, part);
		return parts.join(` ${this.#pick(['UNION', 'UNION ALL', 'INTERSECT', 'EXCEPT'])} `) + this.#tail(width);
	}

	/** ORDER BY over all columns, so that a LIMIT always keeps the same rows; tied rows are equal. */
	#window(): string {
		const partition = this.#chance(0.5) ? `PARTITION BY ${this.#expression()} ` : '';
		const order = `ORDER BY ${this.#numberColumn()}${this.#pick(['', ' DESC', ' NULLS LAST'])}`;
		const peers = `${this.#pick(['RANGE', 'GROUPS'])} BETWEEN ${this.#pick(['UNBOUNDED PRECEDING', 'CURRENT ROW', '2 PRECEDING'])} AND ${this.#pick(['CURRENT ROW', 'UNBOUNDED FOLLOWING', '1 FOLLOWING'])}`;
		// SQLite subtracts rows from a sliding sum, which leaves an error for large numbers.
		const small = `length(${this.#column('text')})`;
		const calls = [
			() => `rank() OVER (${partition}${order})`,
			() => `dense_rank() OVER (${partition}${order})`,
			() => `percent_rank() OVER (${partition}${order})`,
			() => `cume_dist() OVER (${partition}${order})`,
			() => `count(*) OVER (${partition})`,
			() => `count(${this.#column()}) OVER (${partition}${order})`,
			() => `sum(${small}) OVER (${partition}${order} ${peers})`,
			() => `max(${this.#column()}) OVER (${partition}${order} ${peers})`,
			() => `min(${this.#expression()}) OVER (${partition}${order})`,
			() => `avg(${small}) OVER (${partition}${order} ${peers})`,
		];
		return this.#pick(calls)();
	}

	#tail(width: number): string {
		if (this.#chance(0.6)) return '';
		const order = Array.from(
			{ length: width },
			(_, index) => `${index + 1}${this.#pick(['', '', ' DESC', ' ASC', ' NULLS LAST', ' DESC NULLS FIRST'])}`,
		);
		const limit = this.#chance(0.6)
			? ` LIMIT ${this.#int(12)}${this.#chance(0.4) ? ` OFFSET ${this.#int(5)}` : ''}`
			: '';
		return ` ORDER BY ${order.join(', ')}${limit}`;
	}

	#from(): string {
		const first = this.#table();
		const columns = [...first.columns];
		let sql = first.sql;
		const joins = this.#chance(0.35) ? 1 + Number(this.#chance(0.2)) : 0;
		for (let join = 0; join < joins; join++) {
			const next = this.#table();
			// SQLite 3.40 gives wrong answers when a RIGHT or FULL JOIN follows a join that is never true.
			const kind = this.#pick([
				'JOIN',
				'JOIN',
				'LEFT JOIN',
				'LEFT JOIN',
				...(join === 0 ? ['RIGHT JOIN', 'FULL JOIN'] : []),
			]);
			const left = this.#pick(columns.filter((column) => column.kind === 'number'));
			const right = this.#pick(next.columns.filter((column) => column.kind === 'number'));
			columns.push(...next.columns);
			this.#columns = columns;
			const more = this.#chance(0.3) ? ` AND ${this.#condition()}` : '';
			sql += ` ${kind} ${next.sql} ON ${left.sql} = ${right.sql}${more}`;
		}
		this.#columns = columns;
		return sql;
	}

	#table(): { sql: string; columns: Column[] } {
		const alias = `t${this.#names++}`;
		if (this.#depth < 1 && this.#chance(0.15)) {
			const before = this.#columns;
			this.#depth++;
			const inner = this.#table();
			this.#columns = inner.columns;
			// SQLite 3.40 answers NULL for a subquery among the columns of a table after LEFT JOIN, although the row was found.
			this.#withSubqueries = false;
			const list = [this.#numberColumn(), ...this.#many(1, 2, () => this.#expression())];
			this.#withSubqueries = true;
			const where = this.#chance(0.5) ? ` WHERE ${this.#condition()}` : '';
			this.#depth--;
			this.#columns = before;
			const columns = list.map(
				(_, index): Column => ({ sql: `${alias}.c${index}`, kind: index === 0 ? 'number' : 'any' }),
			);
			return {
				sql: `(SELECT ${list.map((item, index) => `${item} AS c${index}`).join(', ')} FROM ${inner.sql}${where}) ${alias}`,
				columns,
			};
		}
		const rare = this.#tables.no_rows === undefined ? 'headers' : 'no_rows';
		const name = this.#chance(0.05) ? rare : this.#pick(['exchanges', 'exchanges', 'headers']);
		const columns = this.#tables[name]!.map(([column, kind]): Column => ({ sql: `${alias}.${column}`, kind }));
		return { sql: `${name} ${alias}`, columns };
	}

	// ---- expressions --------------------------------------------------------------------------------------------

	#column(kind?: Kind): string {
		const fitting = this.#columns.filter((column) => kind === undefined || column.kind === kind);
		return fitting.length > 0 ? this.#pick(fitting).sql : 'NULL';
	}

	/**
	 * A column to compare with another one. Only tinytap compares by instant, so datetimes are compared with each
	 * other.
	 */
	#columnLike(other: string): string {
		const isTime = (name: string) => name.endsWith('.ts');
		const fitting = this.#columns.filter(({ sql }) => isTime(sql) === isTime(other));
		return fitting.length > 0 ? this.#pick(fitting).sql : 'NULL';
	}

	#numberColumn(): string {
		return this.#column('number');
	}

	#expression(): string {
		if (this.#depth > 3) return this.#chance(0.7) ? this.#column() : this.#literal();
		this.#depth++;
		const made = this.#pick([
			() => this.#column(),
			() => this.#column(),
			() => this.#number(),
			() => this.#text(),
			() => `(${this.#condition()})`,
			() => `CASE WHEN ${this.#condition()} THEN ${this.#expression()} ELSE ${this.#expression()} END`,
			() => `coalesce(${this.#expression()}, ${this.#expression()})`,
			() => `typeof(${this.#expression()})`,
			() => `CAST(${this.#expression()} AS ${this.#pick(['INTEGER', 'REAL', 'TEXT', 'NUMERIC'])})`,
			() => (this.#withSubqueries ? this.#subquery() : this.#column()),
		])();
		this.#depth--;
		return made;
	}

	#number(): string {
		if (this.#depth > 4) return this.#chance(0.5) ? this.#numberColumn() : this.#numberLiteral();
		this.#depth++;
		const made = this.#pick([
			() => this.#numberColumn(),
			() => this.#numberLiteral(),
			() => `${this.#operand()} ${this.#pick(['+', '-', '*', '/', '%'])} ${this.#operand()}`,
			() => `(${this.#operand()} ${this.#pick(['+', '-', '*', '/', '%', '&', '|', '<<', '>>'])} ${this.#operand()})`,
			() => `-${this.#numberColumn()}`,
			() => `abs(${this.#numberColumn()})`,
			() => `length(${this.#text()})`,
			() => `round(${this.#numberColumn()}${this.#chance(0.5) ? ', 1' : ''})`,
			() => `instr(${this.#text()}, ${this.#textLiteral()})`,
			() => `max(${this.#operand()}, ${this.#operand()})`,
			() => `nullif(${this.#operand()}, ${this.#operand()})`,
		])();
		this.#depth--;
		return made;
	}

	#operand(): string {
		return this.#chance(0.6)
			? this.#numberColumn()
			: this.#chance(0.7)
				? this.#numberLiteral()
				: this.#expression().replace(/^(?![\w.]+$)(.*)$/s, '($1)');
	}

	#text(): string {
		if (this.#depth > 4) return this.#chance(0.5) ? this.#column('text') : this.#textLiteral();
		this.#depth++;
		const made = this.#pick([
			() => this.#column('text'),
			() => this.#textLiteral(),
			() => `lower(${this.#column('text')})`,
			() => `upper(${this.#column('text')})`,
			() => `substr(${this.#column('text')}, ${this.#int(7) - 3}${this.#chance(0.5) ? `, ${this.#int(6) - 1}` : ''})`,
			() => `${this.#column('text')} || ${this.#textLiteral()}`,
			() => `(${this.#operand()} || ${this.#column()})`,
			() => `replace(${this.#column('text')}, ${this.#textLiteral()}, ${this.#textLiteral()})`,
			() => `trim(${this.#column('text')}${this.#chance(0.5) ? `, ${this.#textLiteral()}` : ''})`,
			() => `hex(${this.#column()})`,
			() => `quote(${this.#column()})`,
		])();
		this.#depth--;
		return made;
	}

	#condition(): string {
		if (this.#depth > 4) return `${this.#column()} IS ${this.#pick(['', 'NOT '])}NULL`;
		this.#depth++;
		const not = this.#pick(['', '', ' NOT']);
		const made = this.#pick([
			() => this.#comparison(),
			() => this.#comparison(),
			() => `${this.#condition()} AND ${this.#condition()}`,
			() => `(${this.#condition()} OR ${this.#condition()})`,
			() => `NOT ${this.#condition()}`,
			() => `${this.#column()} IS${not} NULL`,
			() => `${this.#column('text')}${not} LIKE ${this.#pattern()}`,
			() => `${this.#column('text')}${not} GLOB ${this.#pick(["'*a*'", "'[a-g]*'", "'?'", "'/*[0-9]'", "'[^_]*'"])}`,
			() => `${this.#operand()}${not} BETWEEN ${this.#operand()} AND ${this.#operand()}`,
			() => `${this.#column()}${not} IN (${this.#many(0, 4, () => this.#literal()).join(', ')})`,
			() => `${this.#column()} IS${not} ${this.#pick([this.#column(), this.#literal()])}`,
			() => `${this.#column()} IS${not} DISTINCT FROM ${this.#literal()}`,
			() => `${this.#column()} IS${not} ${this.#pick(['TRUE', 'FALSE'])}`,
			() => this.#membership(),
			() => this.#expression(),
		])();
		this.#depth--;
		return made;
	}

	#comparison(): string {
		const operator = this.#pick(['=', '<>', '<', '<=', '>', '>=', '==', '!=']);
		// In deeper positions SQLite lets a COLLATE take effect outside functions and CASE.
		const collation = this.#depth <= 1 && this.#chance(0.15) ? ' COLLATE NOCASE' : '';
		if (this.#chance(0.5)) return `${this.#column()} ${operator} ${this.#literal()}${collation}`;
		if (this.#chance(0.5)) return `${this.#operand()} ${operator} ${this.#operand()}${collation}`;
		const left = this.#column();
		return `${left} ${operator} ${this.#columnLike(left)}${collation}`;
	}

	#membership(): string {
		const outer = this.#columns;
		const { sql, columns } = this.#table();
		const wanted = this.#pick(columns);
		this.#columns = [...outer, ...columns];
		const where = this.#chance(0.6) ? ` WHERE ${this.#condition()}` : '';
		this.#columns = outer;
		if (this.#chance(0.5)) return `${this.#pick(['', 'NOT '])}EXISTS (SELECT 1 FROM ${sql}${where})`;
		return `${this.#columnLike(wanted.sql)}${this.#pick(['', ' NOT'])} IN (SELECT ${wanted.sql} FROM ${sql}${where})`;
	}

	#subquery(): string {
		const outer = this.#columns;
		const { sql, columns } = this.#table();
		this.#columns = columns;
		const aggregate = this.#pick([
			'count(*)',
			`min(${this.#column()})`,
			`max(${this.#column()})`,
			`sum(${this.#numberColumn()})`,
		]);
		this.#columns = [...outer, ...columns];
		const where = this.#chance(0.8) ? ` WHERE ${this.#condition()}` : '';
		this.#columns = outer;
		return `(SELECT ${aggregate} FROM ${sql}${where})`;
	}

	#aggregate(): string {
		const argument = () => (this.#chance(0.7) ? this.#numberColumn() : this.#expression());
		const filter = this.#chance(0.15) ? ` FILTER (WHERE ${this.#condition()})` : '';
		const call = this.#pick([
			() => 'count(*)',
			() => `count(${this.#expression()})`,
			() => `count(DISTINCT ${this.#expression()})`,
			() => `sum(${argument()})`,
			() => `avg(${argument()})`,
			() => `total(${argument()})`,
			() => `min(${this.#expression()})`,
			() => `max(${this.#expression()})`,
			() => `sum(DISTINCT ${this.#numberColumn()})`,
		])();
		return call + filter;
	}

	// ---- literals -----------------------------------------------------------------------------------------------

	#literal(): string {
		return this.#pick([
			() => this.#numberLiteral(),
			() => this.#numberLiteral(),
			() => this.#textLiteral(),
			() => this.#textLiteral(),
			() => 'NULL',
			() => "x'4142'",
		])();
	}

	#numberLiteral(): string {
		return this.#pick([
			'0',
			'1',
			'2',
			'3',
			'5',
			'200',
			'404',
			'-1',
			'1.5',
			'2.0',
			'0.25',
			'512',
			'1e3',
			'51200',
			'9007199254740993',
			'9223372036854775807',
			'0x1F',
			'12',
		]);
	}

	#textLiteral(): string {
		const text = this.#chance(0.5)
			? this.#pick(HOSTILE_TEXTS.filter((candidate) => !candidate.includes('\n')))
			: this.#pick(['GET', '/api/users', 'host', 'complete', '200', '1.0', 'sendfile', '2026-11-22']);
		return `'${text.replaceAll("'", "''")}'`;
	}

	#pattern(): string {
		return this.#pick([
			"'%'",
			"'g%'",
			"'%users%'",
			"'_'",
			"'%_t'",
			"'/api/%'",
			"'%\\%'",
			"'a_b'",
			"'%o%o%'",
			"''",
			"'__%'",
		]);
	}
}
