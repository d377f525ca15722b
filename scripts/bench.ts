// Benchmarks: npm run bench -- sql | ingest [--rows N] [--rounds N] [--no-write] [--modules DIR]. Each writes its section
// of docs/performance.md. --modules: where better-sqlite3 and @duckdb/node-api are installed, when not here.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { benchIngest } from './bench/ingest.ts';
import { benchSql } from './bench/sql.ts';

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: {
		rows: { type: 'string' },
		rounds: { type: 'string', default: '5' },
		'no-write': { type: 'boolean', default: false },
		modules: { type: 'string' },
	},
});
const name = positionals[0];
const number = (text: string) => {
	if (!/^[1-9]\d*$/.test(text)) usage(`not a number of things: ${text}`);
	return Number(text);
};
if (globalThis.gc === undefined) {
	// A million rows of objects beside the others' copies need more than the default heap.
	const flags = ['--expose-gc', '--max-old-space-size=12288', '--import', 'tsx'];
	const again = spawnSync(process.execPath, [...flags, import.meta.filename, ...process.argv.slice(2)], {
		stdio: 'inherit',
	});
	process.exitCode = again.status ?? 1;
} else {
	const rounds = number(values.rounds);
	const write = !values['no-write'];
	if (name === 'sql')
		await benchSql({ rows: number(values.rows ?? '1000000'), rounds, write, modules: values.modules });
	else if (name === 'ingest') benchIngest({ rows: number(values.rows ?? '200000'), rounds, write });
	else usage(name === undefined ? 'which benchmark?' : `no benchmark named ${name}`);
}

function usage(problem: string): never {
	console.error(`${problem}\nnpm run bench -- sql | ingest [--rows N] [--rounds N] [--no-write] [--modules DIR]`);
	process.exit(2);
}
