// Has other programs read our exports, and compares what they read with the rows:
//
//     npm run exports                     all of them
//     npm run exports -- parquet har      some formats
//
// Exit status 1 at the first difference. Installs the readers from npm (scripts/exports/peers), and tshark, if they are
// missing.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FILES } from '../src/base/installation.ts';
import { compareHar } from './exports/har-by-others.ts';
import { compareParquet, openDuck } from './exports/parquet-by-duckdb.ts';
import { comparePackets } from './exports/pcapng-by-tshark.ts';
import { hostileRecording, largeRecording, ordinaryRecording } from './exports/recordings.ts';
import { compareRoundTrip } from './exports/round-trip.ts';
import { openSource, type Source } from './exports/source.ts';
import { compareTable } from './exports/tables-by-others.ts';

const MANY = 20_000;
const PEERS = join(import.meta.dirname, 'exports/peers');

process.exitCode = await main(process.argv.slice(2));

async function main(chosen: readonly string[]): Promise<number> {
	install();
	const from = createRequire(join(PEERS, 'package.json'));
	const duck = await openDuck(from);
	const folder = mkdtempSync(join(tmpdir(), 'tinytap-exports-'));
	/** Each format with its reader, and the recordings that the reader understands. */
	const checks: readonly (readonly [format: string, by: string, of: RegExp, (source: Source) => Promise<string>])[] = [
		['parquet', `DuckDB ${duck.version}`, /./, (source) => compareParquet(source, duck.connection)],
		['har', 'HAR 1.2 schema, httpsnippet', /./, (source) => compareHar(source, from)],
		['pcapng', versionOf('tshark'), /demo|ordinary/, comparePackets],
		['har', 'tinytap, read back', /ordinary/, (source) => compareRoundTrip(source, 'har', folder)],
		['pcapng', 'tinytap, read back', /ordinary/, (source) => compareRoundTrip(source, 'pcapng', folder)],
		['csv', versionOf('python3'), /./, (source) => compareTable(source, 'csv')],
		['ndjson', versionOf('python3'), /./, (source) => compareTable(source, 'ndjson')],
		['sql', `sqlite3 ${versionOf('sqlite3').split(' ')[0]}`, /./, (source) => compareTable(source, 'sql')],
	];
	const recordings: [name: string, path: string][] = [
		['demo', FILES.demoRecording],
		['ordinary', ordinaryRecording(join(folder, 'ordinary.tinytap'))],
		['hostile', hostileRecording(join(folder, 'hostile.tinytap'))],
		['large', largeRecording(join(folder, 'large.tinytap'), MANY)],
	];
	try {
		for (const [name, path] of recordings) {
			const source = await openSource(name, path, folder);
			for (const [format, by, of, compare] of checks) {
				if (!of.test(name) || (chosen.length > 0 && !chosen.includes(format))) continue;
				console.log(`${name.padEnd(9)} ${format.padEnd(8)} equal by ${by}: ${await compare(source)}`);
			}
			await source.close();
		}
		return 0;
	} catch (error) {
		console.error(error instanceof Error ? error.message : error);
		return 1;
	} finally {
		rmSync(folder, { recursive: true, force: true });
		process.exitCode ??= 0;
	}
}

function install(): void {
	if (!existsSync(join(PEERS, 'node_modules', '.package-lock.json'))) {
		console.log('installing DuckDB and other readers (80 MB)');
		spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: PEERS, stdio: ['ignore', 'inherit', 'inherit'] });
	}
	if (spawnSync('tshark', ['--version']).error === undefined) return;
	console.log('installing tshark');
	const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
	spawnSync('apt-get', ['install', '-y', '-q', 'tshark'], { env, stdio: ['ignore', 'inherit', 'inherit'] });
}

function versionOf(program: string): string {
	return String(spawnSync(program, ['--version']).stdout)
		.split('\n')[0]!
		.replace(/ \(.*/, '');
}
