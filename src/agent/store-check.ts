// Checks a store: its version, tables, rights, clock, and the agents that send to it.
import { version } from '../base/installation.ts';
import type { Check } from '../capture/check.ts';
import { identifier, literal, localName, missingColumns, type StoreForm, storeStatements } from './clickhouse-ddl.ts';
import { type StoreClient, StoreError } from './store-client.ts';
import { STORE_TABLES } from './store-tables.ts';

/** The oldest version for which the modern form is made. */
const MODERN = '23.8';
/** Clocks that differ by more confuse queries over several hosts. */
const SKEW_MS = 1000;

/** The columns that a store has, by table. */
export async function storedColumns(client: StoreClient): Promise<Map<string, Set<string>>> {
	const { database } = client.address;
	const rows = await client.rows<[string, string]>(
		`SELECT table, name FROM system.columns WHERE database = ${literal(database)}`,
	);
	const columns = new Map<string, Set<string>>();
	for (const [table, name] of rows) columns.set(table, (columns.get(table) ?? new Set()).add(name));
	return columns;
}

/** Statements that bring a store to what this version needs: all of them for an empty store. */
export async function neededStatements(client: StoreClient, form: StoreForm): Promise<string[]> {
	const columns = await storedColumns(client);
	const isThere = (statement: string) => {
		const table = /^(?:CREATE (?:TABLE|VIEW) IF NOT EXISTS|GRANT\b.* INSERT ON) \S+\.(\S+)/.exec(statement)?.[1];
		return table === undefined ? columns.size > 0 : columns.has(table);
	};
	const created = storeStatements(form).filter((statement) => !isThere(statement));
	return [...created, ...missingColumns(form, columns)];
}

/** Runs all checks; `form` is how the store should be. Throws a UserError if the store does not answer. */
export async function checkStore(client: StoreClient, form: StoreForm): Promise<Check[]> {
	const [[serverVersion] = ['']] = await client.rows<[string]>('SELECT version()');
	const tables = await tableCheck(client, form);
	const checks = [versionCheck(serverVersion, form), await clockCheck(client), tables];
	// Without tables, neither rights nor agents can be checked.
	if (tables.status === 'failed') return checks;
	return [...checks, ...(await rightsChecks(client, form)), ...(await agentChecks(client, form))];
}

function versionCheck(serverVersion: string, { portable }: StoreForm): Check {
	const name = 'version';
	const isModern = compareVersions(serverVersion, MODERN) >= 0;
	if (portable || isModern) return { name, status: 'ok', detail: `ClickHouse ${serverVersion}, tinytap ${version()}` };
	return {
		name,
		status: 'warning',
		detail: `ClickHouse ${serverVersion} is older than ${MODERN}`,
		affects: 'tables with codecs, maps and automatic deletion cannot be created',
		fix: 'use the portable form: --portable',
	};
}

/** Below 0 if the first one is older. */
export function compareVersions(one: string, other: string): number {
	const [a, b] = [one, other].map((text) => text.split('.').map(Number));
	for (let i = 0; i < 2; i++) if (a![i] !== b![i]) return (a![i] ?? 0) - (b![i] ?? 0);
	return 0;
}

async function clockCheck(client: StoreClient): Promise<Check> {
	const name = 'clock';
	const before = Date.now();
	// Whole seconds, which every version has.
	const [[seconds] = [Number.NaN]] = await client.rows<[number | string]>('SELECT toUnixTimestamp(now())');
	const after = Date.now();
	const theirs = Number(seconds) * 1000;
	const aheadMs = theirs > after ? theirs - after : theirs + 1000 < before ? theirs + 1000 - before : 0;
	if (Math.abs(aheadMs) <= SKEW_MS) return { name, status: 'ok', detail: "the store's clock agrees with this host's" };
	const direction = aheadMs > 0 ? 'ahead of' : 'behind';
	return {
		name,
		status: 'warning',
		detail: `the store's clock is ${Math.round(Math.abs(aheadMs) / 1000)} s ${direction} this host's`,
		affects: 'conditions on ts that use now() return the wrong rows',
		fix: 'synchronize both clocks (chrony, systemd-timesyncd)',
	};
}

