// Draws a history search: the found entry on one line, and the search text below it.
import { displayWidth } from '../../output/terminal-text.ts';
import type { Theme } from '../../output/theme.ts';
import type { DrawnRow, Picture } from './drawn-area.ts';
import type { HistorySearch } from './history-walk.ts';
import { paintedWidth } from './picture.ts';
import { onOneLine } from './shown-text.ts';

/** `typed` is shown until something is searched for. */
export function searchPicture(
	search: HistorySearch,
	prompt: string,
	typed: string,
	columns: number,
	theme: Theme,
): Picture {
	const label = `${search.hasFailed ? 'failed-' : ''}${search.isForward ? 'fwd' : 'bck'}-i-search: `;
	const needle = onOneLine(search.needle, Math.max(1, columns - label.length - 1));
	const lead = paintedWidth(prompt) < columns - 2 ? prompt : '';
	const found = foundText(search, typed, columns - 1 - paintedWidth(lead), theme);
	const rows: DrawnRow[] = [
		{ text: lead + found, width: columns - 1, continues: false },
		{ text: theme.dim(label) + needle, width: columns - 1, continues: false },
	];
	return { rows, cursor: { row: 1, column: Math.min(columns - 1, label.length + displayWidth(needle)) } };
}

/** The part of the entry around the match, with the match marked. */
function foundText(search: HistorySearch, typed: string, columns: number, theme: Theme): string {
	const { found, place, needle } = search;
	if (found === undefined) return onOneLine(typed, columns);
	const end = place + needle.length;
	// Scroll a long entry so that the match is visible.
	const from = end > columns ? Math.max(0, Math.min(place, end - Math.floor(columns / 2))) : 0;
	const before = (from > 0 ? '…' : '') + onOneLine(found.slice(from, place), columns - 1);
	const match = onOneLine(found.slice(place, end), columns - displayWidth(before));
	const after = onOneLine(found.slice(end), columns - displayWidth(before) - displayWidth(match));
	return before + theme.selected(match) + after;
}
