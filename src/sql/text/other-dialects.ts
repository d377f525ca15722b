// Functions and words of other databases, each with a hint at how to write the same here.

const MOVES = "ts + interval '5 minutes' and ts - interval '5 minutes' move a time";
const DIFFERENCE = 'a - b is the interval between two times; epoch_ms(a - b) is its number of milliseconds';

const EACH = 'json_each(json) has a row for each item of an array or member of an object';
const COUNTING = 'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 10) is a table of numbers';

/** Functions by lower-case name. */
const FUNCTIONS: ReadonlyMap<string, string> = new Map([
	...['year', 'quarter', 'month', 'week', 'day', 'hour', 'minute', 'second', 'dayofweek', 'dayofyear'].map(
		(name) => [name, `extract(${name} FROM ts) is a number`] as const,
	),
	...['date_add', 'dateadd', 'date_sub', 'adddate', 'subdate', 'timestampadd'].map((name) => [name, MOVES] as const),
	...['date_diff', 'datediff', 'timestampdiff'].map((name) => [name, DIFFERENCE] as const),
	...['timezone', 'convert_tz', 'convert_timezone', 'from_utc_timestamp', 'to_utc_timestamp'].map(
		(name) => [name, "ts AT TIME ZONE 'Europe/Berlin' is what the clocks there show"] as const,
	),
	...['to_date', 'str_to_date', 'strptime', 'make_date', 'make_timestamp', 'parse_timestamp'].map(
		(name) => [name, "'2026-11-22'::date and '2026-11-22 12:56'::datetime are times"] as const,
	),
	...['curdate', 'curtime', 'sysdate', 'getutcdate', 'localtimestamp', 'utc_timestamp', 'today'].map(
		(name) => [name, "now() is the time of the statement, date_trunc('day', now()) when its day began"] as const,
	),
	['unix_timestamp', 'extract(epoch FROM ts) is a number of seconds, epoch_ms(ts) of milliseconds'],
	['time_bucket_gapfill', "bucket(ts, '1m') is the start of the minute"],
	['date_format', "strftime('%H:%M', ts) writes a time"],
	['to_char', "strftime('%H:%M', ts) writes a time"],
	['age', 'a - b is the interval between two times'],
	['make_interval', "write interval '5 minutes'"],
	['from_unixtime', 'to_timestamp(seconds) is that time'],
	['epoch', 'extract(epoch FROM ts) is a number of seconds'],
	['getdate', 'now() is the time of the statement'],
	['strpos', 'instr(text, part) finds a part'],
	['position', 'instr(text, part) finds a part'],
	['charindex', 'instr(text, part) finds a part'],
	['regexp_like', 'write text REGEXP pattern'],
	['regexp_matches', 'write text REGEXP pattern; regexp_extract(text, pattern, 1) is its first group'],
	['regexp_substr', 'regexp_extract(text, pattern) is the first match'],
	['regexp_extract_all', 'regexp_extract(text, pattern) is the first match'],
	['regexp_split_to_array', "split_part(text, ',', 2) is the second part"],
	['string_split', "split_part(text, ',', 2) is the second part"],
	['str_split', "split_part(text, ',', 2) is the second part"],
	['urldecode', 'url_decode(text) decodes %XX'],
	['urlencode', 'url_encode(text) encodes as %XX'],
	['parse_url', "url_param(url, 'name') is a parameter; host, path and query_string are columns"],
	['greatest', 'max(a, b) is the greater value'],
	['least', 'min(a, b) is the smaller value'],
	['nvl', 'coalesce(a, b) is the first value that is not NULL'],
	['isnull', 'coalesce(a, b) is the first value that is not NULL'],
	['array_agg', 'json_group_array(x) collects values'],
	['list', 'json_group_array(x) collects values'],
	['listagg', "group_concat(x, ',') joins values"],
	['any_value', 'max(x) is one of the values'],
	['first', 'min(x), or first_value(x) OVER (…)'],
	['quantile', 'percentile(x, 0.95), or p95(x)'],
	['mode', 'GROUP BY x ORDER BY count(*) DESC LIMIT 1 finds the most frequent value'],
	['approx_percentile', 'percentile(x, 0.95), or p95(x)'],
	['variance', 'stddev(x) * stddev(x) is the variance'],
	['json_value', "json_extract(json, '$.name'), or json ->> 'name'"],
	...['unnest', 'explode', 'flatten', 'json_array_elements', 'jsonb_array_elements'].map(
		(name) => [name, EACH] as const,
	),
	...['generate_series', 'range', 'sequence'].map((name) => [name, COUNTING] as const),
	['md5', 'there are no hash functions; hex() and base64() show bytes'],
	['sha256', 'there are no hash functions; hex() and base64() show bytes'],
]);

