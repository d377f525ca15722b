// Exports exchanges into a new file, which is either complete or absent.
import { UserError } from '../base/errors.ts';
import { version } from '../base/installation.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { NewFile } from '../base/new-file.ts';
import { systemProblem } from '../base/system-problem.ts';
import type { Redactor } from '../output/redaction.ts';
import { type ExportFormat, printsExchanges } from '../output/result-format.ts';
import { plainTheme } from '../output/theme.ts';
import type { RunOptions, Threads } from '../threads/threads.ts';
import { fileSink, newFileError } from './result-output.ts';
import { type Printed, type PrintStyle, printResult } from './result-printer.ts';
import type { Sink } from './sink.ts';

export type Export = {
	readonly format: ExportFormat;
	/** An SQL condition; undefined: all exchanges. */
	readonly where: string | undefined;
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
	let file: NewFile;
	try {
		file = new NewFile(path, ways.user, force);
	} catch (error) {
		throw newFileError(path, error, force);
	}
	try {
		const printed = await writeExchanges(
			wanted,
			ways,
			fileSink(file.fd, (code) => notWritten(path, code)),
		);
		keep(file, path, force);
		return printed;
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

/** The part of the statement between the columns and the condition. */
const BEFORE = ' FROM exchanges WHERE (';

/** Writes exchanges to a sink. `path`: for errors, undefined if the sink is not a file. */
export async function writeExchanges(
	wanted: Export & { readonly path?: string | undefined },
	ways: ExportWays,
	sink: Sink,
): Promise<Exported> {
	const { path, format, where, redactor } = wanted;
	const start = printsExchanges(format) ? 'SELECT id' : 'SELECT *';
	// The condition may end in a comment.
	const sql = where === undefined ? `${start} FROM exchanges ORDER BY id` : `${start}${BEFORE}${where}\n) ORDER BY id`;
	const { parameters, timeoutMs, raw, exchanges } = ways;
	const rows = ways.threads.run(sql, { parameters, timeoutMs, redact: redactor !== null });
	const style: PrintStyle = {
		...{ format, redactor, raw, exchanges, version: version(), theme: plainTheme },
		...{ screenColumns: undefined, footer: false, nullText: 'NULL', headers: true, widest: [], separator: ',' },
		linesIfWide: false,
		sampleRows: 0,
	};
	try {
		const printed = await printResult(rows, sink, style);
		const { written, leftOut } = printed.exchanges ?? { written: printed.rows, leftOut: 0 };
		return { ...printed, written, leftOut };
	} catch (error) {
		throw explained(error, path, where, start.length + BEFORE.length);
	}
}

function notWritten(path: string, code: string): UserError {
	return new UserError(
		`cannot write ${path}: ${systemProblem(code)}`,
		'ERR_OUTPUT',
		'The incomplete file was removed. Export fewer exchanges, or write where there is more space.',
	);
}

/** Turns an error of the statement into one of the export, with its position in the condition. */
function explained(error: unknown, path: string | undefined, where: string | undefined, start: number): unknown {
	if (!(error instanceof UserError)) return error;
	if (error.code === 'ERR_SQL_CANCELLED')
		return new UserError(
			path === undefined ? 'the export was cancelled' : `the export was cancelled, and ${path} was not written`,
			'ERR_INTERRUPTED',
		);
	if (where === undefined || !('position' in error) || typeof error.position !== 'number') return error;
	// If something is missing at the end of the condition, the error is at the parenthesis after it.
	const isAfter = error.position - start >= where.length;
	const position = isAfter ? where.length : Math.max(0, error.position - start);
	const message = isAfter ? error.message.replace(/got "\)"$/, 'got the end of the condition') : error.message;
	return Object.assign(new UserError(message, error.code, error.hint), { position, sql: where });
}

/** `3 exchanges written to calls.har`, and how many were left out. */
export function exportSentence(path: string, { written, leftOut }: Pick<Exported, 'written' | 'leftOut'>): string {
	const those = leftOut === 1 ? '1 other that curl cannot send was' : `${leftOut} others that curl cannot send were`;
	const rest = leftOut === 0 ? '' : `; ${those} left out`;
	return `${written} ${written === 1 ? 'exchange' : 'exchanges'} written to ${path}${rest}`;
}
