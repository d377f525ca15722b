// The files of a directory that agents write: which there are, of which table, host and hour.
import { join } from 'node:path';
import { ENDINGS } from '../../agent/file-format.ts';
import { STORE_TABLES, type StoreTableName } from '../../agent/store-tables.ts';
import { systemCode, UserError } from '../../base/errors.ts';
import { fileError } from '../../base/file-error.ts';
import type { InvokingUser } from '../../base/invoking-user.ts';
import { listUserDirectory } from '../../base/user-files.ts';

/** The files of a table, a host and an hour. */
export type HourOfFiles = {
	readonly folder: string;
	readonly hostName: string;
	/** The hour: its times are from `from` on and before `to`, in microseconds since 1970. */
	readonly from: number;
	readonly to: number;
};

const HOUR_US = 3_600_000_000;

/** The tables that the directory has. Throws a UserError if it has none. */
export function storedTables(directory: string, user: InvokingUser): StoreTableName[] {
	const found = new Set(list(directory, user));
	// Without gaps there are no files of gaps. Other tables are missing if agents did not write them.
	const tables = STORE_TABLES.map(({ name }) => name).filter((name) => name === 'gaps' || found.has(`${name}/`));
	if (tables.includes('exchanges')) return tables;
	throw new UserError(
		`${directory} has no files of exchanges`,
		'ERR_STORE',
		'Give a directory that `tinytap agent --to DIR` writes to, or a URL: https://HOST:8443/tinytap.',
	);
}

/** The hours of a table, by host and time. Directories that agents do not make are passed over. */
export function* hoursOf(directory: string, table: StoreTableName, user: InvokingUser): Generator<HourOfFiles> {
	const root = join(directory, table);
	for (const host of list(root, user)) {
		const hostName = decoded(/^host_name=(.+)\/$/.exec(host)?.[1]);
		if (hostName === undefined) continue;
		for (const date of list(join(root, host), user)) {
			const day = /^date=(\d{4}-\d\d-\d\d)\/$/.exec(date)?.[1];
			if (day === undefined) continue;
			for (const hour of list(join(root, host, date), user)) {
				const ofDay = /^hour=([01]\d|2[0-3])\/$/.exec(hour)?.[1];
				const from = ofDay === undefined ? Number.NaN : Date.parse(`${day}T${ofDay}:00:00Z`) * 1000;
				if (Number.isNaN(from)) continue;
				yield { folder: join(root, host, date, hour), hostName, from, to: from + HOUR_US };
			}
		}
	}
}

/** The files of an hour, as paths, by name. Files that are being written have names that begin with a dot. */
export function filesOf({ folder }: HourOfFiles, user: InvokingUser): string[] {
	const names = list(folder, user, 'plain files').filter(
		(name) => !name.startsWith('.') && Object.values(ENDINGS).some((ending) => name.endsWith(ending)),
	);
	return names.map((name) => join(folder, name));
}

/** Names, sorted; none if the directory has disappeared. */
function list(
	path: string,
	user: InvokingUser,
	listed: 'plain files' | 'directories marked' = 'directories marked',
): string[] {
	try {
		return listUserDirectory(path, user, listed).sort();
	} catch (error) {
		if (systemCode(error) === 'ENOENT') return [];
		throw fileError(path, error, 'Give a directory that `tinytap agent --to DIR` writes to.');
	}
}

function decoded(name: string | undefined): string | undefined {
	try {
		return name === undefined ? undefined : decodeURIComponent(name);
	} catch {
		return undefined;
	}
}
