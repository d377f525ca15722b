// Colours, named by their meaning. The only file that imports chalk.

import { Chalk, type ChalkInstance } from 'chalk';

type Paint = (text: string) => string;

/** Paints text that is already safe to print (terminal-text.ts). Colours are added last. */
export type Theme = {
	readonly error: Paint;
	readonly warning: Paint;
	/** Hints about errors. */
	readonly hint: Paint;
	readonly success: Paint;
	readonly prompt: Paint;
	/** The prompt's count of lost events, and other loss. */
	readonly loss: Paint;
	/** Column names, titles. */
	readonly header: Paint;
	/** Names of header fields and columns in vertical output. */
	readonly name: Paint;
	readonly number: Paint;
	readonly string: Paint;
	readonly keyword: Paint;
	readonly null: Paint;
	/** Remarks about captured data: body notes, `[image/png, 68 bytes]`. */
	readonly note: Paint;
	/** Borders, footers, asides. */
	readonly dim: Paint;
	/** Request methods in tables. */
	readonly method: Paint;
	/** An HTTP status, by its class. */
	readonly status: (status: number, text: string) => string;
};

/** Without `colors` every paint returns its text unchanged. */
export function createTheme(colors: boolean): Theme {
	const chalk = new Chalk({ level: colors ? 1 : 0 });
	return {
		error: chalk.red,
		warning: chalk.yellow,
		hint: chalk.cyan,
		success: chalk.green,
		prompt: chalk.bold,
		loss: chalk.red,
		header: chalk.bold,
		name: chalk.cyan,
		number: chalk.cyan,
		string: chalk.green,
		keyword: chalk.magenta,
		null: chalk.dim,
		note: chalk.yellow,
		dim: chalk.dim,
		method: chalk.dim,
		status: (status, text) => statusPaint(chalk, status)(text),
	};
}

/** For files, pipes and tests. */
export const plainTheme: Theme = createTheme(false);

/**
 * Whether to use colours on `stream`: not with `--no-color` (`flag` false) or a non-empty NO_COLOR; otherwise on a terminal
 * that supports them, or if FORCE_COLOR asks for them.
 */
export function wantsColor(
	stream: { readonly isTTY?: boolean },
	env: Readonly<Record<string, string | undefined>>,
	flag?: boolean,
): boolean {
	if (flag === false) return false;
	if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false;
	if (flag === true) return true;
	if (env.FORCE_COLOR !== undefined) return env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false';
	return stream.isTTY === true && env.TERM !== 'dumb';
}

function statusPaint(chalk: ChalkInstance, status: number): Paint {
	if (status >= 500) return chalk.red;
	if (status >= 400) return chalk.yellow;
	if (status >= 300) return chalk.cyan;
	return status >= 200 ? chalk.green : chalk.dim;
}
