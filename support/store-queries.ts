// Random statements as people ask a store, most of which it can compute itself. Their answers do not depend on the order of
// rows: what is limited is ordered by all its columns.

import type { RandomTables } from './sql-random.ts';

type Random = () => number;

/** Columns for random queries of all kinds (sql-random.ts). */
export const STORE_COLUMNS: RandomTables = {
	exchanges: [
		...(['id', 'status', 'duration_ms', 'res_body_bytes', 'conn', 'pid'] as const).map(
			(name) => [name, 'number'] as const,
		),
		...(['ts', 'state', 'reason', 'method', 'path', 'host', 'via', 'host_name'] as const).map(
			(name) => [name, 'text'] as const,
		),
	],
	headers: [
		...(['exchange_id', 'seq', 'trailer'] as const).map((name) => [name, 'number'] as const),
		...(['message', 'name', 'header_value'] as const).map((name) => [name, 'text'] as const),
	],
};

const TEXTS = [
	'state',
	'reason',
	'side',
	'comm',
	'method',
	'path',
	'query_string',
	'host',
	'via',
	'content_type',
	'res_body',
	'host_name',
];
const INTS = ['id', 'pid', 'conn', 'status', 'pair_id', 'req_body_bytes', 'res_body_bytes', 'run'];
const REALS = ['duration_ms', 'ttfb_ms'];
const LITERALS = [
	"'GET'",
	"'/api/users'",
	"'complete'",
	"'%'",
	"''",
	"'Ämter'",
	"'web-1'",
	"'back\\slash'",
	"'it''s'",
	"'null'",
];
const PATTERNS = ["'%'", "'/api/%'", "'%USERS%'", "'_'", "'%a_b%'", "'%\\%'", "'%ä%'", "'__%'", "''", "'%i%'", "'%k%'"];

export class StoreQueryMaker {
	readonly #random: Random;

	constructor(random: Random) {
		this.#random = random;
	}

	statement(): string {
		const chance = this.#random();
		if (chance < 0.4) return this.#grouped();
		if (chance < 0.8) return this.#plain();
		if (chance < 0.9) return this.#nested();
		return this.#joined();
	}

	#int(below: number): number {
		return Math.floor(this.#random() * below);
	}

	#pick<T>(list: readonly T[]): T {
		return list[this.#int(list.length)]!;
	}

	#many<T>(least: number, most: number, make: () => T): T[] {
		return Array.from({ length: least + this.#int(most - least + 1) }, make);
	}

	#plain(): string {
		const list = this.#many(1, 4, () => this.#value());
		const distinct = this.#random() < 0.3 ? 'DISTINCT ' : '';
		return `SELECT ${distinct}${list.join(', ')} FROM exchanges${this.#where(0.85)}${this.#tail(list.length)}`;
	}

