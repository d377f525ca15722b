// Whatever was captured, no format lets it reach a terminal as anything but visible text.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connectionFacts, conversationPart } from '../../src/output/conversation.ts';
import { detailView } from '../../src/output/detail-view.ts';
import { exchangeDiff } from '../../src/output/exchange-diff.ts';
import type { ExchangeDetail } from '../../src/output/exchange-parts.ts';
import { createRowWriter, formatRows, ROW_FORMATS, type RowFormat } from '../../src/output/row-format.ts';
import { cellForTerminal, displayWidth, forTerminal } from '../../src/output/terminal-text.ts';
import { createTheme } from '../../src/output/theme.ts';
import type { SqlValue } from '../../src/store/table.ts';

/** Listed here independently of the tested code. */
const FORBIDDEN: readonly (readonly [from: number, to: number])[] = [
	[0x00, 0x09],
	[0x0b, 0x1f],
	[0x7f, 0x9f],
	[0xad, 0xad],
	[0x61c, 0x61c],
	[0x115f, 0x1160],
	[0x180b, 0x180f],
	[0x200b, 0x200f],
	[0x2028, 0x202e],
	[0x2060, 0x206f],
	[0x3164, 0x3164],
	[0xd800, 0xdfff],
	[0xe000, 0xf8ff],
	[0xfe00, 0xfe0f],
	[0xfeff, 0xfeff],
	[0xfff0, 0xfffb],
	[0xfffe, 0xffff],
	[0xe0000, 0xe0fff],
	[0xf0000, 0x10ffff],
];

const FORBIDDEN_CHARACTER = new RegExp(
	`[${FORBIDDEN.map(([from, to]) => `\\u{${from.toString(16)}}-\\u{${to.toString(16)}}`).join('')}]`,
	'u',
);

