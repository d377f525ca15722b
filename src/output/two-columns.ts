// Lists of names and explanations in two columns, wrapped at the width of the terminal.
import stringWidth from 'string-width';

export type Entry = {
	readonly name: string;
	readonly text: string;
	/** An example, printed below the text, or at the end of its last line if there is room. */
	readonly remark?: string;
};

export type TwoColumnOptions = {
	/** Width of the screen; Infinity for no wrapping. */
	readonly width: number;
	/** Colours names and remarks. */
	readonly paintName?: (text: string) => string;
	readonly paintRemark?: (text: string) => string;
	/** Maximum width of the left column. Longer names are on a line of their own. */
	readonly widest?: number;
};

const INDENT = 2;
const BETWEEN = 2;
/** Minimum width of the right column, even if fewer names fit then. */
const NARROWEST_TEXT = 24;
const same = (text: string) => text;

/** Lines of entries whose texts begin in the same column. */
export function twoColumns(entries: readonly Entry[], options: TwoColumnOptions): string {
	const { width, paintName = same, paintRemark = same, widest = 30 } = options;
	const names = entries.map(({ name }) => stringWidth(name)).filter((each) => each <= widest);
	const left = Math.max(0, Math.min(Math.max(0, ...names), width - INDENT - BETWEEN - NARROWEST_TEXT));
	const start = INDENT + left + BETWEEN;
	const room = width - start - 1;
	return entries
		.map(({ name, text, remark }) => {
			const lines = text === '' ? [] : wrapText(text, room);
			const isLong = stringWidth(name) > left;
			const isFree = lines.length === 0 || stringWidth(`${lines.at(-1)}  ${remark}`) > room;
			const remarks = remark === undefined ? [] : isFree ? wrapText(remark, room) : [];
			const painted = [
				...lines.map((line, index) =>
					remark !== undefined && !isFree && index === lines.length - 1 ? `${line}  ${paintRemark(remark)}` : line,
				),
				...remarks.map((line) => paintRemark(line)),
			];
			const [first = '', ...continued] = wrapText(name, width - INDENT * 2 - 1).map((part, index) =>
				' '.repeat(index === 0 ? INDENT : INDENT * 2).concat(paintName(part)),
			);
			const rest = painted.map((line) => `${' '.repeat(start)}${line}`);
			if (isLong || painted.length === 0) return [first, ...continued, ...rest];
			const gap = ' '.repeat(start - INDENT - stringWidth(name));
			return [`${first}${gap}${painted[0]}`, ...rest.slice(1)];
		})
		.map((lines) => lines.map((line) => `${line}\n`).join(''))
		.join('');
}

/** Lines of at most `width` columns, broken at spaces. A longer word has a line of its own. */
export function wrapText(text: string, width: number): string[] {
	const lines: string[] = [];
	let line = '';
	let columns = 0;
	for (const word of text.split(' ')) {
		const wide = stringWidth(word);
		if (line !== '' && columns + 1 + wide > width) {
			lines.push(line);
			line = word;
			columns = wide;
		} else {
			line = line === '' ? word : `${line} ${word}`;
			columns += columns === 0 ? wide : wide + 1;
		}
	}
	return [...lines, line];
}