	#grouped(): string {
		const keys = this.#many(0, 3, () => this.#key());
		const aggregates = this.#many(1, 3, () => this.#aggregate());
		const outputs = [...keys, ...aggregates.map((each) => (this.#random() < 0.2 ? this.#around(each) : each))];
		const group =
			keys.length === 0
				? ''
				: ` GROUP BY ${keys.map((key, index) => (this.#random() < 0.5 ? key : index + 1)).join(', ')}`;
		const having =
			this.#random() < 0.25
				? ` HAVING ${this.#pick(['count(*)', 'max(status)', 'sum(duration_ms)'])} > ${this.#int(300)}`
				: '';
		return `SELECT ${outputs.join(', ')} FROM exchanges${this.#where(0.7)}${group}${having}${this.#tail(outputs.length)}`;
	}

	#nested(): string {
		const inner = `SELECT ${this.#pick(TEXTS)} AS a, ${this.#pick(INTS)} AS b, ${this.#pick(REALS)} AS c FROM exchanges${this.#where(0.7)}`;
		const outer = this.#pick([
			`SELECT a, count(*), max(b) FROM (${inner}) GROUP BY a`,
			`SELECT max(n), min(n), count(*) FROM (SELECT count(*) AS n, a FROM (${inner}) GROUP BY a)`,
			`WITH w AS (${inner}) SELECT count(*), avg(c) FROM w WHERE b > (SELECT min(b) FROM w)`,
			`SELECT b, c FROM (${inner} ORDER BY 1, 2, 3 LIMIT 30)`,
			`SELECT a FROM (${inner}) UNION SELECT host FROM exchanges`,
			`SELECT a, row_number() OVER (PARTITION BY a ORDER BY b, c) FROM (${inner} LIMIT 0)`,
		]);
		return outer;
	}

	#joined(): string {
		return this.#pick([
			`SELECT e.host_name, h.header_value, count(*) FROM exchanges e JOIN headers h ON h.exchange_id = e.id AND h.name = 'x-id' WHERE e.${this.#condition()} GROUP BY 1, 2`,
			`SELECT g.reason, count(*) FROM gaps g JOIN exchanges e ON e.host_name = g.host_name AND e.ts BETWEEN g.from_ts AND g.to_ts GROUP BY 1`,
			`SELECT count(*), max(seq) FROM headers WHERE name = ${this.#pick(["'host'", "'user-agent'", "'x-id'"])} AND header_value LIKE ${this.#pick(PATTERNS)}`,
			`SELECT host_name, rows, reason, to_ts - from_ts FROM gaps WHERE rows IS${this.#pick(['', ' NOT'])} NULL`,
			`SELECT count(*) FROM exchanges WHERE status IN (SELECT status FROM exchanges WHERE ${this.#condition()})`,
		]);
	}

	#where(chance: number): string {
		if (this.#random() >= chance) return '';
		return ` WHERE ${this.#many(1, 2, () => this.#condition()).join(this.#pick([' AND ', ' OR ']))}`;
	}

	#tail(width: number): string {
		if (this.#random() < 0.4) return '';
		const order = Array.from(
			{ length: width },
			(_, index) => `${index + 1}${this.#pick(['', ' DESC', ' NULLS LAST', ' DESC NULLS FIRST'])}`,
		);
		const limit =
			this.#random() < 0.7 ? ` LIMIT ${this.#int(40)}${this.#random() < 0.3 ? ` OFFSET ${this.#int(10)}` : ''}` : '';
		return ` ORDER BY ${order.join(', ')}${limit}`;
	}

	#condition(depth = 0): string {
		const not = this.#pick(['', '', ' NOT']);
		const compare = () => this.#pick(['=', '<>', '<', '<=', '>', '>=']);
		const made = this.#pick([
			() => `${this.#pick(INTS)} ${compare()} ${this.#number()}`,
			() => `${this.#pick(REALS)} ${compare()} ${this.#number()}`,
			() => `${this.#pick(INTS)} ${compare()} ${this.#pick(REALS)}`,
			() => `${this.#pick(TEXTS)} ${compare()} ${this.#pick(LITERALS)}`,
			() => `${this.#pick(TEXTS)} ${compare()} ${this.#pick(TEXTS)}`,
			() => `${this.#pick(TEXTS)} = ${this.#pick(LITERALS)} COLLATE NOCASE`,
			() => `${this.#pick(TEXTS)}${not} LIKE ${this.#pick(PATTERNS)}`,
			() => `path${not} LIKE ${this.#pick(["'a#_b'", "'100#%'", "'%#\\%'", "'#/api%'"])} ESCAPE '#'`,
			() => `${this.#pick(TEXTS)}${not} IN (${this.#many(0, 3, () => this.#pick([...LITERALS, 'NULL'])).join(', ')})`,
			() =>
				`${this.#pick(INTS)}${not} IN (${this.#many(1, 3, () => this.#pick(['200', '404', '17', 'NULL', "'500'"])).join(', ')})`,
			() => `${this.#pick([...TEXTS, ...INTS, ...REALS])} IS${not} NULL`,
			() => `${this.#pick(INTS)} IS${not} ${this.#pick(['200', 'NULL', 'pid', '404'])}`,
			() => `${this.#pick(TEXTS)} IS${not} DISTINCT FROM ${this.#pick(LITERALS)}`,
			() => `${this.#pick(REALS)}${not} BETWEEN ${this.#number()} AND ${this.#number()}`,
			() =>
				`ts ${compare()} ${this.#pick(["'2026-11-22T13:00:00Z'", "'2026-11-22 12:30:00.5'", "'2027-01-01'", "now() - interval '90 minutes'"])}`,
			() => `(${this.#value()}) IS${not} NULL`,
			() => `req_headers['user-agent'] ${compare()} 'curl/8.5'`,
			() => `labels['env'] = 'prod'`,
			() => `(status >= 500) IS${not} TRUE`,
			() => `${this.#pick(['status', 'pid', 'req_body_bytes'])}`,
			() => (depth > 2 ? 'status = 200' : `NOT (${this.#condition(depth + 1)})`),
			() =>
				depth > 2
					? 'status = 404'
					: `(${this.#condition(depth + 1)} ${this.#pick(['AND', 'OR'])} ${this.#condition(depth + 1)})`,
			() => `length(path) > ${this.#int(12)}`,
			() => `path GLOB '/api/*'`,
		]);
		return made();
	}

	#number(): string {
		return this.#pick([
			'0',
			'1',
			'200',
			'404',
			'0.5',
			'12.345',
			'-1',
			'512',
			'9007199254740993',
			'9223372036854775807',
			'1e3',
		]);
	}

	#key(): string {
		return this.#pick([
			...TEXTS,
			'status',
			'status / 100',
			'duration_ms',
			'lower(content_type)',
			"coalesce(comm, host, '-')",
			'status >= 500',
			"time_bucket('10m', ts)",
			"date_trunc('hour', ts)",
			"iif(side = 'server', remote_ip, comm)",
			"labels['env']",
			"CASE WHEN status >= 500 THEN 'bad' WHEN status >= 400 THEN 'client' END",
			'substr(path, 1, 4)',
			'path_shape(path)',
		]);
	}

	#aggregate(): string {
		const number = () =>
			this.#pick([
				...REALS,
				'status',
				'pid',
				'req_body_bytes',
				'res_body_bytes',
				'length(path)',
				'duration_ms - ttfb_ms',
			]);
		const filter = this.#random() < 0.2 ? ` FILTER (WHERE ${this.#condition(2)})` : '';
		return this.#pick([
			() => `count(*)${filter}`,
			() => `count(${this.#pick([...TEXTS, ...INTS])})${filter}`,
			() => `count(DISTINCT ${this.#pick([...TEXTS, ...INTS, ...REALS])})`,
			() => `count_if(${this.#condition(2)})`,
			() => `sum(${number()})${filter}`,
			() => `avg(${number()})${filter}`,
			() => `total(${number()})`,
			() => `min(${this.#pick([...TEXTS, ...INTS, ...REALS, 'ts'])})${filter}`,
			() => `max(${this.#pick([...TEXTS, ...INTS, ...REALS, 'ts'])})${filter}`,
			() => `${this.#pick(['median', 'p50', 'p90', 'p95', 'p99'])}(${number()})`,
			() => 'max(ts) - min(ts)',
			() => 'percentile(duration_ms, 0.25)',
		])();
	}

	#around(aggregate: string): string {
		return this.#pick([
			`round(${aggregate === 'max(ts) - min(ts)' ? 'avg(ttfb_ms)' : 'sum(ttfb_ms)'}, 1)`,
			`coalesce(${aggregate}, ${aggregate})`,
			`typeof(${aggregate})`,
		]);
	}

	#value(): string {
		return this.#pick([
			() => this.#pick(TEXTS),
			() => this.#pick(INTS),
			() => this.#pick(REALS),
			() => 'ts',
			() => `${this.#pick(INTS)} ${this.#pick(['+', '-', '*', '/', '%'])} ${this.#pick([...INTS, '3', '0', '7'])}`,
			() => `${this.#pick(REALS)} ${this.#pick(['+', '-', '*', '/'])} ${this.#pick([...INTS, ...REALS, '0', '2.5'])}`,
			() => `-${this.#pick([...INTS, ...REALS])}`,
			() => `upper(${this.#pick(TEXTS)})`,
			() => `substr(${this.#pick(TEXTS)}, ${1 + this.#int(4)}, ${this.#int(4)})`,
			() => `left(${this.#pick(TEXTS)}, 2)`,
			() => `trim(${this.#pick(TEXTS)})`,
			() => `replace(${this.#pick(TEXTS)}, 'a', '\\')`,
			() => `length(${this.#pick(TEXTS)})`,
			() => `instr(${this.#pick(TEXTS)}, '${this.#pick(['a', 'ü', '/api', '%'])}')`,
			() => `starts_with(path, '/api')`,
			() => `${this.#pick(TEXTS)} || ${this.#pick(["'-'", 'method', 'status'])}`,
			() => `coalesce(${this.#pick(TEXTS)}, ${this.#pick(LITERALS)})`,
			() => `nullif(${this.#pick(['status', 'pid'])}, 200)`,
			() => `nullif(method, 'GET')`,
			() => `ifnull(status, pid)`,
			() => `abs(${this.#pick([...INTS, ...REALS])})`,
			() => `round(${this.#pick(REALS)})`,
			() => `round(${this.#pick(REALS)}, 1)`,
			() => `floor(${this.#pick(REALS)})`,
			() => `CAST(${this.#pick(INTS)} AS ${this.#pick(['REAL', 'TEXT', 'INTEGER'])})`,
			() => `(${this.#condition(2)})`,
			() => `CASE WHEN ${this.#condition(2)} THEN ${this.#pick(TEXTS)} ELSE ${this.#pick(LITERALS)} END`,
			() => `ts ${this.#pick(['+', '-'])} interval '90 seconds'`,
			() => `now() - ts`,
			() => `time_bucket('7s', ts)`,
			() => `date_trunc('${this.#pick(['minute', 'day', 'week', 'month'])}', ts)`,
			() => `extract(hour FROM ts)`,
			() => `epoch_ms(ts)`,
			() => `res_headers['x-id']`,
			() => `req_headers`,
			() => `labels`,
		])();
	}
}
