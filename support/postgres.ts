// A PostgreSQL 15 server of its own, and the values it computes.
import { spawnSync } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Functions that write answers so that equal values have equal texts. */
const FUNCTIONS = `
CREATE FUNCTION show(timestamp) RETURNS text LANGUAGE sql AS $$ SELECT to_char($1, 'YYYY-MM-DD"T"HH24:MI:SS.US') $$;
CREATE FUNCTION show(date) RETURNS text LANGUAGE sql AS $$ SELECT to_char($1, 'YYYY-MM-DD') $$;
CREATE FUNCTION show(time) RETURNS text LANGUAGE sql AS $$ SELECT $1::text $$;
CREATE FUNCTION show(numeric) RETURNS text LANGUAGE sql AS $$ SELECT $1::text $$;
CREATE FUNCTION show(text) RETURNS text LANGUAGE sql AS $$ SELECT $1 $$;
CREATE FUNCTION show(boolean) RETURNS text LANGUAGE sql AS $$ SELECT $1::int::text $$;
CREATE FUNCTION show(interval) RETURNS text LANGUAGE sql AS $$
	SELECT (extract(year FROM $1) * 12 + extract(month FROM $1))::int || ' ' || (extract(day FROM $1) * 86400000000 +
	extract(hour FROM $1) * 3600000000 + extract(minute FROM $1) * 60000000 + extract(microseconds FROM $1))::bigint $$;
`;

export type PostgresServer = {
	/** Runs psql with this input; returns its output. */
	readonly psql: (options: readonly string[], input: string) => string;
	/** The arguments that make psql use this server. */
	readonly place: readonly string[];
	readonly stop: () => void;
};

/** Starts a server on a unix socket. Returns undefined if PostgreSQL is not installed. */
export function startPostgres(): PostgresServer | undefined {
	if (spawnSync('initdb', ['--version']).error !== undefined) return undefined;
	const directory = mkdtempSync(join(tmpdir(), 'tinytap-postgres-'));
	const isRoot = process.getuid?.() === 0;
	const run = (program: string, list: readonly string[], input = ''): string => {
		// PostgreSQL refuses to run as root.
		const command = isRoot
			? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups', program, ...list]
			: [program, ...list];
		const { stdout, stderr, status } = spawnSync(command[0]!, command.slice(1), {
			cwd: directory,
			encoding: 'utf8',
			input,
			maxBuffer: 1 << 30,
		});
		if (status !== 0) throw new Error(`${program} failed: ${stderr.slice(-500)}`);
		return stdout;
	};
	const data = join(directory, 'data');
	try {
		if (isRoot) {
			const id = (option: string) => Number(spawnSync('id', [option, 'postgres'], { encoding: 'utf8' }).stdout);
			chownSync(directory, id('-u'), id('-g'));
		}
		run('initdb', ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '--locale=C', '-E', 'UTF8']);
		const options = `-c listen_addresses= -c unix_socket_directories=${directory} -c fsync=off -c timezone=UTC`;
		run('pg_ctl', ['-D', data, '-w', '-l', join(directory, 'log'), '-o', options, 'start']);
	} catch (error) {
		rmSync(directory, { recursive: true, force: true });
		throw error;
	}
	const place = ['-h', directory, '-U', 'postgres', '-d', 'postgres'];
	return {
		place,
		psql: (options, input) => run('psql', [...place, ...options], input),
		stop: () => {
			try {
				run('pg_ctl', ['-D', data, '-m', 'immediate', 'stop']);
			} finally {
				rmSync(directory, { recursive: true, force: true });
			}
		},
	};
}

/** The values of expressions as texts; undefined for an error. The result is undefined if PostgreSQL is not installed. */
export function askPostgres(expressions: readonly string[]): (string | null | undefined)[] | undefined {
	const server = startPostgres();
	if (server === undefined) return undefined;
	try {
		const lines = expressions.map((expression, index) => `SELECT '@@${index}', show(${expression});`);
		const answers = server.psql(
			['-qAtX', '-P', 'null=NULL', '-f', '-'],
			`SET client_min_messages TO panic;\n${FUNCTIONS}\n${lines.join('\n')}\n`,
		);
		const list: (string | null | undefined)[] = expressions.map(() => undefined);
		for (const [, index, value] of answers.matchAll(/^@@(\d+)\|(.*)$/gm)) {
			list[Number(index)] = value === 'NULL' ? null : value!;
		}
		return list;
	} finally {
		server.stop();
	}
}
