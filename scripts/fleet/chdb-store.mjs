// ClickHouse's HTTP interface in front of chdb, the current ClickHouse as a library: as much of it as agents and
// `tinytap fleet` use. Started by scripts/fleet.ts with a directory for the data; prints its port.
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Session } from 'chdb';

const [, , directory] = process.argv;
const session = new Session(directory);

/** Parameters that are not settings, or that a library cannot have. */
const NOT_SETTINGS = new Set(['query', 'query_id', 'wait_end_of_query', 'readonly', 'database']);

/** Settings in the URL become a SETTINGS clause. */
function withSettings(query, url) {
	const settings = [...url.searchParams].filter(([name]) => !NOT_SETTINGS.has(name));
	if (settings.length === 0) return query;
	const clause = `SETTINGS ${settings.map(([name, value]) => `${name} = ${/^\d+$/.test(value) ? value : `'${value.replaceAll("'", "''")}'`}`).join(', ')}`;
	if (/^KILL /.test(query)) return query;
	return / FORMAT (\w+)\s*$/.test(query)
		? query.replace(/ FORMAT (\w+)\s*$/, ` ${clause} FORMAT $1`)
		: `${query} ${clause}`;
}

/** Binary data cannot be part of a statement, so they are read from a file. */
function insertNative(query, data) {
	const file = join(directory, 'insert.native');
	writeFileSync(file, data);
	return session.query(query.replace(/ (?=SETTINGS |FORMAT Native$)/, ` FROM INFILE '${file}' `));
}

function answer(request, body) {
	const url = new URL(request.url, 'http://localhost');
	if (url.pathname === '/ping') return 'Ok.\n';
	const data = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
	const query = url.searchParams.get('query');
	if (query?.endsWith(' FORMAT Native')) return insertNative(withSettings(query, url), data);
	const text = data.toString('utf8');
	return session.query(
		query === null ? withSettings(text, url) : `${withSettings(query, url)}\n${text}`,
		'TabSeparated',
	);
}

const server = createServer((request, response) => {
	const chunks = [];
	request.on('data', (chunk) => chunks.push(chunk));
	request.on('end', () => {
		try {
			response.end(answer(request, Buffer.concat(chunks)));
		} catch (error) {
			const code = /Code: (\d+)/.exec(error.message)?.[1] ?? '0';
			response.writeHead(500, { 'x-clickhouse-exception-code': code }).end(error.message);
		}
	});
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
