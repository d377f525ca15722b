// Runs the steps of a script: statements, commands and checks. The first error ends the run, except with .bail off.
import { UserError } from '../base/errors.ts';
import { forTerminal } from '../output/terminal-text.ts';
import { readAttachStatement } from '../sql/sql-light.ts';
import type { FollowedBy } from '../threads/messages.ts';
import { Checks, failureDetails, placeText, statementName } from './checks.ts';
import { namedCommand } from './command-names.ts';
import type { CommandTable } from './commands/command.ts';
import { errorText } from './error-text.ts';
import { checkExpectation, readExpectation } from './expectations.ts';
import type { Step } from './script.ts';
import type { ShellSession } from './shell-session.ts';

/** An error of a step, with the step's text (for the `^` marker) and its line. */
class StepError extends UserError {
	readonly sql: string | undefined;
	readonly position: number | undefined;

	constructor(error: UserError, step: Step, place: string | undefined) {
		super(`${place === undefined ? '' : `${place}:${step.line}: `}${error.message}`, error.code, error.hint);
		const own = 'sql' in error && typeof error.sql === 'string' ? error.sql : undefined;
		this.sql = step.type === 'statement' ? step.sql : own;
		this.position = 'position' in error && typeof error.position === 'number' ? error.position : undefined;
	}
}

/** Commands after which statements may mean something else: they run other files, or set parameters. */
const DEFINING: ReadonlySet<string | undefined> = new Set(['run', 'read', 'param']);

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
	/** Where to keep what the `.expect` lines find; by default those of the running script, or new ones. */
	readonly checks?: Checks;
};

/** Runs steps one after the other. */
export class StepRunner {
	readonly #shell: ShellSession;
	readonly #commands: CommandTable;
	readonly #place: string | undefined;
	readonly #inScript: boolean;
	readonly #goesOn: boolean;
	/** What the `.expect` lines of this script found, and those of the files that it reads. */
	readonly checks: Checks;
	/** Another script runs these steps, and reports their failed expectations. */
	readonly #isNested: boolean;
	/** Errors that did not end the run, because of `.bail off`. */
	#errors = 0;

	constructor(shell: ShellSession, commands: CommandTable, ways: StepWays = {}) {
		const { place, inScript = true, goesOn = false, checks } = ways;
		this.#shell = shell;
		this.#commands = commands;
		this.#place = place;
		this.#inScript = inScript;
		this.#goesOn = goesOn;
		this.checks = checks ?? shell.checks ?? new Checks();
		this.#isNested = shell.checks !== undefined;
	}

	/**
	 * Rejects if the first statement is invalid, before anything is captured for it. Resolves to how a tail can follow it.
	 */
	async check(step: Step | undefined): Promise<FollowedBy> {
		if (step?.type !== 'statement') return undefined;
		try {
			if (readAttachStatement(step.sql) !== undefined) return undefined;
			return await this.#shell.threads.check(step.sql, this.#shell.parameters);
		} catch (error) {
			throw error instanceof UserError ? this.#failed(error, step) : error;
		}
	}

	/**
	 * Rejects with the first mistake that can be found before anything runs or is captured: in a statement, in `.expect`,
	 * or in the name of a command.
	 */
	async checkAll(steps: readonly Step[]): Promise<void> {
		/** Earlier steps may define views, tables and parameters, so that only the grammar can be checked. */
		let isOpen = false;
		for (const step of steps) {
			try {
				const { ends, defines } = await this.#checkStep(step);
				if (ends) return;
				isOpen ||= defines;
			} catch (error) {
				if (!(error instanceof UserError)) throw error;
				if (!isOpen || step.type === 'command' || error.code === 'ERR_SQL_SYNTAX') throw this.#failed(error, step);
			}
		}
	}

	/** `ends`: later steps may not run, or their errors may not end the script. */
	async #checkStep(step: Step): Promise<{ readonly ends: boolean; readonly defines: boolean }> {
		const shell = this.#shell;
		if (step.type === 'command') {
			const { name, argument } = namedCommand(step.text);
			if (name === 'expect') readExpectation(argument);
			else if (name !== 'quit') this.#commands.check(shell, step.text, this.#inScript);
			return { ends: name === 'quit' || name === 'bail', defines: DEFINING.has(name) };
		}
		if (step.ending !== undefined) this.#commands.check(shell, step.ending, this.#inScript);
		if (readAttachStatement(step.sql) !== undefined) return { ends: false, defines: true };
		const followedBy = await shell.threads.check(step.sql, shell.parameters);
		return { ends: false, defines: followedBy === undefined };
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
		shell.checkInterrupted();
		if (shell.settings.values.echo)
			shell.tell(`${forTerminal(step.type === 'statement' ? `${step.sql};` : step.text, { lineFeeds: true })}\n`);
		if (this.#place !== undefined) shell.files.push(this.#place);
		const { checks } = shell;
		shell.checks = this.checks;
		try {
			return await this.#run(step);
		} catch (error) {
			if (!(error instanceof UserError)) throw error;
			const placed = error instanceof StepError ? error : this.#failed(error, step);
			if ((shell.settings.values.bail && !this.#goesOn) || error.code === 'ERR_SQL_CANCELLED') throw placed;
			this.#errors++;
			shell.tell(errorText(placed, shell.asideTheme));
			return undefined;
		} finally {
			if (this.#place !== undefined) shell.files.pop();
			shell.checks = checks;
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
		this.#expect(argument, step);
		return undefined;
	}

	#failed(error: UserError, step: Step): StepError {
		const name = step.type === 'statement' ? statementName(step.sql) : step.text;
		this.checks.addError(error, { file: this.#place, line: step.line, name });
		const placed = new StepError(error, step, this.#place);
		this.checks.told(placed);
		return placed;
	}

	#expect(text: string, step: Step): void {
		const { last } = this.#shell;
		const unmet = checkExpectation(text, last);
		const check = {
			file: this.#place,
			line: step.line,
			name: `${statementName(last!.sql)} .expect ${text.trim()}`,
			seconds: last!.printed!.seconds,
		};
		if (unmet === undefined) {
			this.checks.add(check);
			return;
		}
		const summary = `expected ${unmet.expected}, got ${unmet.got}`;
		const details = failureDetails(last!.sql, unmet, last!.printed!.sample);
		this.checks.add({ ...check, problem: { kind: 'failure', summary, details } });
		this.#shell.tell(`${forTerminal(placeText(this.#place, step.line))}: .expect failed\n${details}`);
	}

	/**
	 * Why the run has failed although no step ended it: failed expectations (exit status 4), or errors with `.bail
	 * off`.
	 */
	endError(): UserError | undefined {
		const failure = this.#isNested ? undefined : this.checks.failure();
		if (failure !== undefined) return failure;
		if (this.#errors === 0) return undefined;
		const what = this.#errors === 1 ? '1 statement or command' : `${this.#errors} statements or commands`;
		return this.checks.told(new UserError(`${what} failed`, 'ERR_STEPS'));
	}
}
