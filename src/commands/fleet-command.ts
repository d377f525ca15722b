// `tinytap fleet ddl|init|check`: the tables of a store of many hosts: printed, created, checked.
import {
	type Passwords,
	rightStatements,
	type StoreForm,
	storeStatements,
	tableStatements,
} from '../agent/clickhouse-ddl.ts';
import { type StoreAddress, storeAddress } from '../agent/store-address.ts';
import { checkStore, neededStatements } from '../agent/store-check.ts';
import { StoreClient, StoreError } from '../agent/store-client.ts';
import { EXIT, usageError } from '../base/errors.ts';
import { invokingUser } from '../base/invoking-user.ts';
import { parseInteger } from '../base/quantity.ts';
import { checkLines } from '../output/checks-text.ts';
import { standardOutput } from '../output/output-stream.ts';
import { createTheme, wantsColor } from '../output/theme.ts';
import { FLEET_ACTIONS, type FleetOptions } from './fleet-options.ts';

type FleetAction = (typeof FLEET_ACTIONS)[number];

const NOT_ENOUGH_PRIVILEGES = 497;
const DEFAULT_TTL = '7d';
const TTL_DAYS_MAX = 36_500;

/** Runs the command; resolves to the exit status. */
export async function fleetCommand(action: string, given: FleetOptions): Promise<number> {
	const chosen = FLEET_ACTIONS.find((each) => each === action);
	if (chosen === undefined)
		throw usageError(`fleet: expected ${FLEET_ACTIONS.join(', ')}, got ${JSON.stringify(action)}`);
	const address = addressOf(given);
	const form = storeForm(given, address?.database);
	if (address === undefined) {
		if (chosen !== 'ddl')
			throw usageError(
				`fleet ${chosen}: expected --store URL, got nothing`,
				`tinytap fleet ${chosen} --store https://HOST:8443/tinytap`,
			);
		printStatements(storeStatements(form, passwords()));
		return EXIT.ok;
	}
	const client = new StoreClient(address);
	try {
		return await ACTIONS[chosen](client, form, given);
	} finally {
		client.close();
	}
}

type Action = (client: StoreClient, form: StoreForm, given: FleetOptions) => Promise<number>;

const ACTIONS: Readonly<Record<FleetAction, Action>> = {
	ddl: async (client, form) => {
		printStatements(await neededStatements(client, form));
		return EXIT.ok;
	},
	init: async (client, form) => {
		for (const statement of tableStatements(form)) await client.ask(statement);
		const added = (await neededStatements(client, form)).filter((statement) => statement.startsWith('ALTER '));
		for (const statement of added) await client.ask(statement);
		const { database, url } = client.address;
		const columns = added.length === 0 ? '' : `; ${added.length} columns were added`;
		standardOutput().write(`${database} at ${url.host} has all tables of this version${columns}\n`);
		const left = await withoutPrivilege(client, rightStatements(form, passwords()));
		if (left.length === 0) return EXIT.ok;
		standardOutput().write('This user may not create roles and users. An administrator of the store can:\n\n');
		printStatements(left);
		return EXIT.ok;
	},
	check: async (client, form, { color }) => {
		const checks = await checkStore(client, form);
		const theme = createTheme(wantsColor(standardOutput(), process.env, color === false ? false : undefined));
		standardOutput().write(checkLines(checks, theme));
		return checks.every(({ status }) => status !== 'failed') ? EXIT.ok : EXIT.runtime;
	},
};

/** Runs statements until the store says that this user may not; returns the rest. */
async function withoutPrivilege(client: StoreClient, statements: readonly string[]): Promise<readonly string[]> {
	for (const [index, statement] of statements.entries()) {
		try {
			await client.ask(statement);
		} catch (error) {
			if (error instanceof StoreError && error.number === NOT_ENOUGH_PRIVILEGES) return statements.slice(index);
			throw error;
		}
	}
	return [];
}

function addressOf({ store, credentials, ca, user }: FleetOptions): StoreAddress | undefined {
	if (store === undefined) {
		const other = credentials === undefined ? (ca === undefined ? undefined : 'ca') : 'credentials';
		if (other !== undefined) throw usageError(`--${other}: expected it together with --store URL`);
		return undefined;
	}
	const environment = process.env;
	return storeAddress(store, { option: '--store', credentials, ca, user: invokingUser(user), environment });
}

function storeForm({ cluster, ttl, portable = false }: FleetOptions, database = 'tinytap'): StoreForm {
	if (portable && ttl !== undefined)
		throw usageError('expected --portable or --ttl, got both', 'ClickHouse 18 cannot delete old rows by itself.');
	return { database, cluster, ttlDays: ttlDays(ttl ?? DEFAULT_TTL), portable };
}

function ttlDays(text: string): number | undefined {
	if (text === 'none') return undefined;
	const days = /^(\d+)d$/.exec(text)?.[1];
	if (days === undefined)
		throw usageError(`--ttl: expected a number of days such as 7d, or none, got ${JSON.stringify(text)}`);
	return parseInteger(days, '--ttl', 1, TTL_DAYS_MAX);
}

/** Of the users to create. They come from the environment, because other users of this host can read arguments. */
function passwords(): Passwords {
	return {
		agent: process.env.TINYTAP_AGENT_PASSWORD || undefined,
		reader: process.env.TINYTAP_READER_PASSWORD || undefined,
	};
}

function printStatements(statements: readonly string[]): void {
	standardOutput().write(statements.map((statement) => `${statement};\n\n`).join(''));
}
