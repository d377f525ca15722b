// The lines of a tail on a terminal: one per exchange, never wider than the terminal, whose width may change.
import type { SqlValue } from '../store/table.ts';
import { type DisplayedTime, UTC_TIME } from './displayed-time.ts';
import { cellForTerminal, displayWidth, forTerminal, middleForTerminal } from './terminal-text.ts';
import { plainTheme, type Theme } from './theme.ts';

const COLUMNS = [
	...['id', 'ts', 'side', 'comm', 'method', 'path', 'query_string', 'status', 'duration_ms', 'ttfb_ms'],
	...['res_body_bytes', 'via', 'vias', 'state', 'reason', 'host', 'content_type'],
] as const;

/** The columns of `exchanges` that make up a line, for the query. */
export const TAIL_COLUMNS = COLUMNS.join(', ');
/** The same of a store's exchanges: which host it is matters more than which program. */
export const STORE_TAIL_COLUMNS = COLUMNS.map((name) => (name === 'comm' ? 'host_name AS comm' : name)).join(', ');

export type TailLineOptions = {
	readonly theme?: Theme;
	readonly raw?: boolean;
	/** Called for each line, because the zone may change. */
	readonly time?: () => DisplayedTime;
};

export type TailLines = {
	/** The names above the first line. */
	readonly head: (screenColumns: number) => string;
	/** `row` has the values of TAIL_COLUMNS, and may end with the number of messages. Ends with a line end. */
	readonly line: (row: readonly SqlValue[], screenColumns: number) => string;
};

type Exchange = Readonly<Record<(typeof COLUMNS)[number] | 'messages', SqlValue>>;
type Painted = { readonly text: string; readonly paint?: (text: string) => string };

type Field = {
	readonly name: string;
	/** The minimum width of terminals that show this column. */
	readonly from: number;
	readonly width: (screenColumns: number) => number;
	readonly isRight?: boolean;
	readonly show: (exchange: Exchange, width: number) => Painted;
};

/** Method and target get the remaining width, but at least this much. */
const LEAST_TARGET = 12;
/** Short methods are padded, so that most targets are aligned. */
const METHOD = 4;

export function createTailLines({
	theme = plainTheme,
	raw = false,
	time = () => UTC_TIME,
}: TailLineOptions): TailLines {
	/** The width of the longest id so far. */
	let idColumns = 4;
	const how = { raw };
	const dim = (text: string): Painted => ({ text, paint: theme.dim });
	const unknown = dim('-');
	const cell = (value: SqlValue, width: number): Painted =>
		typeof value === 'string' ? { text: cellForTerminal(value, width, how) } : unknown;

	const fields: readonly (Field | 'target')[] = [
		{
			name: 'id',
			from: 0,
			width: () => idColumns,
			isRight: true,
			show: ({ id }) => dim(String(id)),
		},
		{
			name: 'time',
			from: 60,
			width: (screen) => (screen < 100 ? 8 : 12),
			show: ({ ts }, width) =>
				typeof ts === 'string' ? dim(cellForTerminal(time().clock(ts).slice(0, width), width, how)) : unknown,
		},
		{ name: '', from: 0, width: () => 1, show: ({ side }) => ({ text: arrow(side) }) },
		{
			name: 'comm',
			from: 50,
			width: (screen) => (screen < 100 ? 9 : 15),
			show: ({ comm }, width) => cell(comm, width),
		},
		{
			name: 'host',
			from: 140,
			width: (screen) => (screen < 180 ? 20 : 28),
			show: ({ host }, width) => (typeof host === 'string' ? { text: middleForTerminal(host, width, how) } : unknown),
		},
		'target',
		{ name: 'code', from: 0, width: () => 4, show: ({ status, state }) => statusText(status, state) },
		{ name: 'ms', from: 40, width: () => 6, isRight: true, show: ({ duration_ms }) => milliseconds(duration_ms) },
		{ name: 'ttfb', from: 160, width: () => 6, isRight: true, show: ({ ttfb_ms }) => milliseconds(ttfb_ms) },
		{
			name: 'bytes',
			from: 56,
			width: (screen) => (screen < 120 ? 6 : 10),
			isRight: true,
			show: ({ res_body_bytes }, width) =>
				typeof res_body_bytes === 'number' ? { text: count(res_body_bytes, width) } : unknown,
		},
		{
			name: 'type',
			from: 160,
			width: () => 24,
			show: ({ content_type }, width) => cell(content_type, width),
		},
		{
			name: 'via',
			from: 70,
			width: (screen) => (screen < 160 ? 8 : 17),
			show: ({ via, vias }, width) => cell(width > 8 ? vias : via, width),
		},
		{
			name: '',
			from: 160,
			width: () => 16,
			show: ({ reason }, width) =>
				reason === null ? { text: '' } : { text: cellForTerminal(String(reason), width, how), paint: theme.note },
		},
	];

	const statusText = (status: SqlValue, state: SqlValue): Painted => {
		const text = typeof status === 'number' ? String(status) : '-';
		const paint = typeof status === 'number' ? (each: string) => theme.status(status, each) : theme.dim;
		// Not all of the exchange was seen.
		const mark = state === 'complete' || state === 'upgraded' ? '' : '!';
		return { text: text + mark, paint: () => paint(text) + theme.warning(mark) };
	};
	const milliseconds = (value: SqlValue): Painted => (typeof value === 'number' ? { text: duration(value) } : unknown);

	const joined = (screen: number, target: (width: number) => Painted, of: (field: Field) => Painted): string => {
		const shown = fields.filter((field) => field === 'target' || screen >= field.from);
		const others = shown.reduce((sum, field) => sum + (field === 'target' ? 0 : field.width(screen)), 0);
		const targetColumns = Math.max(LEAST_TARGET, screen - others - (shown.length - 1));
		const cells = shown.map((field) => {
			const { text, paint = (each) => each } = field === 'target' ? target(targetColumns) : of(field);
			const width = field === 'target' ? targetColumns : field.width(screen);
			const blanks = ' '.repeat(Math.max(0, width - displayWidth(text)));
			return field !== 'target' && field.isRight === true ? blanks + paint(text) : paint(text) + blanks;
		});
		return cells.join(' ').trimEnd();
	};

	return {
		head: (screen) =>
			`${joined(
				screen,
				() => dim('method path'),
				(field) => dim(field.name.slice(0, field.width(screen))),
			)}\n`,
		line: (row, screen) => {
			const values = [...COLUMNS, 'messages'].map((name, index) => [name, row[index] ?? null]);
			const exchange = Object.fromEntries(values) as Exchange;
			idColumns = Math.max(idColumns, String(exchange.id).length);
			return `${joined(
				screen,
				(width) => targetText(exchange, width, how, theme),
				(field) => field.show(exchange, field.width(screen)),
			)}\n`;
		},
	};
}

