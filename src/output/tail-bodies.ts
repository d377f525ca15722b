// The bodies below the line of an exchange in a tail on a terminal: the first lines of each, never wider than the
// terminal.
import type { SqlValue } from '../store/table.ts';
import { bodyLines } from './body-lines.ts';
import { type ExchangeDetail, messageBody } from './exchange-parts.ts';
import { cutPaintedLine } from './painted-line.ts';
import { plainTheme, type Theme } from './theme.ts';

/** More of a body would not be shown. */
const SHOWN_BYTES = 64 << 10;
const SHOWN_LINES = 12;

/** The fields that say how a body is read. */
const FIELDS = ['content-type', 'content-encoding', 'transfer-encoding'] as const;

const MESSAGES = [
	{ message: 'req', mark: '>' },
	{ message: 'res', mark: '<' },
] as const;

/** What of `exchanges` a body is made of: a name, and the expression for the query. */
const VALUES: readonly (readonly [name: string, expression: string])[] = MESSAGES.flatMap(({ message }) => [
	[`${message}_body_raw`, `substr(${message}_body_raw, 1, ${SHOWN_BYTES})`] as const,
	...['body_bytes', 'captured_bytes', 'body_note'].map((name) => [`${message}_${name}`, `${message}_${name}`] as const),
	...FIELDS.map((name) => [`${message} ${name}`, `header(${message}_headers, '${name}')`] as const),
]);

/** The columns of `exchanges` that bodies are made of, for the query. */
export const BODY_COLUMNS: readonly string[] = VALUES.map(([, expression]) => expression);

export type TailBodiesOptions = {
	readonly theme?: Theme;
	readonly raw?: boolean;
	/** The values are redacted, so bodies are decoded already. */
	readonly redacted?: boolean;
};

/** Formats the values of BODY_COLUMNS: `>` before the lines of the request's body, `<` before those of the response's. */
export function createTailBodies({
	theme = plainTheme,
	raw = false,
	redacted = false,
}: TailBodiesOptions): (values: readonly SqlValue[], screenColumns: number) => string {
	return (values, screenColumns) => {
		const columns = Object.fromEntries(VALUES.map(([name], index) => [name, values[index] ?? null]));
		const exchange: ExchangeDetail = {
			columns,
			requestHeaders: fieldsOf(columns, 'req'),
			responseHeaders: fieldsOf(columns, 'res'),
			bodiesDecoded: redacted,
		};
		return MESSAGES.flatMap(({ message, mark }) => {
			const body = messageBody(exchange, message);
			const isCut = Number(columns[`${message}_captured_bytes`] ?? 0) > SHOWN_BYTES;
			// The note is printed even if the lines before it are not all shown.
			const note = body.note === null ? [] : [bodyLines({ ...body, raw: null }, { theme, raw }).trimEnd()];
			const form = isCut && body.note === null ? { ...body, note: '' } : body;
			const all = bodyLines(form, { theme, raw }).split('\n').slice(0, -1);
			const lines = form.note === null ? all : all.slice(0, -1);
			return [...firstLines(lines, isCut, theme), ...note].map(
				(line) => `${cutPaintedLine(`    ${theme.dim(mark)} ${line}`, screenColumns)}\n`,
			);
		}).join('');
	};
}

function firstLines(lines: readonly string[], isCut: boolean, theme: Theme): string[] {
	if (lines.length <= SHOWN_LINES && !isCut) return [...lines];
	const more = isCut ? 'more lines' : `${lines.length - SHOWN_LINES + 1} more lines`;
	return [...lines.slice(0, SHOWN_LINES - 1), theme.dim(`… ${more}`)];
}

function fieldsOf(columns: ExchangeDetail['columns'], message: 'req' | 'res'): ExchangeDetail['requestHeaders'] {
	return FIELDS.flatMap((name) => {
		const value = columns[`${message} ${name}`];
		return typeof value === 'string' ? [{ name, value, trailer: false }] : [];
	});
}
