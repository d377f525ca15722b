// Finds the exchange or connection that a command refers to.
import { UserError, usageError } from '../base/errors.ts';
import { parseInteger } from '../base/quantity.ts';
import type { DetailViewOptions } from '../output/detail-view.ts';
import type { ExchangeDetail } from '../output/exchange-parts.ts';
import { CONNECTION_COLUMNS } from '../store/entry-table.ts';
import type { WantedExchange } from '../store/exchange-detail.ts';
import type { SqlValue } from '../store/table.ts';
import { commandWords } from './command-words.ts';
import { rowsOf } from './own-query.ts';
import { requireHere } from './require-here.ts';
import type { ShellSession } from './shell-session.ts';
import { parseWanted } from './show-arguments.ts';

/** The options with which this shell shows exchanges. */
export function viewOptions(
	shell: ShellSession,
): Required<Pick<DetailViewOptions, 'theme' | 'raw' | 'time' | 'columns'>> {
	return { theme: shell.theme, raw: shell.options.presentation.raw, time: shell.time, columns: shell.listWidth };
}

/** Throws a UserError if the exchange does not exist. `calls`: also load its system calls. */
export async function exchangeOf(shell: ShellSession, wanted: WantedExchange, calls = false): Promise<ExchangeDetail> {
	requireHere(shell.threads);
	const exchange = await shell.threads.show(wanted, calls);
	if (exchange !== undefined) return exchange;
	throw new UserError(
		'id' in wanted ? `there is no exchange ${wanted.id}` : missing(wanted),
		'ERR_NO_EXCHANGE',
		'To list the ids: SELECT id, method, path, status FROM exchanges;',
	);
}

function missing(wanted: Exclude<WantedExchange, { id: number }>): string {
	if ('after' in wanted) return `there is no exchange after ${wanted.after}`;
	if ('before' in wanted) return `there is no exchange before ${wanted.before}`;
	return wanted.back === 0 ? 'there is no exchange yet' : `there are fewer than ${wanted.back + 1} exchanges`;
}

/** The exchange that an argument names. Without an argument: the one shown last, or the latest. */
export function wantedOf(shell: ShellSession, command: string, argument: string): WantedExchange {
	const words = commandWords(argument);
	if (words.length > 1) throw usageError(`${command}: expected one id, got ${words.join(' ')}`);
	if (words.length === 0 && shell.shownId !== undefined) return { id: shell.shownId };
	return parseWanted(command, words[0]);
}

/** A connection, with the ids of its exchanges in order. */
export type FoundConnection = {
	readonly columns: Readonly<Record<string, SqlValue>>;
	readonly exchanges: readonly number[];
};

/** The connection whose id is the argument. Without an argument: that of the exchange shown last, or of the latest. */
export async function connectionOf(shell: ShellSession, argument: string): Promise<FoundConnection> {
	const id =
		argument.trim() === ''
			? Number((await exchangeOf(shell, wantedOf(shell, '.conn', ''))).columns.conn)
			: parseInteger(argument.trim(), '.conn', 1, Number.MAX_SAFE_INTEGER);
	const names = CONNECTION_COLUMNS.map(({ name }) => name);
	const [row] = await rowsOf(shell, `SELECT ${names.join(', ')} FROM connections WHERE id = ${id}`);
	const exchanges = await rowsOf(shell, `SELECT id FROM exchanges WHERE conn = ${id} ORDER BY id`);
	if (row === undefined && exchanges.length === 0) {
		throw new UserError(
			`there is no connection ${id}`,
			'ERR_NO_CONNECTION',
			'To list the ids: SELECT id, comm, local, remote FROM connections;',
		);
	}
	const columns = row === undefined ? { id } : Object.fromEntries(names.map((name, index) => [name, row[index]!]));
	return { columns, exchanges: exchanges.map(([exchange]) => Number(exchange)) };
}
