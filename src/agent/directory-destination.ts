// Files as a store: one directory for each table, host, day and hour, named as DuckDB and ClickHouse expect partitions.
import { closeSync, fsyncSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { systemCode, UserError } from '../base/errors.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { systemProblem } from '../base/system-problem.ts';
import { UserDirectory } from '../base/user-files.ts';
import type { SqlValue } from '../store/table.ts';
import { formatTimestamp } from '../store/timestamp.ts';
import type { Destination, Outcome } from './destination.ts';
import type { FileFormat } from './file-format.ts';
import { nativeLines, nativeRows } from './native-format.ts';
import { ownDirectory } from './own-directory.ts';
import type { SpoolItem } from './spool.ts';
import { microsecondsOf, type StoreTableName, storeTable } from './store-tables.ts';

const decompress = promisify(gunzip);

export type DirectoryOptions = {
	readonly path: string;
	readonly user: InvokingUser;
	readonly hostName: string;
	readonly format: FileFormat;
};

/**
 * A destination that writes files. Those of a batch have names made from its token, so that a batch written twice
 * replaces itself. Throws a UserError if the directory does not belong to the user.
 */
export function directoryDestination({ path, user, hostName, format }: DirectoryOptions): Destination {
	ownDirectory(path, user, `Give a directory of ${user.name}, or a new one in such a directory.`).close();
	return {
		name: path,
		deliver: async (item) => {
			try {
				for (const [hour, file] of await files(item, format)) {
					const folder = join(path, item.table, `host_name=${fileName(hostName)}`, ...hour);
					writeFile(UserDirectory.own(folder, user), `${item.token}${format.ending}`, file);
				}
				return { what: 'done' };
			} catch (error) {
				return explained(error);
			}
		},
		close: () => undefined,
	};
}

type Hour = readonly [date: string, hour: string];

/** The files of a batch by hour. */
async function files(item: SpoolItem, format: FileFormat): Promise<[Hour, Uint8Array][]> {
	const { table } = item;
	const { time } = storeTable(table);
	const bytes = await decompress(await item.read());
	const made: [Hour, Uint8Array][] = [];
	if (item.form === 'blocks' && format.encodeRows !== undefined) {
		for (const [hour, rows] of rowsByHour(bytes, table)) made.push([hour, await format.encodeRows(table, rows)]);
		return made;
	}
	const lines = item.form === 'blocks' ? nativeLines(bytes, table) : bytes.toString('utf8');
	for (const [hour, rows] of byHour(lines, time)) made.push([hour, await format.encode(table, rows)]);
	return made;
}

function rowsByHour(bytes: Buffer, table: StoreTableName): Map<Hour, SqlValue[][]> {
	const { columns, time } = storeTable(table);
	const place = columns.filter(({ name }) => name !== 'ingested_at').findIndex(({ name }) => name === time);
	const hours = new Map<string, SqlValue[][]>();
	for (const row of nativeRows(bytes, table)) {
		const hour = String(row[place]).slice(0, 13);
		const before = hours.get(hour);
		if (before === undefined) hours.set(hour, [row]);
		else before.push(row);
	}
	return new Map([...hours].map(([hour, rows]) => [hourOf(hour), rows]));
}

/** `2026-11-22T12` as parts of a path. */
function hourOf(text: string): Hour {
	return [`date=${text.slice(0, 10)}`, `hour=${text.slice(11)}`];
}

/** Lines by the hour of the time `column`: `date=2026-11-22`, `hour=12`. */
function byHour(lines: string, column: string): Map<Hour, string> {
	const hours = new Map<string, string[]>();
	const time = new RegExp(`"${microsecondsOf(column)}":(\\d+)`);
	for (const line of lines.split('\n')) {
		const us = Number(time.exec(line)?.[1]);
		const hour = formatTimestamp(us)?.slice(0, 13);
		if (hour === undefined) continue;
		const before = hours.get(hour);
		if (before === undefined) hours.set(hour, [line]);
		else before.push(line);
	}
	return new Map([...hours].map(([hour, rows]) => [hourOf(hour), `${rows.join('\n')}\n`]));
}

function writeFile(directory: UserDirectory, name: string, bytes: Uint8Array): void {
	const temporary = `.${name}.tmp`;
	try {
		directory.remove(temporary);
		const fd = directory.create(temporary);
		try {
			for (let at = 0; at < bytes.byteLength; ) at += writeSync(fd, bytes, at);
			fsyncSync(fd);
		} catch (error) {
			directory.remove(temporary);
			throw error;
		} finally {
			closeSync(fd);
		}
		directory.move(temporary, name);
		directory.sync();
	} finally {
		directory.close();
	}
}

/** A host's name as part of a path. */
export function fileName(text: string): string {
	const safe = encodeURIComponent(text).replace(
		/[!'()*]/g,
		(letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
	);
	return /^\.*$/.test(safe) ? `%2E${safe.slice(1)}` : safe;
}

function explained(error: unknown): Outcome {
	const code = systemCode(error);
	if (code === undefined || error instanceof UserError) throw error;
	return { what: 'retry', why: systemProblem(code) };
}
