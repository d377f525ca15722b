// The lines of a tail of messages on a terminal: one per message, never wider than the terminal, whose width may change.
import type { SqlValue } from '../store/table.ts';
import { UTC_TIME } from './displayed-time.ts';
import { protobufLines } from './protobuf-lines.ts';
import type { TailLineOptions, TailLines } from './tail-line.ts';
import { cellForTerminal, displayWidth, middleForTerminal } from './terminal-text.ts';
import { plainTheme } from './theme.ts';

const COLUMNS = [
	...['exchange_id', 'ts', 'direction', 'kind', 'event', 'bytes', 'data', 'data_raw', 'close_code', 'note'],
	...['side', 'comm', 'path'],
] as const;

/** More of a message would not be shown. */
const SHOWN_BYTES = 1024;

/** The columns of `messages` that make up a line, for the query; the side, comm and path of the exchange follow. */
export const MESSAGE_LINE_COLUMNS = COLUMNS.slice(0, -3)
	.map((name) => (name.startsWith('data') ? `substr(${name}, 1, ${SHOWN_BYTES}) AS ${name}` : name))
	.join(', ');

type Message = Readonly<Record<(typeof COLUMNS)[number], SqlValue>>;

/** Formats messages: `row` has the values of MESSAGE_LINE_COLUMNS, and the side, comm and path of the exchange. */
export function createMessageLines({
	theme = plainTheme,
	raw = false,
	time = () => UTC_TIME,
}: TailLineOptions): TailLines {
	let idColumns = 4;
	const how = { raw };
	const widths = (screen: number) => ({
		clock: screen < 60 ? 0 : screen < 100 ? 8 : 12,
		comm: screen < 80 ? 0 : screen < 120 ? 9 : 15,
		path: screen < 70 ? 0 : screen < 100 ? 14 : screen < 140 ? 20 : 28,
		kind: screen < 100 ? 6 : 12,
		bytes: screen < 50 ? 0 : 6,
	});
	const cells = (
		screen: number,
		of: Readonly<Record<keyof ReturnType<typeof widths> | 'id' | 'arrow' | 'data', Cell>>,
	) => {
		const { clock, comm, path, kind, bytes } = widths(screen);
		const left = [
			fitted(of.id, idColumns, theme.dim, true),
			...(clock === 0 ? [] : [fitted(of.clock, clock, theme.dim)]),
			fitted(of.arrow, 1),
			...(comm === 0 ? [] : [fitted(of.comm, comm)]),
			...(path === 0 ? [] : [fitted(of.path, path)]),
			fitted(of.kind, kind),
			...(bytes === 0 ? [] : [fitted(of.bytes, bytes, undefined, true)]),
		];
		const used = left.reduce((sum, { width }) => sum + width + 1, 0);
		const data = of.data(Math.max(1, screen - used));
		return `${[...left.map(({ text }) => text), data].join(' ').trimEnd()}\n`;
	};
	const named =
		(name: string): Cell =>
		(width) =>
			cellForTerminal(name, width, how);
	return {
		head: (screen) =>
			theme
				.dim(
					cells(screen, {
						...{ id: named('id'), clock: named('time'), arrow: named(''), comm: named('comm'), path: named('path') },
						...{ kind: named('kind'), bytes: named('bytes'), data: named('data') },
					}).trimEnd(),
				)
				.concat('\n'),
		line: (row, screen) => {
			const message = Object.fromEntries(COLUMNS.map((name, index) => [name, row[index] ?? null])) as Message;
			idColumns = Math.max(idColumns, String(message.exchange_id).length);
			const text =
				(value: SqlValue): Cell =>
				(width) =>
					typeof value === 'string' ? cellForTerminal(value, width, how) : '-';
			const { ts, path, event, kind, bytes } = message;
			return cells(screen, {
				id: text(String(message.exchange_id)),
				clock: (width) => (typeof ts === 'string' ? time().clock(ts).slice(0, width) : '-'),
				arrow: text(arrowOf(message)),
				comm: text(message.comm),
				path: (width) => (typeof path === 'string' ? middleForTerminal(path, width, how) : '-'),
				kind: text(kind === 'event' && typeof event === 'string' ? event : (kind ?? '?')),
				bytes: text(bytes === null ? null : String(bytes)),
				data: (width) => dataText(message, width, how, theme.note),
			});
		},
	};
}

type Cell = (width: number) => string;

function fitted(
	cell: Cell,
	width: number,
	paint: (text: string) => string = (text) => text,
	isRight = false,
): { readonly text: string; readonly width: number } {
	const text = cell(width);
	const blanks = ' '.repeat(Math.max(0, width - displayWidth(text)));
	return { text: isRight ? blanks + paint(text) : paint(text) + blanks, width: Math.max(width, displayWidth(text)) };
}

/** From the client to the server, or back. */
function arrowOf({ side, direction }: Message): string {
	if (side === null || direction === null) return ' ';
	return (side === 'client') === (direction === 'out') ? '↑' : '↓';
}

function dataText(
	{ kind, data, data_raw: bytes, close_code: code, note }: Message,
	width: number,
	how: { readonly raw: boolean },
	paint: (text: string) => string,
): string {
	const isText = typeof data === 'string' && kind !== 'grpc' && kind !== 'binary' && !data.includes('\ufffd');
	const isProtobuf = kind === 'grpc' && note === null && bytes instanceof Uint8Array && bytes.length < SHOWN_BYTES;
	const fields = isProtobuf ? protobufLines(bytes, how.raw, undefined) : null;
	const bytesText = bytes instanceof Uint8Array ? hexText(bytes) : '';
	const held = fields?.map((line) => line.trim()).join(' ') ?? (isText ? data : bytesText);
	const content = code === null ? held : `${String(code)} ${held}`.trim();
	const shown = cellForTerminal(content, width, how);
	if (typeof note !== 'string') return shown;
	const room = width - displayWidth(shown) - (shown === '' ? 0 : 1);
	if (room < 8) return shown;
	return `${shown}${shown === '' ? '' : ' '}${paint(cellForTerminal(note, room, how))}`;
}

function hexText(bytes: Uint8Array): string {
	return Buffer.from(bytes)
		.toString('hex')
		.replace(/..(?=.)/g, '$& ');
}
