// The edited text on a terminal that can neither move its cursor nor erase (TERM=dumb). Added text is printed, text
// deleted at the end is backspaced over, and any other change begins a new line.
import type { OutputStream } from '../../output/output-stream.ts';
import type { Area, Picture } from './drawn-area.ts';

export class DumbArea implements Area {
	readonly #output: OutputStream;
	/** What this line shows since the last other output. */
	#shown = '';

	constructor(output: OutputStream) {
		this.#output = output;
	}

	get columns(): number {
		return this.#output.columns || 80;
	}

	get rows(): number {
		return this.#output.rows || 24;
	}

	get isShown(): boolean {
		return this.#shown !== '';
	}

	draw({ rows }: Picture): void {
		const before = this.#shown;
		const text = rows
			.map((row, index) => (rows[index - 1]?.continues === false ? `\r\n${row.text}` : row.text))
			.join('');
		this.#shown = text;
		const removed = before.slice(text.length);
		if (text.startsWith(before)) this.#write(text.slice(before.length));
		else if (before.startsWith(text) && !removed.includes('\n')) this.#write('\b \b'.repeat(removed.length));
		else this.#write(`\r\n${text}`);
	}

	printAbove(text: string, picture: Picture | undefined): void {
		this.clear();
		this.#write(text);
		if (picture !== undefined) this.draw(picture);
	}

	clear(): void {
		if (this.#shown !== '') this.#write('\r\n');
		this.#shown = '';
	}

	leave(after = ''): void {
		this.#write(`${after}\r\n`);
		this.#shown = '';
	}

	forget(): void {
		this.#shown = '';
	}

	clearScreen(picture: Picture): void {
		this.draw(picture);
	}

	resized(): void {
		// The terminal wraps lines by itself.
	}

	#write(text: string): void {
		if (text !== '') this.#output.write(text);
	}
}
