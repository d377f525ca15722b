// Tab: commands after a dot, else keywords, tables, columns and functions.
import { TABLES } from '../store/database.ts';
import { DOT_COMMANDS } from './dot-commands.ts';

const KEYWORDS =
	'SELECT DISTINCT FROM WHERE GROUP BY HAVING ORDER LIMIT OFFSET JOIN LEFT ON USING UNION ALL WITH AS AND OR NOT NULL IN LIKE GLOB BETWEEN IS CASE WHEN THEN ELSE END CAST COUNT SUM AVG MIN MAX ASC DESC EXPLAIN DESCRIBE CREATE DROP VIEW'.split(
		' ',
	);

const WORDS = [
	...KEYWORDS,
	...TABLES.map(({ name }) => name),
	...new Set(TABLES.flatMap(({ columns }) => columns.map(({ name }) => name))),
];

/** node:readline's completer: the words that go on from the one before the cursor, and that word. */
export function complete(line: string): [string[], string] {
	if (/^\s*\.\w*$/.test(line)) {
		const start = line.trimStart();
		return [DOT_COMMANDS.map(({ name }) => `.${name}`).filter((name) => name.startsWith(start)), start];
	}
	const word = /[\w]*$/.exec(line)?.[0] ?? '';
	if (word === '') return [[], word];
	const lower = word.toLowerCase();
	return [WORDS.filter((each) => each.toLowerCase().startsWith(lower)), word];
}
