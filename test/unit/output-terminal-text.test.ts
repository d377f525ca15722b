// Escaping captured text for terminals, and the widths of texts.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import stringWidth from 'string-width';
import {
	cellForTerminal,
	cutToWidth,
	displayWidth,
	forTerminal,
	middleForTerminal,
	splitUtf8,
} from '../../src/output/terminal-text.ts';

describe('forTerminal', () => {
	it('leaves visible text alone', () => {
		for (const text of [
			'',
			'GET /a?b=c',
			'C:\\dir',
			'Grüße',
			'日本語',
			'नमस्ते',
			'e\u0301',
			'👍🏽',
			'\\n \\u0041',
			'"',
		]) {
			assert.equal(forTerminal(text), text);
		}
	});

	it('shows code points below U+0100 as \\xNN and others as \\u{HEX}', () => {
		assert.equal(forTerminal('a\0\t\r\n\x1b\x7f\x85\xad'), 'a\\x00\\x09\\x0d\\x0a\\x1b\\x7f\\x85\\xad');
		assert.equal(forTerminal('\u061c\u200b\u2028\u202e\ufeff'), '\\u{61c}\\u{200b}\\u{2028}\\u{202e}\\u{feff}');
		assert.equal(forTerminal('\u{e0041}\u{f0000}\ue000'), '\\u{e0041}\\u{f0000}\\u{e000}');
		assert.equal(forTerminal('\ud800a\udc00'), '\\u{d800}a\\u{dc00}');
	});

	it('doubles backslashes in a text that needs escapes', () => {
		assert.equal(forTerminal('a\\b\x1b'), 'a\\\\b\\x1b');
	});

	it('doubles backslashes in a text that would read like an escape', () => {
		assert.equal(forTerminal('\\x1b'), '\\\\x1b');
		assert.equal(forTerminal('C:\\dir \\u{202E}'), 'C:\\\\dir \\\\u{202E}');
		assert.equal(forTerminal('\\x1 \\u202e \\xg0'), '\\x1 \\u202e \\xg0');
	});

	it('shows different texts differently', () => {
		const piece = fc.constantFrom('\\', 'x', '1', 'b', 'u', '{', '}', '\x1b', '\u202e', '2', '0', 'e', '\u0301');
		const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
		fc.assert(
			fc.property(text, text, (one, other) => one === other || forTerminal(one) !== forTerminal(other)),
			{ numRuns: 5000 },
		);
		const shown = new Map<string, string>();
		const all = ['\\', 'x', '1', 'b', '\x1b'];
		for (let length = 0, texts = ['']; length <= 5; length++) {
			for (const one of texts) {
				assert.equal(shown.get(forTerminal(one)), undefined, JSON.stringify([one, shown.get(forTerminal(one))]));
				shown.set(forTerminal(one), one);
			}
			texts = texts.flatMap((one) => all.map((last) => one + last));
		}
	});

	it('allows eight combining marks on a character', () => {
		assert.equal(forTerminal(`e${'\u0301'.repeat(8)}`), `e${'\u0301'.repeat(8)}`);
		assert.equal(forTerminal(`e${'\u0301'.repeat(10)}a\u0301`), `e${'\u0301'.repeat(8)}\\u{301}\\u{301}a\u0301`);
	});

	it('shows bytes that are not UTF-8 as \\xNN', () => {
		assert.equal(forTerminal(Buffer.from('Grüße\n')), 'Grüße\\x0a');
		assert.equal(forTerminal(Uint8Array.of(0x61, 0xff, 0xc3, 0xa9, 0x5c)), 'a\\xffé\\\\');
		assert.equal(forTerminal(Uint8Array.of(0xed, 0xa0, 0x80)), '\\xed\\xa0\\x80');
		assert.equal(forTerminal(Uint8Array.of(0xc0, 0xaf, 0xf5, 0xe4, 0xb8)), '\\xc0\\xaf\\xf5\\xe4\\xb8');
		assert.equal(forTerminal(Buffer.from('\ufffd\\')), '\ufffd\\');
		assert.equal(forTerminal(new Uint8Array(0)), '');
	});

	it('tells UTF-8 from other bytes as Unicode does', () => {
		const edges = [
			0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
		];
		const values = [...edges, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff];
		const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
		const check = (bytes: readonly number[]) => {
			const parts = splitUtf8(Uint8Array.from(bytes));
			assert.deepEqual(
				parts.flatMap((part) => (typeof part === 'number' ? [part] : [...Buffer.from(part)])),
				bytes,
			);
			let text: string | undefined;
			try {
				text = strict.decode(Uint8Array.from(bytes));
			} catch {
				// TypeError: not UTF-8.
			}
			assert.ok(!parts.includes(''));
			const isText = parts.every((part) => typeof part === 'string');
			assert.equal(isText, text !== undefined, bytes.join());
			if (isText) assert.deepEqual(parts, bytes.length === 0 ? [] : [text]);
		};
		for (const one of values) {
			check([one]);
			for (const two of values) {
				check([one, two]);
				if (one >= 0xe0) {
					for (const three of [0x7f, 0x80, 0xbf, 0xc0]) {
						check([one, two, three]);
						if (one >= 0xf0) for (const four of [0x7f, 0x80, 0xbf, 0xc0]) check([one, two, three, four]);
					}
				}
			}
		}
	});

	it('keeps line feeds if asked to', () => {
		assert.equal(forTerminal('a\nb\r\nc\t', { lineFeeds: true }), 'a\nb\\x0d\nc\\x09');
		assert.equal(forTerminal('a\n\\', { lineFeeds: true }), 'a\n\\');
		assert.equal(forTerminal(Uint8Array.of(0x61, 0x0a, 0xff), { lineFeeds: true }), 'a\n\\xff');
	});
});

