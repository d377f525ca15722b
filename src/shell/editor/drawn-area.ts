// The rows at the end of the terminal's output that the line editor owns. Draws only the rows that changed, each time with
// a single write, so that nothing flickers.
import type { OutputStream } from '../../output/output-stream.ts';

export type DrawnRow = {
	/** Safe to print; may contain colours. */
	readonly text: string;
	/** Columns. */
	readonly width: number;
	/** The line continues in the next row. */
	readonly continues: boolean;
};

export type Picture = {
	readonly rows: readonly DrawnRow[];
	readonly cursor: { readonly row: number; readonly column: number };
};

/** What draws pictures. */
export type Area = Pick<
	DrawnArea,
	'columns' | 'rows' | 'isShown' | 'draw' | 'printAbove' | 'clear' | 'leave' | 'forget' | 'clearScreen' | 'resized'
>;

export class DrawnArea {
	readonly #output: OutputStream;
	/** What is on the screen. Undefined: nothing, and the cursor is where the first row will begin. */
	#shown: Picture | undefined;
	#columns = 0;

	constructor(output: OutputStream) {
		this.#output = output;
	}

	/** Some terminals do not report their size. */
	get columns(): number {
		return this.#output.columns || 80;
	}

	get rows(): number {
		return this.#output.rows || 24;
	}

	get isShown(): boolean {
		return this.#shown !== undefined;
	}

	draw(picture: Picture): void {
		const text = this.#drawing(picture);
		if (text !== '') this.#output.write(text);
	}

	/** Prints whole lines above the rows and redraws the rows below them. Without `picture` the rows disappear. */
	printAbove(text: string, picture: Picture | undefined): void {
		const erased = this.#erasing();
		this.#output.write(erased + text + (picture === undefined ? '' : this.#drawing(picture)));
	}

	/** Removes the rows. */
	clear(): void {
		const text = this.#erasing();
		if (text !== '') this.#output.write(text);
	}

	/** Leaves the rows as ordinary output and moves to the line below. */
	leave(after = ''): void {
		const shown = this.#shown;
		const below = shown === undefined ? 0 : shown.rows.length - 1 - shown.cursor.row;
		const column = shown === undefined ? '' : `\r${right(shown.rows.at(-1)!.width)}`;
		this.#output.write(`${down(below)}${after === '' ? '' : column + after}\r\n`);
		this.#shown = undefined;
	}

	/** Called after something else used the screen and left the cursor at the beginning of a free row. */
	forget(): void {
		this.#shown = undefined;
	}

	/** Clears the screen. */
	clearScreen(picture: Picture): void {
		this.#shown = undefined;
		this.#output.write(`\x1b[H\x1b[2J${this.#drawing(picture)}`);
	}

	/** Called after the terminal's size changed: most terminals have wrapped rows that no longer fit. */
	resized(picture: Picture | undefined): void {
		const shown = this.#shown;
		if (shown === undefined || this.#columns === this.columns) return;
		const up = rowsAbove(shown, this.#columns, this.columns);
		this.#shown = undefined;
		this.#output.write(`${upBy(up)}\r\x1b[J${picture === undefined ? '' : this.#drawing(picture)}`);
	}

	/** The escape sequence that erases the rows and leaves the cursor where the first one began. */
	#erasing(): string {
		const shown = this.#shown;
		this.#shown = undefined;
		return shown === undefined ? '' : `${upBy(shown.cursor.row)}\r\x1b[J`;
	}

	#drawing(picture: Picture): string {
		const old = this.#shown;
		const { rows, cursor } = picture;
		this.#shown = picture;
		this.#columns = this.columns;
		let row = old?.cursor.row ?? 0;
		let text = '';
		const first = firstDifference(old?.rows ?? [], rows);
		const last = old?.rows.length === rows.length ? lastDifference(old.rows, rows) : rows.length - 1;
		if (first <= last) {
			if (old !== undefined && first >= old.rows.length && first > 0) {
				text += `${move(old.rows.length - 1 - row)}\r\n`;
				row = old.rows.length;
			} else {
				text += `${move(first - row)}\r`;
				row = first;
			}
			for (; row <= last; row++) {
				text += this.#rowText(rows[row]!);
				if (row === last) break;
				// A full row wraps by itself when the next row begins, so the terminal knows that both are one line.
				text += breaksByItself(rows[row]!, this.#columns) ? (rows[row + 1]!.width === 0 ? ' \r' : '') : '\r\n';
			}
		}
		const extra = (old?.rows.length ?? 0) - rows.length;
		if (extra > 0) {
			text += `${move(rows.length - row)}\r\x1b[J`;
			row = rows.length;
		}
		text += `${move(cursor.row - row)}\r${right(cursor.column)}`;
		return text;
	}

	#rowText({ text, width }: DrawnRow): string {
		return width < this.#columns ? `${text}\x1b[K` : text;
	}
}

function breaksByItself({ width, continues }: DrawnRow, columns: number): boolean {
	return continues && width >= columns;
}

function firstDifference(old: readonly DrawnRow[], rows: readonly DrawnRow[]): number {
	let at = 0;
	while (at < rows.length && isSame(old[at], rows[at])) at++;
	// If the row before now continues in this one, its end has to be drawn again.
	return at > 0 && at >= old.length && rows[at - 1]!.continues ? at - 1 : at;
}

function lastDifference(old: readonly DrawnRow[], rows: readonly DrawnRow[]): number {
	let at = rows.length - 1;
	while (at >= 0 && isSame(old[at], rows[at])) at--;
	return at;
}

function isSame(one: DrawnRow | undefined, other: DrawnRow | undefined): boolean {
	return one?.text === other?.text && one?.width === other?.width && one?.continues === other?.continues;
}

/**
 * Rows between the first row and the cursor: they were drawn with `before` columns and are now shown with
 * `columns`.
 */
function rowsAbove({ rows, cursor }: Picture, before: number, columns: number): number {
	let above = 0;
	let width = 0;
	for (const [index, row] of rows.entries()) {
		if (index === cursor.row) return above + Math.floor(Math.max(0, width + cursor.column) / columns);
		width += row.width;
		if (breaksByItself(row, before)) continue;
		above += Math.max(1, Math.ceil(width / columns));
		width = 0;
	}
	return above;
}

function move(rows: number): string {
	return rows < 0 ? upBy(-rows) : down(rows);
}

function upBy(rows: number): string {
	return rows > 0 ? `\x1b[${rows}A` : '';
}

function down(rows: number): string {
	return rows > 0 ? `\x1b[${rows}B` : '';
}

function right(columns: number): string {
	return columns > 0 ? `\x1b[${columns}C` : '';
}
