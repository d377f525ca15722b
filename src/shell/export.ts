// Exports exchanges into a new file, which is either complete or absent.
import { UserError } from '../base/errors.ts';
import { version } from '../base/installation.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { NewFile } from '../base/new-file.ts';
import { systemProblem } from '../base/system-problem.ts';
import { rowsWithoutBodies } from '../output/left-out-bodies.ts';
import type { Redactor } from '../output/redaction.ts';
import { type ExportFormat, printsExchanges } from '../output/result-format.ts';
import { plainTheme } from '../output/theme.ts';
import type { SqlValue } from '../store/table.ts';
import type { ResultPart } from '../threads/messages.ts';
import type { RunOptions, Threads } from '../threads/threads.ts';
import { fileSink, newFileError } from './result-output.ts';
import { type Printed, type PrintStyle, printResult } from './result-printer.ts';
import type { Sink } from './sink.ts';

export type Export = {
	readonly format: ExportFormat;
	/** An SQL condition; undefined: all exchanges. */
	readonly where: string | undefined;
	/** An SQL condition: only exchanges for which it is true keep their bodies. Undefined: all. */
	readonly keepBodies?: string | undefined;
	/** Null: secrets stay. */
	readonly redactor: Redactor | null;
	/** Replace an existing file. */
	readonly force: boolean;
};

/** An export into a file. */
export type FileExport = Export & { readonly path: string };

export type ExportWays = {
	readonly threads: Threads;
	readonly user: InvokingUser;
	readonly parameters: RunOptions['parameters'];
	/** 0 if there is no limit. */
	readonly timeoutMs: number;
	/** Do not escape control characters in text formats. */
	readonly raw: boolean;
	/** Looks up exchanges by id. Rejects once the export is cancelled. */
	readonly exchanges: PrintStyle['exchanges'];
};

/** How many exchanges were written and left out, and the facts from printResult(). */
export type Exported = Printed & { readonly written: number; readonly leftOut: number };

/** Exports exchanges. Throws a UserError; then the file does not exist, or is unchanged if it was to be replaced. */
export async function exportExchanges(wanted: FileExport, ways: ExportWays): Promise<Exported> {
	const { path, force } = wanted;
	return await intoNewFile(path, ways.user, force, (sink) => writeExchanges(wanted, ways, sink));
}

/** Lets `write` fill a new file, which is whole or not there. Throws a UserError if it cannot be made. */
export async function intoNewFile<T>(
	path: string,
	user: InvokingUser,
	force: boolean,
	write: (sink: Sink) => Promise<T>,
): Promise<T> {
	let file: NewFile;
	try {
		file = new NewFile(path, user, force);
	} catch (error) {
		throw newFileError(path, error, force);
	}
	try {
		const result = await write(fileSink(file.fd, (code) => notWritten(path, code)));
		keep(file, path, force);
		return result;
	} finally {
		file.discard();
	}
}

function keep(file: NewFile, path: string, force: boolean): void {
	try {
		file.keep();
	} catch (error) {
		throw newFileError(path, error, force);
	}
}

/** Writes exchanges to a sink. `path`: for errors, undefined if the sink is not a file. */
export async function writeExchanges(
	wanted: Export & { readonly path?: string | undefined },
	ways: ExportWays,
	sink: Sink,
): Promise<Exported> {
	const { path, format, redactor } = wanted;
	const { parameters, timeoutMs, raw, exchanges } = ways;
	const statement = new ExportStatement(printsExchanges(format) ? 'SELECT id' : 'SELECT *', wanted);
	const rows = ways.threads.run(statement.sql, { parameters, timeoutMs, redact: redactor !== null });
	const left = new Set<number>();
	const style: PrintStyle = {
		...{ format, redactor, raw, exchanges, version: version(), theme: plainTheme },
		...{ screenColumns: undefined, footer: false, nullText: 'NULL', headers: true, widest: [], separator: ',' },
		leavesOutBodies: (id) => left.has(id),
		linesIfWide: false,
		sampleRows: 0,
	};
	try {
		const parts = wanted.keepBodies === undefined ? rows : leavingOutBodies(rows, (id) => left.add(id));
		const printed = await printResult(parts, sink, style);
		const { written, leftOut } = printed.exchanges ?? { written: printed.rows, leftOut: 0 };
		return { ...printed, written, leftOut };
	} catch (error) {
		throw explainedExport(error, 'export', path, statement);
	}
}