describe('widths', () => {
	it('are those of East Asian characters', () => {
		const widths: readonly (readonly [text: string, width: number])[] = [
			['', 0],
			['abc', 3],
			['a\\b', 3],
			['Grüße', 5],
			['привет', 6],
			['日本語', 6],
			['한글', 4],
			['e\u0301', 1],
			['👍', 2],
			['…', 1],
		];
		for (const [text, width] of widths) assert.equal(displayWidth(text), width, text);
	});

	it('are those of a whole text at the ends of all scripts that are measured faster', () => {
		const ends = [0x20, 0x7f, 0xa0, 0xad, 0x300, 0x370, 0x483, 0x48a, 0x530, 0x2026, 0x3041, 0x3097, 0x30a1, 0x30fb];
		for (const end of [...ends, 0x4e00, 0xa000, 0xac00, 0xd7a4]) {
			for (let code = end - 2; code <= end + 2; code++) {
				const character = String.fromCharCode(code);
				if (forTerminal(character) !== character) continue;
				// A combining mark would attach to the letter before it.
				assert.equal(displayWidth(character), stringWidth(character), code.toString(16));
				assert.equal(displayWidth(`a${character}b`), stringWidth(`a${character}b`), code.toString(16));
			}
		}
	});

	it('are never exceeded by a cut text, which ends in …', () => {
		for (const text of [
			'abcdefgh',
			'日本語日本語',
			'e\u0301'.repeat(9),
			'a日b本c語',
			'👍🏽👍🏽👍🏽👍🏽',
			'नमस्ते नमस्ते',
		]) {
			const whole = displayWidth(text);
			for (let columns = 1; columns < whole; columns++) {
				const cut = cutToWidth(text, columns);
				assert.ok(displayWidth(cut) <= columns && displayWidth(cut) >= columns - 1, `${text} ${columns}: ${cut}`);
				assert.ok(cut.endsWith('…') && text.startsWith(cut.slice(0, -1)));
			}
			assert.equal(cutToWidth(text, whole), text);
		}
		assert.equal(cutToWidth('abc', 3), 'abc');
		assert.equal(cutToWidth('abcd', 3), 'ab…');
		assert.equal(cutToWidth('日本', 3), '日…');
		assert.equal(cutToWidth('', 0), '');
		assert.equal(cutToWidth('a', 0), '…');
		assert.equal(cutToWidth('日', 1), '…');
		assert.equal(cutToWidth('日', 2), '日');
	});

	it('are found for a cell without reading all of a long text', () => {
		assert.equal(cellForTerminal(`${'a'.repeat(1000000)}\x1b`, 5), 'aaaa…');
		assert.equal(cellForTerminal('\x1b'.repeat(1000000), 5), '\\x1b…');
		assert.equal(cellForTerminal(`e${'\u0301'.repeat(100000)}`, 200).length, 208);
		assert.equal(cellForTerminal(Buffer.alloc(100000, 0x61), 3), 'aa…');
		assert.equal(cellForTerminal('👍'.repeat(100), 200), '👍'.repeat(100));
		assert.equal(cellForTerminal('日本語'.repeat(1000), 4), '日…');
		assert.equal(cellForTerminal('日本語'.repeat(1000), 5), '日本…');
		// Only the ends of a long text are read, so what is in the middle does not matter.
		assert.equal(middleForTerminal(`${'a'.repeat(450)}\x1b${'b'.repeat(448)}\\`, 9), 'aaaa…bbb\\');
		assert.equal(middleForTerminal(`${'a'.repeat(300)}\x1b${'b'.repeat(298)}\\`, 9), 'aaaa…bb\\\\');
	});
});
