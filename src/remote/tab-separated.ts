// ClickHouse's format TabSeparated, which every version has: reading it as it arrives, cell by cell.
import { StringDecoder } from 'node:string_decoder';

const ESCAPES: Readonly<Record<string, string>> = {
	...{ b: '\b', f: '\f', r: '\r', n: '\n', t: '\t', '0': '\0', a: '\x07', v: '\v', e: '\x1b' },
};

/** The text of a cell; null for NULL. */
export function cellText(cell: string): string | null {
	if (!cell.includes('\\')) return cell;
	return cell === '\\N' ? null : unescaped(cell);
}

function unescaped(text: string): string {
	return text.replace(/\\([\s\S])/g, (_, letter: string) => ESCAPES[letter] ?? letter);
}

/** The texts of a cell with an array of texts: `['a','it\'s']`. */
export function cellTexts(cell: string): string[] {
	const texts: string[] = [];
	for (const [, text = ''] of cell.matchAll(/'((?:[^'\\]|\\[\s\S])*)'/g)) texts.push(unescaped(text));
	return texts;
}

/** Splits the pieces of an answer into rows, and these into cells. */
export class TabSeparatedReader {
	readonly #decoder = new StringDecoder('utf8');
	#rest = '';

	/** The rows that are complete with this piece. */
	add(piece: Uint8Array): string[][] {
		const text = this.#rest + this.#decoder.write(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength));
		const end = text.lastIndexOf('\n');
		this.#rest = text.slice(end + 1);
		return end < 0 ? [] : text.slice(0, end).split('\n').map(cellsOf);
	}

	/** Throws if the last row is incomplete. */
	end(): void {
		if (this.#rest !== '') throw new Error('the answer ends within a row');
	}
}

function cellsOf(line: string): string[] {
	return line.split('\t');
}
