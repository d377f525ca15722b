// Colours, named by their meaning. The only file that imports chalk.

import { Chalk } from 'chalk';

type Paint = (text: string) => string;

/** Colours text that is already safe to print (terminal-text.ts). Colours are added last. */
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
	/** A suggestion that has not been typed yet. */
	readonly suggestion: Paint;
	/** The selected item of a menu, the bracket that matches the one at the cursor, a match of a search. */
	readonly selected: Paint;
	/** An HTTP status, by its class. */
	readonly status: (status: number, text: string) => string;
};

/** The background of the terminal; `none`: no colours. */
export type Background = 'dark' | 'light' | 'none';

/** Without `colors` every function returns its text unchanged. */
export function createTheme(colors: boolean, background: Background = 'dark'): Theme {
	const chalk = new Chalk({ level: colors && background !== 'none' ? 1 : 0 });
	// Yellow and cyan are hard to read on white.
	const isLight = background === 'light';
	const cyan = isLight ? chalk.blue : chalk.cyan;
	const yellow = isLight ? chalk.magenta : chalk.yellow;
	return {
		error: chalk.red,
		warning: yellow,
		hint: cyan,
		success: chalk.green,
		prompt: chalk.bold,
		loss: chalk.red,
		header: chalk.bold,
		name: cyan,
		number: cyan,
		string: chalk.green,
		keyword: isLight ? chalk.blue : chalk.magenta,
		null: chalk.dim,
		note: yellow,
		dim: chalk.dim,
		method: chalk.dim,
		suggestion: chalk.gray,
		selected: chalk.inverse,
		status: (status, text) => {
			if (status >= 500) return chalk.red(text);
			if (status >= 400) return yellow(text);
			if (status >= 300) return cyan(text);
			return status >= 200 ? chalk.green(text) : chalk.dim(text);
		},
	};
}

/** The theme for another background. A theme without colours stays without. */
export function themeOn(background: Background, theme: Theme): Theme {
	return createTheme(theme.dim('x') !== 'x', background);
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
