// What the line editor writes to the terminal, interpreted by a small model of a terminal.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OutputStream } from '../../src/output/output-stream.ts';
import { displayWidth } from '../../src/output/terminal-text.ts';
import { DrawnArea } from '../../src/shell/editor/drawn-area.ts';
import { DumbArea } from '../../src/shell/editor/dumb-area.ts';
import { pictureOf, type Span } from '../../src/shell/editor/picture.ts';
import { piecesOf } from '../../src/shell/editor/shown-text.ts';

/** A screen that understands what the editor writes; it fails on anything else. */
class Screen {
	readonly columns: number;
	readonly rows: number;
	lines: string[][] = [[]];
	/** Position of the cursor. `column` equals the width of the screen if the next character will wrap. */
	row = 0;
	column = 0;
	writes: string[] = [];

	constructor(columns: number, rows: number) {
		this.columns = columns;
		this.rows = rows;
	}

	write(text: string): boolean {
		this.writes.push(text);
		for (const [part] of text.matchAll(/\x1b\[(\d*)([A-Za-z])|\r|\n|\x08|[^\x1b\r\n\x08]/gu)) this.take(part);
		assert.equal(text.replace(/\x1b\[\d*[A-Za-z]|[^\x1b]/gu, ''), '', 'only known sequences');
		return true;
	}

	take(part: string): void {
		const [, count = '', letter] = /^\x1b\[(\d*)([A-Za-z])$/.exec(part) ?? [];
		const line = this.line();
		if (part === '\x08') this.column--;
		else if (part === '\r') this.column = 0;
		else if (part === '\n') this.down();
		else if (letter === 'A') this.row = Math.max(0, this.row - Number(count || 1));
		else if (letter === 'B') this.row = Math.min(this.lines.length - 1, this.row + Number(count || 1));
		else if (letter === 'C') this.column = Math.min(this.columns - 1, this.column + Number(count || 1));
		else if (letter === 'K') line.length = Math.min(line.length, this.column);
		else if (letter === 'J') {
			line.length = Math.min(line.length, this.column);
			this.lines.length = this.row + 1;
		} else if (letter === 'm') return;
		else this.print(part);
	}

	print(character: string): void {
		const width = displayWidth(character);
		if (this.column + width > this.columns) {
			this.column = 0;
			this.down();
		}
		const line = this.line();
		while (line.length < this.column) line.push(' ');
		line[this.column] = character;
		if (width === 2) line[this.column + 1] = '';
		this.column += width;
	}

	down(): void {
		this.row++;
		this.lines[this.row] ??= [];
	}

	line(): string[] {
		this.lines[this.row] ??= [];
		return this.lines[this.row]!;
	}

	text(): string[] {
		const lines = this.lines.map((line) => line.join('').trimEnd());
		return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1);
	}
}

/** Small random numbers, always the same ones. */
function randomNumbers(seed: number): (below: number) => number {
	let state = seed;
	return (below) => {
		state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
		return Math.floor((state / 2_147_483_648) * below);
	};
}

const BITS = ['a', 'SELECT ', 'x'.repeat(17), '日本', '\n', '\n\n', 'é', '\t', '\x1b', "'", ' '];

test('whatever is typed, the screen shows the text, its cursor and the lines printed above it', () => {
	const random = randomNumbers(7);
	for (let run = 0; run < 60; run++) {
		const columns = 12 + random(40);
		const rows = 5 + random(10);
		const screen = new Screen(columns, 1000);
		const area = new DrawnArea({ ...asOutput(screen), rows } as unknown as OutputStream);
		const above: string[] = [];
		let text = '';
		for (let step = 0; step < 60; step++) {
			const at = random(text.length + 1);
			if (random(3) > 0) text = text.slice(0, at) + BITS[random(BITS.length)]! + text.slice(at);
			else text = text.slice(0, at) + text.slice(at + random(20));
			const cursor = wholeOffset(text, random(text.length + 1));
			const spans: Span[] =
				text === '' ? [] : [{ start: 0, end: random(text.length) + 1, paint: (part) => `\x1b[1m${part}\x1b[0m` }];
			const picture = pictureOf({ text, cursor, prompt: '> ', continuation: '. ', spans }, columns, rows);
			screen.writes = [];
			if (random(5) === 0) {
				const line = `line ${step}`;
				above.push(line);
				area.printAbove(`${line}\r\n`, picture);
			} else area.draw(picture);
			assert.ok(screen.writes.length <= 1, 'one write for each picture');
			assert.doesNotMatch(screen.writes.join(''), /\x1b\[2J|\x1b\[H/, 'the screen is never cleared');
			const expected = [...above, ...picture.rows.map((row) => row.text.replace(/\x1b\[\d*m/g, '').trimEnd())];
			while (expected.at(-1) === '') expected.pop();
			assert.deepEqual(screen.text(), expected, JSON.stringify(text));
			assert.deepEqual(
				[screen.row - above.length, screen.column],
				[picture.cursor.row, picture.cursor.column],
				JSON.stringify([text, cursor]),
			);
		}
		area.clear();
		assert.deepEqual(screen.text(), above);
	}
});

test('a key redraws only the row that it changes', () => {
	const screen = new Screen(40, 100);
	const area = new DrawnArea(asOutput(screen) as unknown as OutputStream);
	const lines = Array.from({ length: 10 }, (_, index) => `line ${index}`);
	const draw = (text: string) => {
		screen.writes = [];
		area.draw(pictureOf({ text, cursor: 3, prompt: '> ', continuation: '. ', spans: [] }, 40, 20));
		return screen.writes.join('');
	};
	draw(lines.join('\n'));
	assert.doesNotMatch(draw(lines.join('\n').replace('line 0', 'line x')), /line [1-9]/);
	assert.doesNotMatch(draw(lines.join('\n')), /line [1-9]/);
	assert.match(draw(lines.join('\n')), /^\r?(\x1b\[\d+C)?$/, 'nothing, if nothing has changed');
});

test('a terminal that cannot erase shows what is typed and gets no escape sequence', () => {
	const screen = new Screen(40, 100);
	const area = new DumbArea(asOutput(screen) as unknown as OutputStream);
	const draw = (text: string) =>
		area.draw(pictureOf({ text, cursor: text.length, prompt: '> ', continuation: '. ', spans: [] }, 40, 20));
	for (const text of ['', 'S', 'SE', 'SEx', 'SE', 'SEL', 'SEL\n', 'SEL\n1;']) draw(text);
	area.leave();
	area.printAbove('result\r\n', undefined);
	draw('');
	assert.deepEqual(screen.text(), ['> SEL', '. 1;', 'result', '>']);
	draw('abc');
	draw('xbc');
	assert.deepEqual(screen.text().slice(-2), ['> abc', '> xbc']);
	assert.doesNotMatch(screen.writes.join(''), /\x1b/);
});

function asOutput(screen: Screen): object {
	return { columns: screen.columns, rows: screen.rows, write: (text: string) => screen.write(text) };
}

/** Not inside a character. */
function wholeOffset(text: string, at: number): number {
	const start = text.lastIndexOf('\n', at - 1) + 1;
	for (const piece of piecesOf(text, at === 0 ? 0 : start, text.length)) {
		if (piece.isPlain && at >= piece.start && at <= piece.end) return at;
		if (at <= piece.start) return piece.start;
	}
	return text.length;
}
