// The statements of the SQL benchmark, in each engine's own wording where engines differ.

export type Engine = 'tinytap' | 'alasql' | 'SQLite' | 'DuckDB';

export type Query = {
	readonly name: string;
	readonly sql: string;
	/** The statement for engines that write it differently; null: the engine cannot run it. */
	readonly other?: Partial<Record<Engine, string | null>>;
	/** Engines differ in which tied rows come last, so only the number of rows is compared. */
	readonly countOnly?: boolean;
};

const TOP_1 = `SELECT host, id, duration_ms FROM (SELECT host, id, duration_ms,
	row_number() OVER (PARTITION BY host ORDER BY duration_ms DESC, id) AS place FROM exchanges) AS t WHERE place = 1`;

/** `id` is the id of a row in the middle. */
export function queriesFor(id: number): readonly Query[] {
	return [
		{
			name: 'filter, count',
			sql: "SELECT count(*) AS n FROM exchanges WHERE status >= 500 AND method = 'POST'",
		},
		{
			name: 'filter, project',
			sql: 'SELECT id, method, path, status, duration_ms FROM exchanges WHERE duration_ms > 40',
		},
		{
			name: 'GROUP BY, avg, p95',
			sql: 'SELECT host, count(*) AS n, avg(duration_ms) AS a, p95(duration_ms) AS p FROM exchanges GROUP BY host',
			other: {
				DuckDB:
					'SELECT host, count(*) AS n, avg(duration_ms) AS a, quantile_cont(duration_ms, 0.95) AS p FROM exchanges GROUP BY host',
			},
		},
		{ name: 'LIKE prefix', sql: "SELECT count(*) AS n FROM exchanges WHERE path LIKE '/api/users/1%'" },
		{ name: 'LIKE infix', sql: "SELECT count(*) AS n FROM exchanges WHERE path LIKE '%orders/7%'" },
		{
			name: 'ORDER BY, LIMIT 20',
			sql: 'SELECT id, path, duration_ms FROM exchanges ORDER BY duration_ms DESC LIMIT 20',
			countOnly: true,
		},
		{ name: 'DISTINCT', sql: 'SELECT DISTINCT host, method, status FROM exchanges' },
		{
			name: 'JOIN headers',
			sql: `SELECT h.header_value AS v, count(*) AS n, avg(e.duration_ms) AS a FROM exchanges AS e
				JOIN headers AS h ON h.exchange_id = e.id WHERE e.status >= 500 AND h.name = 'user-agent' GROUP BY h.header_value`,
		},
		{ name: 'id lookup', sql: `SELECT id, method, path, status FROM exchanges WHERE id = ${id}` },
		{ name: 'window, top 1 of each', sql: TOP_1, other: { alasql: null } },
	];
}
