// Errors that are the user's to mend: one sentence, a code, a hint; never a stack trace.

/** Exit codes of the contract. */
export const EXIT = { ok: 0, runtime: 1, usage: 2, loss: 3, expectation: 4, interrupted: 130 } as const;

/** A problem that a person can mend. `message` is one sentence saying what was expected and what came. */
export class UserError extends Error {
	readonly code: string;
	readonly hint: string | undefined;
	/** Exit status of a command that ends with this error. */
	readonly exitCode: number;

	constructor(message: string, code: string, hint?: string, exitCode: number = EXIT.runtime) {
		super(message);
		this.name = 'UserError';
		this.code = code;
		this.hint = hint;
		this.exitCode = exitCode;
	}
}

/** Wrong words on the command line or at the prompt: exit code 2. */
export function usageError(message: string, hint?: string): UserError {
	return new UserError(message, 'ERR_USAGE', hint, EXIT.usage);
}

/** `ENOENT`-like code of a system error, or undefined. */
export function systemCode(error: unknown): string | undefined {
	if (error === null || typeof error !== 'object' || !('code' in error)) return undefined;
	return typeof error.code === 'string' ? error.code : undefined;
}
