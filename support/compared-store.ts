// What an agent has sent to a store, beside what the tables here have.
import { SENT_COLUMNS } from '../src/agent/store-tables.ts';
import { BLIND_SPOT_COLUMNS, CONNECTION_COLUMNS } from '../src/store/entry-table.ts';
import { parseRows, runTinytap } from './tinytap.ts';

export type Row = Record<string, unknown>;

/** Asks a store; settings go into the URL. */
export type Ask = (sql: string, settings?: Readonly<Record<string, string | number>>) => Promise<string>;

/** Rows that should be equal. */
export type Compared = { readonly stored: readonly Row[]; readonly expected: readonly Row[] };

/** A row is sent when its exchange has ended, and its other side may be known only later. */
const LATER = ['pair_id', 'remote_name'];
const COMPARED = SENT_COLUMNS.map(({ name }) => name).filter((name) => !LATER.includes(name));
const FIELDS = 'exchange_id, message, seq, name, raw_name, header_value, trailer';

/** The rows of a recording as `tinytap query` prints them, secrets redacted. */
export async function queriedRows(file: string, sql: string): Promise<Row[]> {
	const words = ['query', sql, '--redact', '--format', 'ndjson', '--quiet', '--replay', file];
	const { stdout, stderr } = await runTinytap(words);
	if (stderr !== '') throw new Error(stderr);
	return parseRows(stdout);
}

/** All rows of `exchanges` in a store, as JSON gives them. */
export async function storedRows(ask: Ask, database: string): Promise<Row[]> {
	const sql = `SELECT * FROM ${database}.exchanges ORDER BY run, id FORMAT JSONEachRow`;
	return parseRows(await ask(sql, { output_format_json_quote_64bit_integers: 0 }));
}

/** The rows of `exchanges` of an agent that has replayed `file` with all bodies. */
export async function comparedExchanges(file: string, rows: readonly Row[]): Promise<Compared> {
	const expected = await queriedRows(file, `SELECT ${COMPARED.join(', ')} FROM exchanges ORDER BY id`);
	const stored = rows.map((row) =>
		Object.fromEntries(COMPARED.map((name) => [name, name === 'ts' ? time(row) : row[name]])),
	);
	return { stored: withoutHashes(stored), expected: withoutHashes(expected) };
}

/** The rows of `headers`. */
export async function comparedFields(file: string, ask: Ask, database: string): Promise<Compared> {
	const order = 'ORDER BY exchange_id, message, seq';
	const expected = await queriedRows(file, `SELECT ${FIELDS} FROM headers ${order}`);
	const stored = await ask(`SELECT ${FIELDS} FROM ${database}.headers ${order} FORMAT JSONEachRow`, {
		output_format_json_quote_64bit_integers: 0,
	});
	return { stored: withoutHashes(parseRows(stored)), expected: withoutHashes(expected) };
}

/** The rows of `connections` and `blind_spots`, the last version of each. */
export async function comparedEntries(file: string, ask: Ask, database: string): Promise<Compared> {
	const tables = [
		{ name: 'connections', columns: CONNECTION_COLUMNS, order: 'id' },
		{ name: 'blind_spots', columns: BLIND_SPOT_COLUMNS, order: 'pid, what' },
	];
	const all = await Promise.all(
		tables.map(async ({ name, columns, order }) => {
			const sql = `SELECT * FROM ${database}.${name} FINAL ORDER BY ${order} FORMAT JSONEachRow`;
			const stored = parseRows(await ask(sql, { output_format_json_quote_64bit_integers: 0 })).map((row) =>
				Object.fromEntries(
					columns.map((each) => [each.name, each.type === 'datetime' ? time(row, each.name) : row[each.name]]),
				),
			);
			return { stored, expected: await queriedRows(file, `SELECT * FROM ${name} ORDER BY ${order}`) };
		}),
	);
	return { stored: all.flatMap(({ stored }) => stored), expected: all.flatMap(({ expected }) => expected) };
}

/** The time of a row as tinytap prints it. The portable form has it in whole seconds, and in microseconds. */
function time(row: Row, name = 'ts'): string | null {
	const us = row[`${name}_us`];
	if (us === null || row[name] === null) return null;
	if (us === undefined) return `${String(row[name]).replace(' ', 'T')}Z`;
	const ms = Math.floor(Number(us) / 1000);
	return `${new Date(ms).toISOString().slice(0, -1)}${String(Number(us) % 1000).padStart(3, '0')}Z`;
}

/** Placeholders of secrets contain a hash with a key that each process makes anew. */
function withoutHashes(rows: readonly Row[]): Row[] {
	return JSON.parse(JSON.stringify(rows).replace(/REDACTED-(\d+)-[0-9a-f]{8}/g, 'REDACTED-$1')) as Row[];
}
