// Errors that a person can fix: one sentence, a code, a hint; never a stack trace.
import { type ErrorCode, EXIT, errorEntry } from './error-codes.ts';

export { type ErrorCode, EXIT };

/** A problem that a person can fix. `message` is one sentence: what was expected and what was found. */
export class UserError extends Error {
	readonly code: ErrorCode;
	readonly hint: string | undefined;
	readonly #exit: number | undefined;

	/** `exit` overrides the exit status of the code. */
	constructor(message: string, code: ErrorCode, hint?: string, exit?: number) {
		super(message);
		this.name = 'UserError';
		this.code = code;
		this.hint = hint;
		this.#exit = exit;
	}

	/** Exit status of a command that ends with this error. */
	get exitCode(): number {
		return this.#exit ?? errorEntry(this.code)?.exit ?? EXIT.runtime;
	}
}

/** Invalid input on the command line or at the prompt: exit code 2. */
export function usageError(message: string, hint?: string): UserError {
	return new UserError(message, 'ERR_USAGE', hint);
}

/** `ENOENT`-like code of a system error, or undefined. */
export function systemCode(error: unknown): string | undefined {
	if (error === null || typeof error !== 'object' || !('code' in error)) return undefined;
	return typeof error.code === 'string' ? error.code : undefined;
}
