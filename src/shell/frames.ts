// Draws texts in place, each over the last one.
import type { OutputStream } from '../output/output-stream.ts';
import { cutPaintedLine } from '../output/painted-line.ts';

/** Draws lines over those drawn before, or below them if the terminal cannot move its cursor. */
export class Frames {
	readonly #output: OutputStream;
	/** The last frame, drawn above the cursor, and its number of lines. */
	#frame = '';
	#height = 0;
	#clears = false;

	constructor(output: OutputStream) {
		this.#output = output;
	}

	/** Clears the screen before the next frame, because the terminal's size has changed. */
	restart(): void {
		this.#frame = '';
		this.#height = 0;
		this.#clears = true;
	}

	/** The output that makes complete lines appear above the frame. */
	above(text: string): string {
		if (!this.#output.canRedraw) return text;
		return `${this.#start}\x1b[J${text}${this.#frame}`;
	}

	/** Uses one write, so that the terminal never shows half a frame. */
	draw(lines: readonly string[]): void {
		const columns = this.#output.columns || 80;
		const rows = Math.max(2, (this.#output.rows || 24) - 1);
		const shown =
			lines.length > rows ? [...lines.slice(0, rows - 1), `… ${lines.length - rows + 1} more lines`] : lines;
		if (!this.#output.canRedraw) {
			this.#output.write(shown.map((line) => `${line}\n`).join(''));
			return;
		}
		const start = this.#clears ? '\x1b[H\x1b[2J' : this.#start;
		this.#frame = shown.map((line) => `${cutPaintedLine(line, columns)}\x1b[K\n`).join('');
		this.#height = shown.length;
		this.#clears = false;
		this.#output.write(`${start}${this.#frame}\x1b[J`);
	}

	/** Moves the cursor to the beginning of the frame. */
	get #start(): string {
		return this.#height === 0 ? '\r' : `\x1b[${this.#height}A\r`;
	}
}