/** Table functions by lower-case name. */
const TABLES: ReadonlyMap<string, string> = new Map([
	...[
		...[
			'unnest',
			'json_array_elements',
			'jsonb_array_elements',
			'json_array_elements_text',
			'jsonb_each',
			'json_each_text',
		],
		...[
			'json_object_keys',
			'jsonb_object_keys',
			'json_keys',
			'openjson',
			'flatten',
			'explode',
			'json_table',
			'jsonb_tree',
		],
	].map((name) => [name, EACH] as const),
	...['generate_series', 'range', 'sequence'].map((name) => [name, COUNTING] as const),
]);

/** Words and signs, in capitals. */
const WORDS: ReadonlyMap<string, string> = new Map([
	['&', 'join conditions with AND'],
	['~', 'use REGEXP to match a regular expression'],
	['!', 'write NOT as a word, and unequal as <>'],
	['^', 'power(2, 10) is a power'],
	['@', 'parameters are written :name'],
	['?', 'parameters are written :name'],
	['$', 'parameters are written :name'],
	['\0', 'a file in UTF-16 must be saved as UTF-8'],
	[':', 'parameters are written :name; substr(text, start, length) is a part of a text'],
	['#', 'comments begin with --'],
	['{', "json_object('name', 1) makes an object"],
	['TOP', 'LIMIT 5 at the end keeps five rows'],
	['FETCH', 'LIMIT 5 at the end keeps five rows'],
	['FIRST', 'LIMIT 5 at the end keeps five rows'],
	['TIMEZONE', "write ts AT TIME ZONE 'Europe/Berlin'"],
	['INTERVAL', "write interval '5 minutes' or interval 5 minute"],
	['SIMILAR', 'use REGEXP to match a regular expression'],
	['QUALIFY', 'put the window function in a subquery and filter its result with WHERE'],
	['APPLY', 'a subquery in the column list may use the row: (SELECT …)'],
	['LATERAL', 'a subquery in the column list may use the row: (SELECT …)'],
]);

/** The hint for what stands at a place in a statement of another database, by the tokens before it, in capitals. */
export function placeElsewhere(
	word: string,
	before: string | undefined,
	first: string | undefined,
): string | undefined {
	if (word === '/' && before === '/') return 'the quotient of two integers is an integer: 7 / 2 is 3';
	if (word === '>' && before === '=') return 'at least is >=; arguments have no names';
	if (word === 'FROM' && before === ',') return 'remove the comma before FROM';
	if (word === 'ON' && before === 'DISTINCT')
		return 'number the rows in a subquery, row_number() OVER (PARTITION BY method ORDER BY ts) AS n, and keep those WHERE n = 1';
	if (word === 'ROW' || word === 'ROWS') return 'write LIMIT 2 OFFSET 3';
	if (word === 'SELECT' && first === 'FROM')
		return 'SELECT comes before the other clauses: FROM table SELECT … WHERE …';
	return word === 'SELECT' ? 'a subquery is written in parentheses, and a statement ends with ;' : undefined;
}

/** The hint for a function of another database. */
export function functionElsewhere(name: string): string | undefined {
	return FUNCTIONS.get(name.toLowerCase());
}

/** The hint for a table function of another database. */
export function tableElsewhere(name: string): string | undefined {
	return TABLES.get(name.toLowerCase());
}

/** The hint for the first of these words or signs that another database uses. */
export function wordElsewhere(...words: readonly (string | undefined)[]): string | undefined {
	for (const word of words) {
		const hint = word === undefined ? undefined : WORDS.get(word.toUpperCase());
		if (hint !== undefined) return hint;
	}
	return undefined;
}
