// Texts drawn in place, one over the other.
import type { OutputStream } from '../output/output-stream.ts';
import { cutPaintedLine } from '../output/painted-line.ts';

/** Draws lines over those drawn before. */
export class Frames {
	readonly #output: OutputStream;
	/** Lines of the last frame above the cursor. */
	#height = 0;
	#clears = false;

	constructor(output: OutputStream) {
		this.#output = output;
	}

	/** The next frame does not go over the last one, because something else was printed below it. */
	forget(clears = false): void {
		this.#height = 0;
		this.#clears ||= clears;
	}

	/** One write, so that the terminal never shows half a frame. */
	draw(lines: readonly string[]): void {
		const columns = this.#output.columns || 80;
		const rows = Math.max(2, (this.#output.rows || 24) - 1);
		const shown =
			lines.length > rows ? [...lines.slice(0, rows - 1), `… ${lines.length - rows + 1} more lines`] : lines;
		const start = this.#clears ? '\x1b[H\x1b[2J' : this.#height === 0 ? '\r' : `\x1b[${this.#height}A\r`;
		const text = shown.map((line) => `${cutPaintedLine(line, columns)}\x1b[K\n`).join('');
		this.#output.write(`${start}${text}\x1b[J`);
		this.#height = shown.length;
		this.#clears = false;
	}
}
