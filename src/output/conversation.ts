// The exchanges of a connection one after another, marked like curl -v: `> ` the request, `< ` the response.
import type { SqlValue } from '../store/table.ts';
import { type DetailViewOptions, detailView } from './detail-view.ts';
import { UTC_TIME } from './displayed-time.ts';
import type { ExchangeDetail } from './exchange-parts.ts';
import { forTerminal } from './terminal-text.ts';
import { plainTheme } from './theme.ts';

/** The facts about a connection, from the known columns of `connections`. */
export function connectionFacts(columns: Readonly<Record<string, SqlValue>>, options: DetailViewOptions = {}): string {
	const { theme = plainTheme, raw = false, time = UTC_TIME } = options;
	const say = (name: string): string => {
		const value = columns[name] ?? null;
		return typeof value === 'string' ? forTerminal(value, { raw }) : String(value);
	};
	const known = (name: string): boolean => (columns[name] ?? null) !== null;
	const when = (name: string): string => time.whole(say(name));
	const arrow = columns.side === 'client' ? '→' : '←';
	const facts: [name: string, text: string][] = [
		[
			`connection ${say('id')}`,
			known('pid')
				? `${say('comm')}, pid ${say('pid')}, ${say('protocol')}`
				: known('protocol')
					? say('protocol')
					: 'no longer held',
		],
	];
	if (known('local') || known('remote')) facts.push(['addresses', `${say('local')} ${arrow} ${say('remote')}`]);
	if (known('opened'))
		facts.push(['opened', `${when('opened')}${known('closed') ? `, closed ${when('closed')}` : ''}`]);
	if (known('bytes_in')) facts.push(['bytes', `${say('bytes_in')} in, ${say('bytes_out')} out`]);
	if (known('syscalls')) facts.push(['calls', say('syscalls').replaceAll(',', ', ')]);
	const width = Math.max(...facts.map(([name]) => name.length));
	return facts.map(([name, text]) => `${theme.dim(name.padEnd(width))}  ${text}\n`).join('');
}

/** One exchange of a conversation that began at `begin` (milliseconds since 1970). */
export function conversationPart(exchange: ExchangeDetail, begin: number, options: DetailViewOptions = {}): string {
	const theme = options.theme ?? plainTheme;
	const { id, ts, state, reason } = exchange.columns;
	const after = typeof ts === 'string' ? `, after ${Math.round(Date.parse(ts) - begin)} ms` : '';
	const why = state === 'complete' ? '' : `, ${state}${reason === null || reason === undefined ? '' : ` (${reason})`}`;
	const messages = (['req', 'res'] as const).map((message) => {
		const text = detailView(exchange, { ...options, parts: ['headers', 'body'], messages: [message] });
		const mark = theme.dim(message === 'req' ? '>' : '<');
		return text
			.trimEnd()
			.split('\n')
			.map((line) => `${mark} ${line}`.trimEnd())
			.join('\n');
	});
	return `${theme.dim(`exchange ${id}${after}${forTerminal(why)}`)}\n${messages.join('\n')}\n`;
}
