// The words that statements begin with, also those that are refused, with a hint on what to do instead.

export const READ_ONLY_HINT =
	'captured tables are read-only; make your own tables with CREATE TEMP TABLE name AS SELECT …';

/** Statements of other databases that are refused, each with its hint. */
export const REFUSED_STATEMENTS = new Map<string, string>([
	['UPDATE', READ_ONLY_HINT],
	['REPLACE', READ_ONLY_HINT],
	['MERGE', READ_ONLY_HINT],
	['TRUNCATE', READ_ONLY_HINT],
	['ALTER', READ_ONLY_HINT],
	['ATTACH', "write ATTACH 'FILE' AS name as a statement of its own, at the prompt or in a script"],
	['DETACH', 'write DETACH name as a statement of its own, at the prompt or in a script'],
	['TABLE', 'FROM exchanges returns all rows of a table'],
	['COPY', 'save a result with tinytap query … --format csv > FILE'],
	['SHOW', '.tables lists tables, DESCRIBE table lists columns'],
	['PRAGMA', 'DESCRIBE table lists columns'],
	['USE', 'there is one database'],
	['SOURCE', 'tinytap run FILE runs scripts'],
	['BEGIN', 'each statement sees the tables of one instant'],
	['COMMIT', 'each statement sees the tables of one instant'],
	['SET', 'parameters are set with --set name=value, or with .param name value at the prompt and in scripts'],
]);

/** The first words of statements, of refused ones, too. */
export const STATEMENT_WORDS: readonly string[] = [
	'SELECT',
	'FROM',
	'WITH',
	'VALUES',
	'EXPLAIN',
	'DESCRIBE',
	'DESC',
	'SUMMARIZE',
	'CREATE',
	'DROP',
	'INSERT',
	'DELETE',
	...REFUSED_STATEMENTS.keys(),
];
