// `.wait`: pauses a script for some time, or until a condition on the traffic holds.
import { UserError, usageError } from '../../base/errors.ts';
import { parseDuration } from '../../base/quantity.ts';
import type { SqlValue } from '../../store/table.ts';
import type { ShellSession } from '../shell-session.ts';
import type { Command } from './command.ts';

/** How long `.wait until` waits if no time is given. */
const LONGEST_MS = 30_000;
/** Pause between two runs of the statement of `.wait until`. */
const PAUSE_MS = 50;

export const WAIT_COMMAND: Command = {
	name: 'wait',
	usage: '.wait DURATION | until SQL [DURATION]',
	description:
		'wait before continuing; with until, run SQL until the first column of its first row is true (at most 30s, or DURATION)',
	example: '.wait until SELECT count(*) >= 3 FROM exchanges 10s',
	argument: 'text',
	run: async (shell, argument) => {
		const [, condition] = /^until\s+(\S[\s\S]*)$/i.exec(argument) ?? [];
		if (/^until\s*$/i.test(argument))
			throw usageError(
				'.wait until: expected a statement, got nothing',
				'.wait until SELECT count(*) > 0 FROM exchanges',
			);
		if (condition === undefined) await shell.wait(parseDuration(argument, '.wait'));
		else await waitUntil(shell, condition);
		return undefined;
	},
};

async function waitUntil(shell: ShellSession, condition: string): Promise<void> {
	const [, given, duration] = /^([\s\S]*?)\s+(\d+(?:\.\d+)?(?:ms|s|m|h))\s*;?$/.exec(condition) ?? [];
	const longest = duration === undefined ? LONGEST_MS : parseDuration(duration, '.wait');
	const sql = (given ?? condition).replace(/;\s*$/, '');
	let hasEnded = false;
	const onEnd = () => {
		hasEnded = true;
	};
	shell.threads.ended.then(onEnd, onEnd);
	const deadline = performance.now() + longest;
	for (;;) {
		// Promises that are already settled run their callbacks first.
		await Promise.resolve();
		const isLast = hasEnded || performance.now() >= deadline;
		if (isTrue(await firstValue(shell, sql))) return;
		if (isLast) {
			const why = hasEnded ? 'when the capture had ended' : `after ${duration ?? `${LONGEST_MS / 1000}s`}`;
			throw new UserError(
				`.wait until: the condition was still not true ${why}`,
				'ERR_WAIT',
				'Run the statement alone to see its value; a longer time may follow it, as in … 60s.',
			);
		}
		await shell.wait(PAUSE_MS);
	}
}

/** Returns the first column of the first row; null if there are no rows. */
async function firstValue({ threads, timeoutMs, parameters }: ShellSession, sql: string): Promise<SqlValue> {
	let value: SqlValue | undefined;
	for await (const part of threads.run(sql, { timeoutMs, parameters })) {
		if (part.type === 'rows') value ??= part.rows[0]?.[0];
	}
	return value ?? null;
}

function isTrue(value: SqlValue): boolean {
	if (value === null || value instanceof Uint8Array) return false;
	// As in SQL, the value of a text is the number at its beginning.
	const number = typeof value === 'string' ? Number.parseFloat(value) : Number(value);
	return number !== 0 && !Number.isNaN(number);
}