async function tableCheck(client: StoreClient, form: StoreForm): Promise<Check> {
	const name = 'tables';
	const columns = await storedColumns(client);
	const wanted = STORE_TABLES.flatMap((table) => [...new Set([localName(table.name, form), table.name])]);
	const absent = wanted.filter((table) => !columns.has(table));
	const { database } = client.address;
	if (absent.length > 0)
		return {
			name,
			status: 'failed',
			detail: `the database ${database} has no ${absent.join(', ')}, or this user may not see them`,
			affects: 'agents cannot send',
			fix: '`tinytap fleet init` creates the tables; `tinytap fleet ddl` prints the statements',
		};
	const missing = missingColumns(form, columns);
	if (missing.length === 0)
		return { name, status: 'ok', detail: `${database} has all tables and columns of this version` };
	return {
		name,
		status: 'warning',
		detail: `${database} lacks ${missing.length} columns of this version`,
		affects: 'agents send the other columns only',
		fix: `\`tinytap fleet init\`, or: ${missing.join('; ')}`,
	};
}

async function rightsChecks(client: StoreClient, { database }: StoreForm): Promise<Check[]> {
	const tables = STORE_TABLES.map((table) => `${identifier(database)}.${table.name}`);
	const inserting = await refused(tables, (table) => client.ask(`INSERT INTO ${table} FORMAT JSONEachRow\n`));
	const reading = await refused(tables, (table) => client.ask(`SELECT count() FROM ${table} WHERE 0`));
	const user = client.address.user ?? 'default';
	const check = (name: string, denied: readonly string[], affects: string): Check =>
		denied.length === 0
			? { name, status: 'ok', detail: `the user ${user} may do it` }
			: { name, status: 'warning', detail: denied[0]!, affects, fix: 'grant it, or check as the user that needs it' };
	return [
		check('may insert', inserting, `agents cannot send as ${user}`),
		check('may read', reading, `nobody can query as ${user}`),
	];
}

const NO_DATA = 108;

/** The errors of those tables for which `work` fails. */
async function refused(tables: readonly string[], work: (table: string) => Promise<unknown>): Promise<string[]> {
	const errors: string[] = [];
	for (const table of tables)
		await work(table).catch((error: unknown) => {
			if (!(error instanceof StoreError)) throw error;
			// The right to insert is checked before the rows, and there are none.
			if (error.number !== NO_DATA) errors.push(error.message);
		});
	return errors;
}

/** Which versions the agents have, and whose clock is ahead of the store's. */
async function agentChecks(client: StoreClient, { database, portable }: StoreForm): Promise<Check[]> {
	const ahead = portable
		? 'max(ts_us) / 1000 - max(toUnixTimestamp(ingested_at)) * 1000 - 1000'
		: '-min(toUnixTimestamp64Milli(ingested_at) - toUnixTimestamp64Milli(ts))';
	let agents: [string, string, number][];
	try {
		agents = await client.rows(
			`SELECT host_name, argMax(agent_version, ingested_at), ${ahead} FROM ${identifier(database)}.exchanges WHERE ingested_at > now() - 86400 GROUP BY host_name ORDER BY host_name`,
		);
	} catch (error) {
		// This user may not read. That is a check of its own.
		if (error instanceof StoreError) return [];
		throw error;
	}
	const versions = new Map<string, number>();
	for (const [, agent] of agents) versions.set(agent, (versions.get(agent) ?? 0) + 1);
	const counts = [...versions].sort().map(([agent, hosts]) => `${hosts} with ${agent}`);
	const fast = agents.filter(([, , aheadMs]) => Number(aheadMs) > SKEW_MS).map(([host]) => host);
	const hosts = `${agents.length} ${agents.length === 1 ? 'host' : 'hosts'} sent exchanges in the last day`;
	return [
		versions.size > 1
			? {
					name: 'agents',
					status: 'warning',
					detail: `${hosts}: ${counts.join(', ')}`,
					affects: 'columns of later versions are empty for some hosts',
					fix: 'update the older agents',
				}
			: { name: 'agents', status: 'ok', detail: agents.length === 0 ? hosts : `${hosts}: ${counts.join(', ')}` },
		...(fast.length === 0
			? []
			: [
					{
						name: "hosts' clocks",
						status: 'warning',
						detail: `ahead of the store's: ${fast.join(', ')}`,
						affects: 'times of different hosts cannot be compared',
						fix: 'synchronize their clocks',
					} satisfies Check,
				]),
	];
}
