// Runs the steps of a script: statements, commands and checks. The first error ends the run, except with .bail off.
import { UserError, usageError } from '../base/errors.ts';
import { forTerminal } from '../output/terminal-text.ts';
import { parseInterval, totalMicros } from '../sql/sql-light.ts';
import type { SqlValue } from '../store/table.ts';
import { namedCommand } from './command-names.ts';
import type { CommandTable } from './commands/command.ts';
import { errorText } from './error-text.ts';
import type { Printed } from './result-printer.ts';
import type { Step } from './script.ts';
import type { ShellSession } from './shell-session.ts';

/** An error of a step, with the step's text (for the `^` marker) and its line. */
class StepError extends UserError {
	readonly sql: string | undefined;
	readonly position: number | undefined;

	constructor(error: UserError, step: Step, place: string | undefined) {
		super(`${place === undefined ? '' : `${place}:${step.line}: `}${error.message}`, error.code, error.hint);
		this.sql = step.type === 'statement' ? step.sql : undefined;
		this.position = 'position' in error && typeof error.position === 'number' ? error.position : undefined;
	}
}

/** Maximum depth of files that read each other or run saved queries. */
const DEPTH = 16;

export type StepWays = {
	/** Path of the file, for errors and for `.read` in it. */
	readonly place?: string;
	/**
	 * The steps were, or may have been, written by somebody else: commands that write or change the capture are
	 * refused.
	 */
	readonly inScript?: boolean;
	/** Continue after an error, whatever `.bail` says. */
	readonly goesOn?: boolean;
};

/** Runs steps one after the other. */
export class StepRunner {
	readonly #shell: ShellSession;
	readonly #commands: CommandTable;
	readonly #place: string | undefined;
	readonly #inScript: boolean;
	readonly #goesOn: boolean;
	/** Messages of failed `.expect` lines. */
	failedExpectations: string[] = [];
	/** Errors that did not end the run, because of `.bail off`. */
	#errors = 0;

	constructor(shell: ShellSession, commands: CommandTable, { place, inScript = true, goesOn = false }: StepWays = {}) {
		this.#shell = shell;
		this.#commands = commands;
		this.#place = place;
		this.#inScript = inScript;
		this.#goesOn = goesOn;
	}

