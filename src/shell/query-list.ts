// Saved queries as a list, or one of them in full: for `.queries` and `tinytap queries`.
import { UserError } from '../base/errors.ts';
import { forTerminal } from '../output/terminal-text.ts';
import { type Entry, twoColumns, wrapText } from '../output/two-columns.ts';
import { declarationText } from './query-header.ts';
import { hidingNotice, listQueries, type QueryDirectories, type SavedQuery, searchQueries } from './saved-queries.ts';

/**
 * The list of queries that contain all `words`, or of all; the details of a query if the only word names it. Throws a
 * UserError if no query contains the words. `width`: the width of the screen, or Infinity.
 */
export function queriesText(directories: QueryDirectories, words: readonly string[], width: number): string {
	const named = words.length === 1 ? listQueries(directories).find(({ name }) => name === words[0]) : undefined;
	if (named !== undefined) return queryText(named, width);
	const queries = words.length === 0 ? listQueries(directories) : searchQueries(directories, words);
	if (queries.length === 0 && words.length > 0) {
		throw new UserError(
			`no saved query contains ${words.map((word) => JSON.stringify(word)).join(' and ')} in its name, title or description`,
			'ERR_NO_QUERY',
			'`.queries` and `tinytap queries` list all.',
		);
	}
	const left = Math.max(0, ...queries.map(({ name }) => name.length));
	return queries.flatMap((query) => listLines(query, left, width).map((line) => `${line}\n`)).join('');
}

/** How many queries the working directory has, as a line for the prompt's greeting; undefined if it has none. */
export function projectQueriesText(directories: QueryDirectories): string | undefined {
	const count = listQueries(directories.filter(({ place }) => place === 'project')).length;
	if (count === 0) return undefined;
	return `This directory has ${count === 1 ? '1 saved query' : `${count} saved queries`}: .queries lists them, .run NAME runs one`;
}

/** A line for each query of the working directory that hides another one, to be printed with the list. */
export function hidingNotices(directories: QueryDirectories): string {
	const notices = listQueries(directories).map(hidingNotice);
	return notices.map((notice) => (notice === undefined ? '' : `${forTerminal(notice)}\n`)).join('');
}

function listLines(query: SavedQuery, left: number, width: number): string[] {
	const { name, place, header, problem, hides } = query;
	const others = [...new Set(hides.map((each) => each.place))].filter((each) => each !== place);
	const hidden = others.length === 0 ? '' : ` (hides the ${others.join(' and the ')} query)`;
	const title = problem === undefined ? header.title : `(${problem})`;
	const begin = `${name.padEnd(left)}  ${place.padEnd(7)}  `;
	const lines = wrapText(`${forTerminal(title)}${hidden}`, Math.max(20, width - begin.length - 1));
	return lines.map((line, index) => `${index === 0 ? begin : ' '.repeat(begin.length)}${line}`.trimEnd());
}

function queryText({ name, place, path, header, problem, hides }: SavedQuery, width: number): string {
	const { title, description, parameters, charts } = header;
	const paragraphs = problem === undefined ? [title, ...description.split('\n')] : [`(${problem})`];
	const lines = paragraphs.filter((text) => text !== '').flatMap((text) => wrapText(forTerminal(text), width - 1));
	const entries: Entry[] = [
		...parameters.map((each) => ({ name: forTerminal(declarationText(each)), text: forTerminal(each.description) })),
		...charts.map((chart) => ({ name: 'chart', text: forTerminal(chart) })),
		{ name: 'file', text: forTerminal(path) },
		...hides.map((each) => ({ name: 'hides', text: forTerminal(each.path) })),
	];
	return `${[`${name} (${place})`, ...lines].map((line) => `${line}\n`).join('')}${twoColumns(entries, { width })}`;
}
