// Looks at a store: its version, the form of its tables, and their columns.
import { identifier, literal } from '../agent/clickhouse-ddl.ts';
import { microsecondsOf } from '../agent/store-tables.ts';
import { UserError } from '../base/errors.ts';
import type { StoreConnection } from './store-connection.ts';
import type { StoreLayout } from './store-layout.ts';

const LOOK_SECONDS = 10;

/** Throws a UserError if the store does not answer, or is not prepared for tinytap. */
export async function lookAtStore(connection: StoreConnection, signal: AbortSignal): Promise<StoreLayout> {
	const { database, name } = connection;
	const options = { signal, seconds: LOOK_SECONDS, maxRows: 100_000 };
	const [[version = '']] = (await connection.all('SELECT version()', options)) as [string[]];
	const columns: Record<string, string[]> = {};
	const rows = await connection.all(
		`SELECT table, name FROM system.columns WHERE database = ${literal(database)}`,
		options,
	);
	for (const [table = '', column = ''] of rows) columns[table] = [...(columns[table] ?? []), column];
	if (columns.exchanges?.includes('host_name') !== true)
		throw new UserError(
			`${name} has no table exchanges of tinytap in the database ${identifier(database)}, or this user may not see it`,
			'ERR_STORE',
			'`tinytap fleet init --store URL` prepares a ClickHouse; the database is the last part of the URL.',
		);
	return { version, portable: columns.exchanges.includes(microsecondsOf('ts')), columns };
}