function arrow(side: SqlValue): string {
	return side === 'client' ? '→' : side === 'server' ? '←' : ' ';
}

/** Less of a path says nothing. */
const LEAST_PATH = 8;

/** The method and the target, and how many messages the exchange has carried. */
function targetText(exchange: Exchange, width: number, how: { raw: boolean }, theme: Theme): Painted {
	const { messages } = exchange;
	if (typeof messages !== 'number' || messages === 0) return requestText(exchange, width, how);
	const said = [messages === 1 ? '1 message' : `${messages} messages`, `${messages} msg`, String(messages)];
	const whole = displayWidth(requestText(exchange, 10 * width, how).text);
	const fits = (text: string, room: number) => room + text.length + 3 <= width;
	const chosen = said.find((text) => fits(text, whole)) ?? said.find((text) => fits(text, METHOD + 1 + LEAST_PATH));
	if (chosen === undefined) return requestText(exchange, width, how);
	const count = ` (${chosen})`;
	const { text } = requestText(exchange, width - count.length, how);
	return { text: text + count, paint: () => text + theme.dim(count) };
}

function requestText({ method, path, query_string: query }: Exchange, width: number, how: { raw: boolean }): Painted {
	const verb = typeof method === 'string' ? cellForTerminal(method, 10, how) : '-';
	const start = `${verb.padEnd(METHOD)} `;
	const room = Math.max(1, width - displayWidth(start));
	if (typeof path !== 'string') return { text: `${start}-` };
	const whole = typeof query === 'string' ? `${path}?${query}` : path;
	if (query !== null && displayWidth(forTerminal(whole.slice(0, 8 * width), how)) > room) {
		// The path says more than the query after it.
		return { text: `${start}${middleForTerminal(path, room - 2, how)}?…` };
	}
	return { text: start + middleForTerminal(whole, room, how) };
}

/** At most six columns: `0.73`, `12.3`, `1234`, `1234s`. */
function duration(milliseconds: number): string {
	if (milliseconds < 10) return milliseconds.toFixed(2);
	if (milliseconds < 100) return milliseconds.toFixed(1);
	return milliseconds < 999_999.5 ? milliseconds.toFixed(0) : `${(milliseconds / 1000).toFixed(0)}s`;
}

const UNITS = ['k', 'M', 'G', 'T', 'P'];

/** All digits if they fit; otherwise in thousands, millions … */
function count(value: number, width: number): string {
	let text = String(value);
	for (let unit = 0, scaled = value; text.length > width && unit < UNITS.length; unit++) {
		scaled /= 1000;
		text = `${scaled.toFixed(1)}${UNITS[unit]}`;
	}
	return text;
}
