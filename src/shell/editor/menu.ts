// The completion menu below the text: one item per row with its description, or columns if there are many items.
import { cellForTerminal, cutToWidth, displayWidth, forTerminal } from '../../output/terminal-text.ts';
import type { Theme } from '../../output/theme.ts';
import type { DrawnRow } from './drawn-area.ts';

export type MenuItem = {
	/** The text to insert. */
	readonly text: string;
	/** The text to show, if it differs. */
	readonly label?: string;
	/** A description of one line. */
	readonly doc: string;
};

export type MenuSize = { readonly columns: number; readonly rows: number };

const GAP = 2;
/** Maximum width of names before descriptions. */
const NAME_COLUMNS = 40;

/** The rows of the menu. `selected` is -1 if nothing is selected. No row is as wide as the screen. */
export function menuRows(items: readonly MenuItem[], selected: number, size: MenuSize, theme: Theme): DrawnRow[] {
	return items.length <= size.rows ? listRows(items, selected, size, theme) : gridRows(items, selected, size, theme);
}

function listRows(items: readonly MenuItem[], selected: number, size: MenuSize, theme: Theme): DrawnRow[] {
	const columns = size.columns - 1;
	const most = Math.min(columns, NAME_COLUMNS);
	const names = items.map((item) => nameOf(item, most));
	const width = Math.max(...names.map(displayWidth));
	return items.map(({ doc }, index) => {
		const name = padded(names[index]!, width);
		const room = columns - width - GAP;
		const about = room < 8 || doc === '' ? '' : cutToWidth(forTerminal(doc), room);
		const text = index === selected ? theme.selected(name) : name;
		return row(`${text}${about === '' ? '' : ' '.repeat(GAP) + theme.dim(about)}`, columns);
	});
}

function gridRows(items: readonly MenuItem[], selected: number, size: MenuSize, theme: Theme): DrawnRow[] {
	const columns = size.columns - 1;
	const names = items.map((item) => nameOf(item, columns));
	const width = Math.max(...names.map(displayWidth));
	const across = Math.max(1, Math.floor((columns + GAP) / (width + GAP)));
	const all = Math.ceil(items.length / across);
	// The last row shows the selected item's description, or the number of items.
	const shown = Math.max(1, Math.min(all, size.rows - 1));
	const chosenRow = selected < 0 ? 0 : selected % all;
	const first = Math.min(Math.max(0, chosenRow - shown + 1), all - shown);
	const rows = Array.from({ length: shown }, (_, index) => {
		const cells: string[] = [];
		for (let at = first + index; at < items.length; at += all) {
			const name = padded(names[at]!, width);
			cells.push(at === selected ? theme.selected(name) : name);
		}
		return row(cells.join(' '.repeat(GAP)).trimEnd(), columns);
	});
	if (size.rows < 2) return rows;
	const hidden = all > shown ? `, ${Math.ceil((100 * shown) / all)}% shown` : '';
	const about = selected < 0 ? `${items.length} completions${hidden}` : forTerminal(items[selected]!.doc);
	return [...rows, row(theme.dim(cutToWidth(about, columns)), columns)];
}

function nameOf({ text, label }: MenuItem, columns: number): string {
	return cellForTerminal(label ?? text, columns);
}

function padded(name: string, width: number): string {
	return name + ' '.repeat(Math.max(0, width - displayWidth(name)));
}

function row(text: string, width: number): DrawnRow {
	return { text, width, continues: false };
}

/** The longest common prefix, ignoring case. */
export function commonBeginning(texts: readonly string[]): string {
	const [first = '', ...others] = texts;
	let length = first.length;
	for (const other of others) {
		length = Math.min(length, other.length);
		let same = 0;
		while (same < length && first[same]!.toLowerCase() === other[same]!.toLowerCase()) same++;
		length = same;
	}
	return first.slice(0, length);
}