/** The statement of an export or report, and where in it the user's conditions are. */
export class ExportStatement {
	readonly sql: string;
	readonly #conditions: { readonly text: string; readonly start: number }[] = [];

	constructor(columns: string, { where, keepBodies }: Pick<Export, 'where' | 'keepBodies'>) {
		let sql = columns;
		const add = (before: string, condition: string, after: string) => {
			this.#conditions.push({ text: condition, start: sql.length + before.length });
			// The condition may end in a comment.
			sql += `${before}${condition}\n${after}`;
		};
		if (keepBodies !== undefined) add(', CASE WHEN (', keepBodies, ') THEN 1 ELSE 0 END AS keep_bodies');
		sql += ' FROM exchanges';
		if (where !== undefined) add(' WHERE (', where, ')');
		this.sql = `${sql} ORDER BY id`;
	}

	/** The condition around or before a position, and the position in it; undefined if there are no conditions. */
	place(position: number): { readonly text: string; readonly at: number } | undefined {
		const found = this.#conditions.findLast(({ start }) => position >= start) ?? this.#conditions[0];
		return found === undefined ? undefined : { text: found.text, at: Math.max(0, position - found.start) };
	}
}

/** The parts without their last column, which says whether an exchange keeps its bodies. `leave` gets the ids of others. */
async function* leavingOutBodies(
	parts: AsyncIterable<ResultPart>,
	leave: (id: number) => void,
): AsyncGenerator<ResultPart> {
	let idIndex = -1;
	let without = (row: readonly SqlValue[]): SqlValue[] => [...row];
	for await (const part of parts) {
		if (part.type === 'columns') {
			const columns = part.columns.slice(0, -1);
			idIndex = columns.findIndex(({ name }) => name === 'id');
			without = rowsWithoutBodies(columns);
			yield { ...part, columns };
		} else if (part.type === 'rows') {
			const rows = part.rows.map((row) => {
				const columns = row.slice(0, -1);
				if (row.at(-1) === 1) return columns;
				leave(Number(row[idIndex]));
				return without(columns);
			});
			yield { ...part, rows };
		} else yield part;
	}
}

function notWritten(path: string, code: string): UserError {
	return new UserError(
		`cannot write ${path}: ${systemProblem(code)}`,
		'ERR_OUTPUT',
		'The incomplete file was removed. Export fewer exchanges, or write where there is more space.',
	);
}

/** Turns an error of the statement into one of the export or report, with its position in the condition. */
export function explainedExport(
	error: unknown,
	what: 'export' | 'report',
	path: string | undefined,
	statement: ExportStatement,
): unknown {
	if (!(error instanceof UserError)) return error;
	if (error.code === 'ERR_SQL_CANCELLED')
		return new UserError(
			path === undefined ? `the ${what} was cancelled` : `the ${what} was cancelled, and ${path} was not written`,
			'ERR_INTERRUPTED',
		);
	if (!('position' in error) || typeof error.position !== 'number') return error;
	const place = statement.place(error.position);
	if (place === undefined) return error;
	// If something is missing at the end of the condition, the error is at the parenthesis after it.
	const isAfter = place.at >= place.text.length;
	const position = isAfter ? place.text.length : place.at;
	const message = isAfter ? error.message.replace(/got "\)"$/, 'got the end of the condition') : error.message;
	return Object.assign(new UserError(message, error.code, error.hint), { position, sql: place.text });
}

/** `3 exchanges written to calls.har`, and how many were left out. */
export function exportSentence(
	path: string,
	{ written, leftOut }: Pick<Exported, 'written' | 'leftOut'>,
	format: ExportFormat = 'curl',
): string {
	const those =
		leftOut === 1 ? `1 other that ${format} cannot send was` : `${leftOut} others that ${format} cannot send were`;
	const rest = leftOut === 0 ? '' : `; ${those} left out`;
	return `${written} ${written === 1 ? 'exchange' : 'exchanges'} written to ${path}${rest}`;
}