	/** Rejects if the first statement is invalid, before anything is captured for it. */
	async check(step: Step | undefined): Promise<void> {
		if (step?.type !== 'statement') return;
		try {
			await this.#shell.threads.check(step.sql, this.#shell.parameters);
		} catch (error) {
			throw error instanceof UserError ? new StepError(error, step, this.#place) : error;
		}
	}

	/** Runs all steps, or those before `.quit`. */
	async runAll(steps: readonly Step[]): Promise<void> {
		if (this.#shell.files.length >= DEPTH)
			throw new UserError(`expected files that read each other at most ${DEPTH} deep, got more`, 'ERR_USAGE');
		for (const step of steps) if ((await this.run(step)) === 'quit' || this.#shell.sink.closed) return;
	}

	/** Returns `quit` if the step is `.quit`. */
	async run(step: Step): Promise<'quit' | undefined> {
		const shell = this.#shell;
		if (shell.settings.values.echo)
			shell.tell(`${forTerminal(step.type === 'statement' ? `${step.sql};` : step.text, { lineFeeds: true })}\n`);
		if (this.#place !== undefined) shell.files.push(this.#place);
		try {
			return await this.#run(step);
		} catch (error) {
			if (!(error instanceof UserError)) throw error;
			const placed = error instanceof StepError ? error : new StepError(error, step, this.#place);
			if ((shell.settings.values.bail && !this.#goesOn) || error.code === 'ERR_SQL_CANCELLED') throw placed;
			this.#errors++;
			shell.tell(errorText(placed, shell.asideTheme));
			return undefined;
		} finally {
			if (this.#place !== undefined) shell.files.pop();
		}
	}

	async #run(step: Step): Promise<'quit' | undefined> {
		if (step.type === 'statement') {
			await this.#commands.runStatement(this.#shell, step.sql, step.ending, this.#inScript);
			return undefined;
		}
		const { name, argument } = namedCommand(step.text);
		if (name === 'quit') return 'quit';
		if (name !== 'expect') return await this.#commands.run(this.#shell, step.text, this.#inScript);
		const failure = checkExpectation(argument, this.#shell.last?.printed);
		if (failure !== undefined) {
			const line = this.#place === undefined ? `line ${step.line}` : `${this.#place}:${step.line}`;
			this.failedExpectations.push(`${line}: ${failure}`);
		}
		return undefined;
	}

	/**
	 * Why the run has failed although no step ended it: failed expectations (exit status 4), or errors with `.bail
	 * off`.
	 */
	endError(): UserError | undefined {
		if (this.failedExpectations.length > 0) return new UserError(this.failedExpectations.join('; '), 'ERR_EXPECTATION');
		if (this.#errors === 0) return undefined;
		const what = this.#errors === 1 ? '1 statement or command' : `${this.#errors} statements or commands`;
		return new UserError(`${what} failed`, 'ERR_STEPS');
	}
}

const OPERATORS: ReadonlyMap<string, (a: number, b: number) => boolean> = new Map([
	['=', (a, b) => a === b],
	['!=', (a, b) => a !== b],
	['<', (a, b) => a < b],
	['<=', (a, b) => a <= b],
	['>', (a, b) => a > b],
	['>=', (a, b) => a >= b],
]);

/**
 * Checks the last result against `.expect rows|value OP NUMBER`, where a duration such as 500ms stands for an
 * interval or a number of milliseconds. Returns why it failed, or undefined.
 */
function checkExpectation(text: string, last: Printed | undefined): string | undefined {
	const match = /^(rows|value)\s*(=|!=|<=|>=|<|>)\s*(\S.*)$/i.exec(text.trim());
	const [, subject = '', operator = '', number = ''] = match ?? [];
	const isNumber = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(number);
	const duration = isNumber || subject.toLowerCase() === 'rows' ? undefined : parseInterval(number);
	if (!isNumber && duration === undefined) {
		throw usageError(
			`.expect: expected rows or value, one of = != < <= > >= and a number, or for value a duration such as 500ms, got ${JSON.stringify(text)}`,
		);
	}
	if (last === undefined) throw usageError('.expect: expected a statement before it');
	const actual = subject.toLowerCase() === 'rows' ? last.rows : measured(last, duration !== undefined, number);
	const wanted = duration === undefined ? Number(number) : totalMicros(duration) / 1000;
	if (OPERATORS.get(operator)!(actual, wanted)) return undefined;
	const got =
		subject.toLowerCase() === 'rows'
			? `${last.rows} rows`
			: `value ${last.firstValue === undefined ? 'of no row' : String(last.firstValue)}`;
	return `expected ${subject.toLowerCase()} ${operator} ${number}, got ${got}`;
}

/** The value as a number; an interval becomes milliseconds. */
function measured({ firstValue, firstType }: Printed, isDuration: boolean, wanted: string): number {
	if (firstType === 'interval') {
		if (!isDuration)
			throw usageError(`.expect: the value is an interval: expected a duration such as 500ms, got ${wanted}`);
		const interval = typeof firstValue === 'string' ? parseInterval(firstValue) : undefined;
		return interval === undefined ? Number.NaN : totalMicros(interval) / 1000;
	}
	if (firstType === 'datetime' || firstType === 'local' || firstType === 'date' || firstType === 'time') {
		throw usageError(
			`.expect: the value is a ${firstType}, which is not a number`,
			"Compare it in SQL, as in SELECT max(ts) > '2026-11-22' …, and write .expect value = 1.",
		);
	}
	return numberOf(firstValue);
}

/** NaN if the value is not a number; then only != is true. */
function numberOf(value: SqlValue | undefined): number {
	if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
	return typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN;
}
