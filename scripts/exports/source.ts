// A recording in memory: what the exports are compared with, and the exports themselves.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { processUser } from '../../src/base/invoking-user.ts';
import type { ResultColumn } from '../../src/output/cell-text.ts';
import type { ExchangeDetail } from '../../src/output/exchange-parts.ts';
import type { ExportFormat } from '../../src/output/result-format.ts';
import { exportExchanges } from '../../src/shell/export.ts';
import type { SqlValue } from '../../src/store/table.ts';
import { Threads } from '../../src/threads/threads.ts';
import { replayedCapture } from '../../support/replayed-capture.ts';

export type Source = {
	readonly name: string;
	readonly columns: readonly ResultColumn[];
	/** All columns of all exchanges, in the order of ids. */
	readonly rows: readonly (readonly SqlValue[])[];
	readonly exchanges: readonly ExchangeDetail[];
	/** Exports all exchanges without redaction; returns the file. */
	export(format: ExportFormat): Promise<ExportedFile>;
	close(): Promise<void>;
};

export type ExportedFile = {
	readonly path: string;
	readonly bytes: number;
	readonly seconds: number;
	readonly leftOut: number;
};

/** `mayWarn`: the recording may say that it does not hold everything. */
export async function openSource(name: string, recording: string, folder: string, mayWarn = false): Promise<Source> {
	const threads = new Threads(replayedCapture(recording, { maxMemory: 1 << 30 }), (message) => {
		if (!mayWarn) throw new Error(message);
	});
	await threads.attached;
	await threads.ended;
	let columns: readonly ResultColumn[] = [];
	const rows: (readonly SqlValue[])[] = [];
	const run = (sql: string) => threads.run(sql, { timeoutMs: 0 });
	for await (const part of run('SELECT * FROM exchanges ORDER BY id'))
		if (part.type === 'columns') columns = part.columns;
		else if (part.type === 'rows') rows.push(...part.rows);
	const exchanges: ExchangeDetail[] = [];
	for await (const exchange of threads.showAll(rows.map(([id]) => Number(id)))) exchanges.push(exchange!);
	let files = 0;
	const ways = { threads, user: processUser(), parameters: [], timeoutMs: 0, raw: true };
	return {
		...{ name, columns, rows, exchanges },
		export: async (format) => {
			const path = join(folder, `${name}-${++files}.${format}`);
			const began = performance.now();
			const { leftOut } = await exportExchanges(
				{ path, format, where: undefined, redactor: null, force: false },
				{ ...ways, exchanges: (ids) => threads.showAll(ids) },
			);
			return { path, bytes: statSync(path).size, seconds: (performance.now() - began) / 1000, leftOut };
		},
		close: () => threads.close(),
	};
}

/** Throws if a value differs. `read` and `wanted` are rows of the same columns. */
export function requireEqual(
	what: string,
	columns: readonly { readonly name: string }[],
	read: readonly (readonly unknown[])[],
	wanted: readonly (readonly unknown[])[],
): void {
	if (read.length !== wanted.length) throw new Error(`${what}: expected ${wanted.length} rows, got ${read.length}`);
	for (const [at, row] of wanted.entries())
		for (const [index, value] of row.entries()) {
			const got = read[at]![index];
			if (Object.is(got, value)) continue;
			const text = (each: unknown) => `${typeof each} ${String(each).slice(0, 200)}`;
			throw new Error(`${what}, row ${at + 1}, ${columns[index]?.name}: expected ${text(value)}, got ${text(got)}`);
		}
}

/** A value as a text that says all of it. */
export function exactText(value: SqlValue): string | null {
	if (value === null) return null;
	if (value instanceof Uint8Array) return `blob ${Buffer.from(value).toString('hex')}`;
	return typeof value === 'string' ? `text ${value}` : `number ${String(value)}`;
}