const attacks: readonly (readonly [name: string, text: string])[] = [
	['OSC 0', '\x1b]0;title\x07'],
	['OSC 8', '\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\'],
	['OSC 52', '\x1b]52;c;ZXZpbA==\x07'],
	['DCS', '\x1bP$q"p\x1b\\'],
	['CSI 6n', '\x1b[6n'],
	['CSI 2J', '\x1b[2J\x1b[H'],
	['ESC c', '\x1bc'],
	['8-bit CSI', '\x9b31m'],
	['SGR never reset', '\x1b[31;1;5m'],
	['1,000 marks', `e${'\u0301'.repeat(1000)}`],
	['RLO', 'exe.\u202egnp'],
	['overwriting CR', 'harmless\rEVIL\x1b[K\b\b'],
];

const everyCodePoint = Array.from({ length: 0xa1 }, (_, i) => String.fromCodePoint(i)).join('');
const boundaries = FORBIDDEN.flat()
	.map((codePoint) => String.fromCodePoint(codePoint))
	.join('.');
const notUtf8 = Uint8Array.from({ length: 384 }, (_, i) => (i < 128 ? 0x80 + i : i % 2 === 0 ? 0xc3 : 0x9b));
const hostile: readonly string[] = [...attacks.map(([, text]) => text), everyCodePoint, boundaries];

function assertVisible(text: string, what: string): void {
	const found = FORBIDDEN_CHARACTER.exec(text);
	const codePoint = found?.[0].codePointAt(0)?.toString(16);
	assert.equal(
		found,
		null,
		`${what}: U+${codePoint} near ${JSON.stringify(text.slice(found?.index ?? 0).slice(0, 80))}`,
	);
	assert.ok(!/\p{M}{9}/u.test(text), `${what}: too many marks`);
}

/** Removes the sequences that chalk writes for the theme's colours, and nothing else. */
function withoutOwnColors(text: string): string {
	return text.replace(/\x1b\[(?:1|2|22|3[0-9]|39)m/g, '');
}

function everyFormat(rows: readonly (readonly SqlValue[])[], names: readonly string[]): [RowFormat, string][] {
	const types = ['text', 'json', 'blob', 'text'] as const;
	const columns = names.map((name, i) => ({ name, type: types[i % 4] ?? null }));
	return ROW_FORMATS.flatMap(({ name: format }) => {
		const texts: string[] = [];
		for (const screenColumns of [undefined, 40, 120]) {
			const options = {
				theme: createTheme(true),
				footer: true,
				...(screenColumns === undefined ? {} : { screenColumns }),
			};
			texts.push([...formatRows(format, { columns, rows }, options)].join(''));
			const writer = createRowWriter(format, columns, options);
			texts.push(writer.begin() + writer.rows(rows) + writer.end());
		}
		return texts.map((text): [RowFormat, string] => [format, text]);
	});
}

describe('hostile text in rows', () => {
	for (const [i, text] of hostile.entries()) {
		it(`is shown as visible text in every format: ${attacks[i]?.[0] ?? 'code points'}`, () => {
			const row: SqlValue[] = [text, text, Buffer.from(text), text];
			const names = ['path', 'req_headers', text, text];
			for (const [format, output] of everyFormat([row, row], names)) assertVisible(withoutOwnColors(output), format);
		});
	}

	it('is shown as visible text inside JSON columns and bodies', () => {
		for (const text of hostile) {
			// The hostile characters that JSON.stringify does not escape.
			const json = JSON.stringify({ [text]: [text] });
			const rows: SqlValue[][] = [[text, json, notUtf8, json]];
			for (const [format, output] of everyFormat(rows, ['path', 'res_headers', 'res_body_raw', 'res_body'])) {
				assertVisible(withoutOwnColors(output), format);
			}
		}
	});

	it('is shown as visible text if bytes are not UTF-8', () => {
		const latin1 = Buffer.from(notUtf8).toString('latin1');
		for (const [format, output] of everyFormat([[latin1, latin1, notUtf8, latin1]], ['a', 'b', 'c', 'd'])) {
			assertVisible(withoutOwnColors(output), format);
		}
	});

	it('keeps one line per row in table and box', () => {
		const rows = hostile.map((text): SqlValue[] => [text, text, text, text]);
		for (const [format, output] of everyFormat(rows, ['a', 'b', 'c', 'd'])) {
			if (format !== 'table' && format !== 'box') continue;
			const lines = output.split('\n').filter((line) => /[|│]/.test(line) && !line.includes('. row '));
			assert.equal(lines.length % (rows.length + 1), 0, format);
		}
	});

	it('stays in its column: every line of a box is equally wide', () => {
		const rows = [...hostile, 'Grüße', '日本語', 'नमस्ते', '👍🏽', 'e\u0301'].map((text): SqlValue[] => [text, 1, text]);
		const columns = ['x', 'n', 'y'].map((name) => ({ name, type: null }));
		const box = [...formatRows('box', { columns, rows }, { screenColumns: 100 })].join('');
		const widths = new Set(box.trimEnd().split('\n').map(displayWidth));
		assert.deepEqual([...widths], [100]);
	});
});

describe('hostile text in the detail view', () => {
	const columns = [
		...[
			'ts',
			'state',
			'reason',
			'side',
			'comm',
			'thread_comm',
			'cmdline',
			'cgroup',
			'local',
			'remote',
			'method',
			'path',
		],
		...[
			'query_string',
			'host',
			'url',
			'http_version',
			'status_text',
			'interim',
			'req_body_note',
			'res_body_note',
			'via',
		],
		...['vias', 'req_via', 'anomalies'],
	];
	const exchangeOf = (text: string, contentType: string, contentEncoding: string, body: Uint8Array): ExchangeDetail => {
		const headers = [
			{ name: text, value: text, trailer: false },
			{ name: 'Content-Type', value: contentType, trailer: false },
			{ name: 'Content-Encoding', value: contentEncoding, trailer: false },
			{ name: text, value: text, trailer: true },
		];
		return {
			columns: {
				...Object.fromEntries(columns.map((name) => [name, text])),
				id: 1,
				status: 200,
				req_body_raw: body,
				res_body_raw: body,
			},
			requestHeaders: headers,
			responseHeaders: headers,
		};
	};
	const theme = createTheme(true);
	const views = (exchange: ExchangeDetail): string[] => [
		...(['readable', 'raw', 'hex', 'raw hex'] as const).map((bodies) => detailView(exchange, { theme, bodies })),
		conversationPart(exchange, 0, { theme }),
		connectionFacts(exchange.columns, { theme }),
		exchangeDiff(exchange, { ...exchange, requestHeaders: [] }, { theme }),
	];
	const form = (text: string) =>
		Buffer.from(`--b\r\nContent-Type: ${text}\r\n${text}: x\r\n${text}\r\n\r\n${text}\r\n--b--\r\n`);

	for (const [i, text] of hostile.entries()) {
		it(`is shown as visible text: ${attacks[i]?.[0] ?? 'code points'}`, () => {
			const types = ['text/plain', 'application/json', `image/${text}`, 'text/plain; charset=latin1', text, ''];
			for (const type of [...types, 'multipart/mixed; boundary=b']) {
				for (const body of [Buffer.from(text), Buffer.from(JSON.stringify([text])), notUtf8, form(text)]) {
					for (const coding of ['', text]) {
						for (const view of views(exchangeOf(text, type, coding, body))) assertVisible(withoutOwnColors(view), type);
					}
				}
			}
		});
	}
});

describe('raw output', () => {
	it('leaves texts alone in text formats', () => {
		const columns = [{ name: 'path', type: 'text' as const }];
		for (const format of ['table', 'box', 'csv', 'line'] as const) {
			const output = [...formatRows(format, { columns, rows: [['\x1b[2J']] }, { raw: true })].join('');
			assert.ok(output.includes('\x1b[2J'), format);
		}
		assert.equal(forTerminal('\x1b', { raw: true }), '\x1b');
		assert.equal(cellForTerminal('\x1b[2J', 200, { raw: true }), '\x1b[2J');
	});
});
