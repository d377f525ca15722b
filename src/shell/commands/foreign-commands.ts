// Commands of psql, sqlite3, duckdb and others that do not exist here: why they are refused, or what does the same.

type Refusal = { readonly words: RegExp; readonly reason: string; readonly instead: string };

/** Commands that tinytap refuses, with the reason and an alternative. */
const REFUSED: readonly Refusal[] = [
	{
		words: /^(\\!.*|\.shell|\.system)$/,
		reason: 'the data comes from strangers, so the shell starts only programs that take a result',
		instead: '.once | COMMAND gives a command the next result; Ctrl-Z suspends tinytap.',
	},
	{
		words: /^(\.import|\\copy|\.load|\.restore)$/,
		reason: 'the captured tables cannot be written',
		instead: 'CREATE TEMP TABLE makes a table of your own from a query; .open reads a recording.',
	},
	{
		words: /^(\.dump|\.backup|\.clone|\.fullschema)$/,
		reason: 'captured rows are kept in recordings',
		instead: 'Keep one with .record start FILE; .once FILE writes the next result to a file.',
	},
	{
		words: /^(\\c|\\connect|\.connection)$/,
		reason: 'there is only one capture',
		instead: '.open RECORDING opens a recording.',
	},
];

/** What does the same here, and the words for it elsewhere. */
const INSTEAD: Readonly<Record<string, string>> = {
	'.help functions lists the functions.': '\\df \\df+ \\da \\do \\dfS .functions',
	'.tables lists the tables; there is one database, and nobody logs in.':
		'\\l \\l+ \\list \\dn \\du \\dg \\dp \\z \\db .databases .dbinfo .schemas .users \\dx .auth \\password',
	'.tables lists the tables; they have no indexes.': '\\di \\ds \\di+ \\ds+ \\dm .indexes .indices .index .lint',
	'.settings lists the settings; .set NAME VALUE changes one.':
		'\\set \\pset \\a \\H \\f .config .rows .columns .dot .options',
	'.param NAME VALUE sets :NAME for statements.': '\\gset \\unset \\getenv \\setenv \\prompt .var .vars .let',
	'.headers on|off switches column names.': '\\t .header .heading',
	'.maxrows N limits the rows of a table, .width its columns.': '.maxwidth .limit .rowlimit',
	'.timer on prints the time that each statement takes.': '.stats .eqp .profile .scanstats',
	'\\e edits the last statement; Up brings it back.': '\\p \\ef \\ev .history .hist \\s',
	'Ctrl-C discards the typed statement.': '\\r .reset \\reset .abort',
	'\\g FILE writes the result of a statement to a file, .save NAME keeps the statement.':
		'\\w \\gexec \\gdesc \\crosstabview .excel .csv .www',
	'.separator sets the separator of CSV fields.': '.sep \\fieldsep',
	'.quit leaves.': '.bye \\quit .end .stop \\exit',
	'.run NAME runs a saved query, .queries lists them.': '.favorite \\n \\ns \\f+ \\nd .query .saved',
	'.schema TABLE lists the columns of a table.': '.describe .desc .info \\sv \\sf .columns+',
	'.print TEXT prints a text.': '\\warn .puts .say',
	'.set theme light changes the colours, .set theme none leaves them out.':
		'.theme .colors .color .highlight .syntax .prompt .style',
	'.tail prints exchanges as they complete.': '.follow .live .log .trace .stream',
	'.show ID shows an exchange.': '.view .detail .inspect .get .exchange .request',
	'Ctrl-L clears the screen.': '.cls \\cls',
};

/** For a word that is no command here: why it is refused and what to do, or only what to do. */
export function foreignCommand(
	word: string,
): { readonly reason: string | undefined; readonly instead: string } | undefined {
	const refused = REFUSED.find(({ words }) => words.test(word));
	if (refused !== undefined) return refused;
	const instead = Object.entries(INSTEAD).find(([, words]) => words.split(' ').includes(word))?.[0];
	return instead === undefined ? undefined : { reason: undefined, instead };
}

/** All words that lead to something else, for tests. */
export const FOREIGN_WORDS: readonly string[] = Object.values(INSTEAD).flatMap((words) => words.split(' '));
