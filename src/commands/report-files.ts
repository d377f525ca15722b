// `--report junit=FILE|tap=FILE`: writes the results of a script's `.expect` lines to a file for a CI system.
import { closeSync, writeSync } from 'node:fs';
import { systemCode, usageError } from '../base/errors.ts';
import { fileError } from '../base/file-error.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { createUserFile } from '../base/user-files.ts';
import { REPORTS, type TestCase } from '../output/test-report.ts';

/** The report files of a run. They are created when it starts, so that it fails early if they cannot be written. */
export class ReportFiles {
	readonly #files: readonly { readonly path: string; readonly fd: number; readonly kind: string }[];

	/** `options`: the values of --report. Throws a UserError. */
	constructor(options: readonly string[], user: InvokingUser, force: boolean) {
		this.#files = options.map(parseReport).map(({ kind, path }) => {
			try {
				return { kind, path, fd: createUserFile(path, user, force) };
			} catch (error) {
				const exists = systemCode(error) === 'EEXIST';
				throw fileError(
					path,
					error,
					exists && !force
						? 'Choose a new name, or add --force to replace it.'
						: 'The directory must exist and be writable.',
				);
			}
		});
	}

	/** Writes the reports and closes their files. */
	write(cases: readonly TestCase[]): void {
		for (const { kind, path, fd } of this.#files) {
			const bytes = Buffer.from(REPORTS[kind]!(cases));
			try {
				for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
			} catch (error) {
				throw fileError(path, error, 'The report is incomplete.');
			} finally {
				closeSync(fd);
			}
		}
	}
}

function parseReport(option: string): { readonly kind: string; readonly path: string } {
	const at = option.indexOf('=');
	const kind = at < 0 ? option : option.slice(0, at);
	const path = at < 0 ? '' : option.slice(at + 1);
	if (Object.hasOwn(REPORTS, kind) && path !== '') return { kind, path };
	const kinds = Object.keys(REPORTS).map((name) => `${name}=FILE`);
	throw usageError(`--report: expected ${kinds.join(' or ')}, got ${JSON.stringify(option)}`);
}
