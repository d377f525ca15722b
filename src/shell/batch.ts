// Runs statements from a file or a pipe: no prompt, no history; the first error ends the run.
import type { Readable } from 'node:stream';
import { UserError, usageError } from '../base/errors.ts';
import { MAX_TEXT_BYTES, tooLong } from '../base/user-files.ts';
import { parseInterval, totalMicros } from '../sql/sql-light.ts';
import type { SqlValue } from '../store/table.ts';
import { namedCommand } from './command-names.ts';
import { runCommand, runStatement } from './commands/commands.ts';
import type { Printed } from './result-printer.ts';
import { ScriptReader, type Step } from './script.ts';
import type { ShellSession } from './shell-session.ts';

/** An error of a step, with the step's text for the `^` marker and its line. */
class StepError extends UserError {
	readonly sql: string | undefined;
	readonly position: number | undefined;

	constructor(error: UserError, step: Step, place: string | undefined) {
		super(`${place === undefined ? '' : `${place}:${step.line}: `}${error.message}`, error.code, error.hint);
		this.sql = step.type === 'statement' ? step.sql : undefined;
		this.position = 'position' in error && typeof error.position === 'number' ? error.position : undefined;
	}
}

/** Runs steps one after the other. `place` names the file in errors. */
export class StepRunner {
	readonly #shell: ShellSession;
	readonly #place: string | undefined;
	/** Messages of failed `.expect` lines. */
	failedExpectations: string[] = [];

	constructor(shell: ShellSession, place?: string) {
		this.#shell = shell;
		this.#place = place;
	}

	/** Rejects if the first statement cannot run, before anything is captured for it. */
	async check(step: Step | undefined): Promise<void> {
		if (step?.type !== 'statement') return;
		try {
			await this.#shell.threads.check(step.sql, this.#shell.parameters);
		} catch (error) {
			throw error instanceof UserError ? new StepError(error, step, this.#place) : error;
		}
	}

	/** Runs all steps, or up to a `.quit`. */
	async runAll(steps: readonly Step[]): Promise<void> {
		for (const step of steps) if ((await this.run(step)) === 'quit' || this.#shell.sink.closed) return;
	}

	/** Returns `quit` if the step is `.quit`. */
	async run(step: Step): Promise<'quit' | undefined> {
		try {
			if (step.type === 'statement') {
				await runStatement(this.#shell, step.sql, step.ending, true);
				return undefined;
			}
			const { name, argument } = namedCommand(step.text);
			if (name === 'quit') return 'quit';
			if (name !== 'expect') return await runCommand(this.#shell, step.text, true);
			const failure = checkExpectation(argument, this.#shell.last?.printed);
			if (failure !== undefined)
				this.failedExpectations.push(
					`${this.#place ?? 'line '}${this.#place === undefined ? '' : ':'}${step.line}: ${failure}`,
				);
			return undefined;
		} catch (error) {
			throw error instanceof UserError ? new StepError(error, step, this.#place) : error;
		}
	}

	/** The UserError (exit status 4) for failed expectations, if there are any. */
	expectationError(): UserError | undefined {
		if (this.failedExpectations.length === 0) return undefined;
		return new UserError(this.failedExpectations.join('; '), 'ERR_EXPECTATION');
	}
}

/** Runs the statements of a pipe as they arrive. */
export async function runPiped(shell: ShellSession, input: Readable): Promise<StepRunner> {
	const runner = new StepRunner(shell);
	const reader = new ScriptReader();
	for await (const line of linesOf(input)) {
		for (const step of reader.push(line)) if ((await runner.run(step)) === 'quit') return runner;
		if (shell.sink.closed) return runner;
	}
	for (const step of reader.end()) await runner.run(step);
	return runner;
}

/** Lines as they arrive. Only LF ends one: a text constant may contain a lone CR, or U+2028, where readline ends lines, too. */
async function* linesOf(input: Readable): AsyncGenerator<string> {
	let line = '';
	try {
		for await (const chunk of input.setEncoding('utf8') as AsyncIterable<string>) {
			let start = 0;
			for (let end = chunk.indexOf('\n'); end >= 0; end = chunk.indexOf('\n', start)) {
				yield line + chunk.slice(start, end);
				line = '';
				start = end + 1;
			}
			line += chunk.slice(start);
			if (line.length > MAX_TEXT_BYTES) throw tooLong('stdin');
		}
	} catch (error) {
		// Ctrl-C destroys the input.
		if (!(error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE')) throw error;
		return;
	}
	if (line !== '') yield line;
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
 * Checks the last result against `.expect rows|value OP NUMBER`, or a duration such as 500ms for intervals and numbers of
 * milliseconds. Returns why it failed, or undefined.
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

/** The value as a number, an interval as milliseconds. */
function measured({ firstValue, firstType }: Printed, isDuration: boolean, wanted: string): number {
	if (firstType === 'interval') {
		if (!isDuration)
			throw usageError(`.expect: the value is an interval: expected a duration such as 500ms, got ${wanted}`);
		const interval = typeof firstValue === 'string' ? parseInterval(firstValue) : undefined;
		return interval === undefined ? Number.NaN : totalMicros(interval) / 1000;
	}
	if (firstType === 'datetime' || firstType === 'local' || firstType === 'date' || firstType === 'time') {
		throw usageError(
			`.expect: the value is a ${firstType}, which has no number`,
			"Compare it in SQL, as in SELECT max(ts) > '2026-11-22' …, and write .expect value = 1.",
		);
	}
	return numberOf(firstValue);
}

/** NaN, for which only != is true, if the value is not a number. */
function numberOf(value: SqlValue | undefined): number {
	if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
	return typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN;
}
