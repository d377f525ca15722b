// The whole path from recorded batches, without root or a kernel: the built CLI over recordings.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import * as wire from '../../decoder-as/assembly/wire/capture-event.ts';
import { processUser } from '../../src/base/invoking-user.ts';
import { bodyLimitMeta, type RecordingMeta, RecordingWriter } from '../../src/capture/recording.ts';
import { settings } from '../../support/http2-frames.ts';
import { Tape } from '../../support/record-builder.ts';
import { rowsOfRecording } from '../../support/recorded-rows.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { parseRows, runTinytap } from '../../support/tinytap.ts';

const directory = temporaryDirectory();
after(directory.remove);
const DEMO = join(import.meta.dirname, '../../recordings/demo.tinytap');
let files = 0;

/** A recording of a tape, as the capture thread would have written it. */
function recordingOf(tape: Tape, meta: RecordingMeta = {}): string {
	const path = join(directory.path, `tape-${files++}.tinytap`);
	const writer = new RecordingWriter(path, meta, { user: processUser() });
	writer.writeBatch(tape.batch());
	writer.close();
	return path;
}

/** 23 exchanges over one server connection, every third body by sendfile. */
function sampleTape(): Tape {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const server = tape.server(1, { local: '127.0.0.1:80', remote: '127.0.0.1:4000' }).open();
	for (let i = 1; i <= 23; i++) {
		server.in(`GET /item/${i} HTTP/1.1\r\nHost: shop\r\n\r\n`);
		const head = `HTTP/1.1 ${i % 5 === 0 ? '404 Not Found' : '200 OK'}\r\nContent-Length: 1000\r\n\r\n`;
		if (i % 3 === 0) server.out(head, { syscall: wire.SYSCALL_WRITEV }).sendfile(1000);
		else server.out(head + 'x'.repeat(1000), { syscall: wire.SYSCALL_WRITEV });
	}
	return tape;
}

test('a recording answers the same questions as a live capture', async () => {
	const path = recordingOf(sampleTape());
	const sql =
		'SELECT id, path, status, res_body_bytes AS bytes, res_captured_bytes AS held, via, res_body_note AS note FROM exchanges ORDER BY id';
	const { code, stdout, stderr } = await runTinytap(['query', sql, '--replay', path, '--format', 'ndjson']);
	assert.equal(code, 0, stderr);
	const rows = parseRows(stdout);
	assert.equal(rows.length, 23);
	for (const [i, row] of rows.entries()) {
		const bySendfile = (i + 1) % 3 === 0;
		assert.deepEqual(row, {
			id: i + 1,
			path: `/item/${i + 1}`,
			status: (i + 1) % 5 === 0 ? 404 : 200,
			bytes: 1000,
			held: bySendfile ? 0 : 1000,
			via: bySendfile ? 'sendfile' : 'writev',
			note: bySendfile ? 'body: 1000 bytes via sendfile — content not captured' : null,
		});
	}
});

test('an unprivileged user can look at the bundled recording', () => {
	const sql =
		"SELECT count(*) AS n, sum(via = 'sendfile') AS files, count(DISTINCT comm) AS programs FROM exchanges WHERE side = 'server'";
	// Any user but root is unprivileged.
	const asNobody =
		process.getuid?.() === 0
			? 'setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all'
			: '';
	// A copy that another user may read, because the checkout may be in root's home.
	const script = `cp -r "$1/dist" "$1/build" "$1/package.json" "$1/recordings" "$2" && chmod -R a+rX "$2" && exec ${asNobody} "$3" "$2/dist/tinytap.cjs" query "$4" --replay "$2/recordings/demo.tinytap" --format json`;
	const place = join(directory.path, 'copy');
	const result = spawnSync(
		'sh',
		[
			'-c',
			`chmod a+rx "$(dirname "$2")" && mkdir -p "$2" && ${script}`,
			'sh',
			join(import.meta.dirname, '../..'),
			place,
			process.execPath,
			sql,
		],
		{ encoding: 'utf8' },
	);
	assert.equal(result.status, 0, result.stderr);
	const [row] = JSON.parse(result.stdout) as { n: number; files: number; programs: number }[];
	assert.ok(row !== undefined && row.n > 10 && row.files >= 3 && row.programs === 2, result.stdout);
});

test('a tail over a recording prints every matching row, in the order in which they ended', async () => {
	const path = recordingOf(sampleTape());
	const { code, stdout, stderr } = await runTinytap([
		'tail',
		'--where',
		'status = 404',
		'--columns',
		'id, path',
		'--format',
		'ndjson',
		'--replay',
		path,
	]);
	assert.equal(code, 0, stderr);
	assert.deepEqual(
		parseRows(stdout),
		[5, 10, 15, 20].map((id) => ({ id, path: `/item/${id}` })),
	);
});

test('a truncated recording gives its rows, a warning and exit code 0; a damaged one gives its rows, an error and 1', async () => {
	const whole = readFileSync(DEMO);
	const cut = join(directory.path, 'cut.tinytap');
	writeFileSync(cut, whole.subarray(0, whole.length - 100));
	const short = await runTinytap([
		'query',
		'SELECT count(*) AS n FROM exchanges',
		'--replay',
		cut,
		'--format',
		'ndjson',
	]);
	assert.equal(short.code, 0, short.stderr);
	assert.match(short.stderr, /warning: .*cut\.tinytap is truncated at byte \d+/);
	assert.ok(Number(parseRows(short.stdout)[0]?.n) > 10);
	const damaged = join(directory.path, 'damaged.tinytap');
	const bytes = Buffer.from(whole);
	bytes[bytes.length - 200]! ^= 1;
	writeFileSync(damaged, bytes);
	const broken = await runTinytap([
		'query',
		'SELECT count(*) AS n FROM exchanges',
		'--replay',
		damaged,
		'--format',
		'ndjson',
	]);
	assert.equal(broken.code, 1);
	assert.match(broken.stderr, /damaged\.tinytap is damaged at byte \d+: .* \[ERR_RECORDING_DAMAGED\]/);
	assert.doesNotMatch(broken.stderr, /^\s+at /m);
	assert.ok(Number(parseRows(broken.stdout)[0]?.n) > 10);
});

test('a recording is read whole, and a message says so if filters are given', async () => {
	const path = recordingOf(sampleTape());
	const count = ['query', 'SELECT count(*) AS n FROM exchanges', '--format', 'csv', '--replay', path];
	const plain = await runTinytap(count);
	assert.equal(plain.stdout, 'n\n23\n');
	for (const filter of [
		['--port', '9000-9100'],
		['--pid', '4'],
		['--comm', 'nobody'],
	]) {
		const { code, stdout, stderr } = await runTinytap([...count, ...filter]);
		assert.deepEqual([code, stdout], [0, plain.stdout], filter.join(' '));
		assert.match(
			stderr,
			/^tinytap: filters apply only to live captures, so all of this recording is read; choose rows in SQL/m,
		);
	}
	assert.doesNotMatch(plain.stderr, /filters apply only/);
	assert.equal((await runTinytap([...count, '--port', '80', '--quiet'])).stderr, '');
});

test('a script checks its results', async () => {
	const path = recordingOf(sampleTape());
	const script = join(directory.path, 'check.sql');
	writeFileSync(
		script,
		'SELECT * FROM exchanges WHERE status >= 500;\n.expect rows = 0\nSELECT count(*) FROM exchanges WHERE status = :status;\n.expect value = 4\n',
	);
	const good = await runTinytap(['run', script, '--replay', path, '--set', 'status=404', '--quiet', '--format', 'csv']);
	assert.equal(good.code, 0, good.stderr);
	writeFileSync(script, 'SELECT * FROM exchanges WHERE status = 404;\n.expect rows = 0\n');
	const bad = await runTinytap(['run', script, '--replay', path, '--format', 'csv']);
	assert.equal(bad.code, 4);
	assert.match(bad.stderr, /check\.sql:2: expected rows = 0, got 4 rows \[ERR_EXPECTATION\]/);
});

test('a script goes on after failed expectations, shows their rows, and reports them, also those of files that it reads', async () => {
	const path = recordingOf(sampleTape());
	const file = (name: string) => join(directory.path, name);
	writeFileSync(
		file('outer.sql'),
		`SELECT id, status FROM exchanges WHERE status = 404 ORDER BY id;
.expect rows = 0
.read inner.sql
SELECT 7;
.expect value = 7
`,
	);
	writeFileSync(file('inner.sql'), "SELECT 'inner';\n.expect value = 1\n");
	const args = ['run', file('outer.sql'), '--replay', path, '--format', 'csv', '--quiet'];
	const reports = ['--report', `junit=${file('r.xml')}`, '--report', `tap=${file('r.tap')}`];
	const { code, stdout, stderr } = await runTinytap([...args, ...reports]);
	assert.equal(code, 4, stderr);
	assert.match(stdout, /\n"7"\n7\n$/, 'the last statement ran');
	assert.match(
		stderr,
		/outer\.sql:2: \.expect failed\n {2}expected: rows = 0\n {2}got: 4 rows\n {2}SELECT id, status .*\n.*\n.*\n(?: +\d+ \| +404\n){3} {2}… 1 more\n/,
	);
	assert.match(stderr, /inner\.sql:2: \.expect failed\n {2}expected: value = 1\n {2}got: value inner\n/);
	assert.match(
		stderr,
		/error: 2 of 3 expectations failed: \S*outer\.sql:2: .*; \S*inner\.sql:2: .* \[ERR_EXPECTATION\]/,
	);
	const tap = readFileSync(file('r.tap'), 'utf8');
	assert.deepEqual(tap.match(/^(?:not )?ok \d/gm), ['not ok 1', 'not ok 2', 'ok 3']);
	assert.equal(readFileSync(file('r.xml'), 'utf8').match(/<failure /g)?.length, 2);
	assert.equal(statSync(file('r.xml')).mode & 0o777, 0o600);
	const again = await runTinytap([...args, ...reports]);
	assert.equal(again.code, 1);
	assert.match(again.stderr, /r\.xml: .*exists.*\n.*--force/s);
	for (const [option, words] of [
		['xml=a', /--report: expected junit=FILE or tap=FILE, got "xml=a"/],
		['junit=', /--report: expected junit=FILE or tap=FILE, got "junit="/],
	] as const) {
		const wrong = await runTinytap([...args, '--report', option]);
		assert.equal(wrong.code, 2);
		assert.match(wrong.stderr, words);
	}
});

test('a mistake in a script ends it before anything is captured or runs, and its reports say so', async () => {
	const path = recordingOf(sampleTape());
	const script = join(directory.path, 'mistakes.sql');
	const report = join(directory.path, 'mistakes.xml');
	const cases = () => [...readFileSync(report, 'utf8').matchAll(/line="(\d+)".*\n.*<(\w+) message="([^"]*)"/g)];
	for (const [text, line, message] of [
		['SELECT 1;\n.expect rows 1\n', 2, /^\.expect: expected rows or value, .* \[ERR_USAGE\]$/],
		['SELECT 1;\nSELECT 1\n.output x\n;', 3, /^\.output works only at the prompt, not in scripts \[ERR_PROMPT_ONLY\]$/],
		['SELECT 1;\nSELECT idd FROM exchanges;\n', 2, /^unknown column idd.* \[ERR_SQL_NAME\]$/],
		['CREATE VIEW v AS SELECT 1 AS x;\nSELECT y FROM v;\nSELEC x;\n', 3, /^expected a statement such as SELECT/],
	] as const) {
		writeFileSync(script, text);
		const { code, stdout, stderr } = await runTinytap([
			...['run', script, '--replay', path, '--report', `junit=${report}`, '--force'],
		]);
		assert.notEqual(code, 0, text);
		assert.equal(stdout, '', text);
		assert.match(stderr, new RegExp(`^tinytap: error: \\S*mistakes\\.sql:${line}: `), text);
		const [[, at, kind, found] = [], ...others] = cases();
		assert.deepEqual([Number(at), kind, others], [line, 'error', []], text);
		assert.match(found!, message, text);
	}
	// What earlier steps define is not missing. Errors after .bail off do not end the script.
	const defining =
		'CREATE VIEW v AS SELECT 1 AS x;\nSELECT x FROM v;\n.param y 7\nSELECT :y;\n.expect value = 7\n.bail off\nSELECT nope;\n';
	const stdin = await runTinytap(['run', '-', '--replay', path, '--format', 'csv'], { input: defining });
	assert.equal(stdin.code, 1);
	assert.equal(stdin.stdout, 'x\n1\n":y"\n7\n');
	assert.match(stdin.stderr, /error: line 7: |unknown column nope/);
	// Whatever ends a run is in the report.
	writeFileSync(script, 'SELECT 1;\n.expect value = 1\n');
	const missing = join(directory.path, 'missing.tinytap');
	const unread = await runTinytap(['run', script, '--replay', missing, '--report', `junit=${report}`, '--force']);
	assert.equal(unread.code, 1);
	assert.match(cases()[0]![3]!, /^cannot open .*missing\.tinytap: no such file or directory/);
	const lossy = sampleTape();
	lossy.loss(wire.LOSS_RING_FULL, 3n, 4500n);
	const words = ['--replay', recordingOf(lossy), '--strict', '--report', `junit=${report}`, '--force'];
	const strict = await runTinytap(['run', script, ...words]);
	assert.equal(strict.code, 3);
	assert.match(strict.stderr, /^tinytap: the expectation was met$/m);
	assert.match(cases()[0]![3]!, /^3 events were lost/);
	writeFileSync(script, 'SELECT 1;\n.expect value = 2\n');
	assert.equal((await runTinytap(['run', script, ...words])).code, 4, '4 comes before 3');
	assert.deepEqual(
		cases().map(([, , kind]) => kind),
		['failure'],
	);
});

test('with --unsafe a script writes files and reads files anywhere', async () => {
	const below = join(directory.path, 'below');
	mkdirSync(below);
	writeFileSync(join(directory.path, 'shared.sql'), "SELECT 'shared' AS x;\n");
	const out = join(below, 'out.csv');
	writeFileSync(
		join(below, 'writes.sql'),
		`.read ../shared.sql\n.output ${out}\nSELECT 1 AS y;\n.output | sed s/^/piped:/\nSELECT 2 AS z;\n`,
	);
	const run = async (...words: string[]) =>
		await runTinytap(['run', join(below, 'writes.sql'), '--replay', DEMO, '--format', 'csv', '--quiet', ...words]);
	const refused = await run();
	assert.equal(refused.code, 1);
	assert.match(refused.stderr, /ERR_PROMPT_ONLY.*\nhint: If you trust the script: tinytap run --unsafe FILE\./s);
	const { code, stdout, stderr } = await run('--unsafe');
	assert.equal(code, 0, stderr);
	assert.equal(stdout, 'x\n"shared"\npiped:z\npiped:2\n');
	assert.equal(readFileSync(out, 'utf8'), 'y\n1\n');
	assert.equal(statSync(out).mode & 0o777, 0o600);
	assert.match((await run('--unsafe', '--safe')).stderr, /expected --safe or --unsafe, got both/);
});

test('.wait until: a condition that cannot become true any more is an error at once', async () => {
	const path = recordingOf(sampleTape());
	const script = join(directory.path, 'waits.sql');
	const run = async (line: string) => {
		writeFileSync(script, `${line}\n`);
		return await runTinytap(['run', script, '--replay', path, '--quiet']);
	};
	const never = await run(".wait until SELECT count(*) > 0 FROM exchanges WHERE path = '/never' 10m");
	assert.equal(never.code, 1);
	assert.match(
		never.stderr,
		/waits\.sql:1: \.wait until: the condition was still not true when the capture had ended \[ERR_WAIT\]/,
	);
	for (const [line, code, words] of [
		['.wait until SELECT NULL 1ms', 1, /ERR_WAIT/],
		[".wait until SELECT '0'", 1, /ERR_WAIT/],
		[".wait until SELECT '12 of them'", 0, /^$/],
		['.wait until SELECT 1, 0;', 0, /^$/],
		['.wait until SELECT 1; 10m', 0, /^$/],
		['.wait until SELECT NULL 1ms;', 1, /not true (after 1ms|when the capture had ended)/],
		['.wait until SELEC 1', 1, /ERR_SQL_SYNTAX/],
		['.wait until', 2, /expected a statement/],
		['.wait soon', 2, /\.wait: expected a duration/],
	] as const) {
		const { code: got, stderr } = await run(line);
		assert.equal(got, code, `${line}: ${stderr}`);
		assert.match(stderr, words, line);
	}
});

test('.expect compares intervals and milliseconds with durations', async () => {
	const path = recordingOf(sampleTape());
	const run = (sql: string, expectation: string) =>
		runTinytap(['query', '-', '--replay', path, '--quiet'], { input: `${sql};\n.expect value ${expectation}\n` });
	for (const [sql, expectation, code] of [
		["SELECT interval '1.5 s'", '= 1500ms', 0],
		["SELECT interval '1.5 s'", '< 1s', 4],
		["SELECT interval '-1 s'", '< 0s', 0],
		['SELECT 1500', '>= 1.5s', 0],
		['SELECT max(duration_ms) FROM exchanges', '> 1h', 4],
		["SELECT interval '1.5 s'", '> 1', 2],
		['SELECT max(ts) FROM exchanges', '!= 5', 2],
		['SELECT 1', '= soon', 2],
	] as const) {
		const result = await run(sql, expectation);
		assert.equal(result.code, code, `${sql} ${expectation}: ${result.stderr}`);
	}
	assert.match(
		(await run("SELECT interval '1.5 s'", '> 1')).stderr,
		/value is an interval: expected a duration such as 500ms/,
	);
});

test('intervals are the same text in every format', async () => {
	const path = recordingOf(sampleTape());
	const sql =
		"SELECT interval '3 days 04:05:06' AS age, timestamp '2026-11-22 12:56:01' - timestamp '2026-11-22 12:56:02' AS d";
	const print = async (format: string) =>
		(await runTinytap(['query', sql, '--replay', path, '--quiet', '--format', format])).stdout;
	assert.equal(await print('csv'), 'age,d\n"3 days 04:05:06","-00:00:01"\n');
	assert.deepEqual(JSON.parse(await print('json')), [{ age: '3 days 04:05:06', d: '-00:00:01' }]);
	assert.match(await print('table'), /3 days 04:05:06 \| -00:00:01/);
});

test('tail refuses a condition without meaning, and takes intervals', async () => {
	const path = recordingOf(sampleTape());
	const tail = (where: string) =>
		runTinytap(['tail', '--where', where, '--replay', path, '--format', 'csv', '--quiet']);
	const bad = await tail('ts > now() - 300');
	assert.equal(bad.code, 1, bad.stderr);
	assert.match(bad.stderr, /a number cannot be subtracted from a datetime/);
	assert.match(bad.stderr, /interval '300 seconds'/);
	const all = await tail("ts < now() + interval '5 minutes' AND ts > '1970-01-01'");
	const slow = await tail("duration_ms > '1h'");
	assert.equal(all.code, 0, all.stderr);
	assert.ok(all.stdout.split('\n').length > 4, all.stdout);
	assert.equal(slow.stdout.split('\n').length, 2, slow.stdout);
});

test('query runs several statements from stdin, and --strict fails on loss', async () => {
	const tape = sampleTape();
	tape.loss(wire.LOSS_RING_FULL, 3n, 4500n);
	const path = recordingOf(tape);
	const { code, stdout, stderr } = await runTinytap(['query', '-', '--replay', path, '--format', 'ndjson'], {
		input: "SELECT 'a;b' AS x;\nSELECT events, bytes FROM loss WHERE reason = 'ring_full'",
	});
	assert.equal(code, 0, stderr);
	assert.deepEqual(parseRows(stdout), [{ x: 'a;b' }, { events: 3, bytes: 4500 }]);
	assert.doesNotMatch(stderr, /lost/, 'neither result can be affected');
	const strict = await runTinytap(['query', 'SELECT 1', '--replay', path, '--strict']);
	assert.equal(strict.code, 3, strict.stderr);
});

test('each operator of .expect is exact at its boundary, for rows and for the value', async () => {
	const holds: Record<string, readonly number[]> = {
		'=': [5],
		'!=': [4, 6],
		'<': [6],
		'<=': [5, 6],
		'>': [4],
		'>=': [4, 5],
	};
	const lines = Object.keys(holds).flatMap((operator) => [4, 5, 6].map((number) => ({ operator, number })));
	for (const [subject, statement] of [
		['value', 'SELECT 5'],
		['rows', 'VALUES (9), (9), (9), (9), (9)'],
	] as const) {
		const script = join(directory.path, `expect-${subject}.sql`);
		const text = lines.map(({ operator, number }) => `.expect ${subject} ${operator} ${number}`).join('\n');
		writeFileSync(script, `${statement};\n${text}\n`);
		const { code, stderr } = await runTinytap(['run', script, '--replay', DEMO]);
		assert.equal(code, 4, stderr);
		const failed = [...stderr.matchAll(/expected (?:rows|value) (\S+) (\d+), got (?:5 rows|value 5)/g)].map(
			([, operator, number]) => `${operator} ${number}`,
		);
		const wrong = lines.filter(({ operator, number }) => !holds[operator]!.includes(number));
		assert.deepEqual(
			failed,
			wrong.map(({ operator, number }) => `${operator} ${number}`),
		);
	}
});

test('one lost event is reported in the singular', async () => {
	const tape = sampleTape();
	tape.loss(wire.LOSS_FAULT, 1n, 12n);
	const { stderr } = await runTinytap(['query', 'SELECT count(*) FROM exchanges', '--replay', recordingOf(tape)]);
	assert.match(stderr, /^tinytap: 1 event was lost \(12 bytes\): rows may be missing/m);
});

test('a tail says at its end what was lost, and why', async () => {
	const tape = sampleTape();
	tape.loss(wire.LOSS_RING_FULL, 3n, 4500n);
	tape.loss(wire.LOSS_EXCLUDED, 7n, 70n);
	const path = recordingOf(tape);
	const sentence = '3 events were lost (4500 bytes; loss: ring_full 3): rows may be missing or incomplete';
	const tail = await runTinytap(['tail', '--replay', path, '--quiet', '--format', 'ndjson']);
	assert.deepEqual([tail.code, tail.stderr], [0, `tinytap: ${sentence}\n`]);
	const strict = await runTinytap(['tail', '--replay', path, '--format', 'ndjson', '--strict']);
	assert.equal(strict.code, 3);
	assert.equal(strict.stderr.split(sentence).length, 2, strict.stderr);
	const unaffected = await runTinytap(['tail', '--replay', recordingOf(sampleTape()), '--quiet', '--format', 'csv']);
	assert.deepEqual([unaffected.code, unaffected.stderr], [0, '']);
});

test('rows that a tail could not look at before they were evicted count as not printed', async () => {
	const path = recordingOf(sampleTape());
	for (const strict of [[], ['--strict']]) {
		const tail = await runTinytap([
			...['tail', '--replay', path, '--format', 'ndjson', '--columns', 'id', '--max-rows', '5', ...strict],
		]);
		assert.deepEqual(
			parseRows(tail.stdout).map(({ id }) => id),
			[19, 20, 21, 22, 23],
		);
		assert.match(tail.stderr, /^tinytap: 18 rows could not be printed in time \(loss: output_dropped\)$/m);
		assert.equal(tail.code, strict.length === 0 ? 0 : 3);
		if (strict.length > 0) assert.match(tail.stderr, /18 events were lost \(0 bytes; loss: output_dropped 18\)/);
		else assert.doesNotMatch(tail.stderr, /were lost/);
	}
});

test('the message about missing rows is below the first result that it may affect, and below no other', async () => {
	const tape = sampleTape();
	tape.loss(wire.LOSS_RING_FULL, 3n, 4500n);
	const path = recordingOf(tape);
	const sentence = /^tinytap: 3 events were lost \(4500 bytes\): rows may be missing or incomplete/gm;
	const told = async (...statements: string[]) => {
		const { code, stderr } = await runTinytap(['--replay', path, '--format', 'csv'], {
			input: statements.map((statement) => `${statement};\n`).join(''),
		});
		assert.equal(code, 0, stderr);
		return [...stderr.matchAll(sentence)].length;
	};
	const affected = [
		'SELECT count(*) FROM exchanges',
		'SELECT 1 WHERE EXISTS (SELECT * FROM headers)',
		'WITH c AS (SELECT * FROM connections) SELECT * FROM c',
		'SELECT id FROM exchanges UNION SELECT 1',
		'CREATE TEMP TABLE t AS SELECT * FROM events',
		'SELECT (SELECT max(id) FROM inflight)',
		'SELECT * FROM blind_spots',
	];
	for (const statement of affected) {
		assert.equal(await told('SELECT 1', statement, statement.replace(' t AS', ' u AS')), 1, statement);
	}
	assert.equal(await told('CREATE VIEW v AS SELECT * FROM exchanges', 'SELECT 1 FROM v LIMIT 1'), 1);
	const unaffected = [
		'SELECT 1',
		'SELECT * FROM loss',
		'EXPLAIN SELECT * FROM exchanges',
		'DESCRIBE exchanges',
		'CREATE VIEW v AS SELECT * FROM exchanges',
		"SELECT 'exchanges'",
	];
	assert.equal(await told(...unaffected), 0);
});

test('a piped shell runs statements without prompts and fails with the first error', async () => {
	const path = recordingOf(sampleTape());
	const { code, stdout, stderr } = await runTinytap(['--replay', path, '--format', 'csv'], {
		input: 'SELECT count(*) AS n\nFROM exchanges;\n.tables\nSELECT nope;\nSELECT 2 AS never;\n',
	});
	assert.equal(code, 1);
	assert.match(stdout, /^n\r?\n23\r?\nexchanges\n/);
	assert.doesNotMatch(stdout, /never|tinytap>/);
	assert.match(stderr, /nope/);
});

test('nothing in SQL reaches files, code or the captured tables', async () => {
	const path = recordingOf(sampleTape());
	const attacks = [
		"SELECT * FROM CSV('/etc/passwd', {headers:false})",
		`SELECT * INTO CSV('${join(directory.path, 'attack.csv')}') FROM exchanges`,
		"SOURCE '/etc/passwd'",
		'CREATE FUNCTION f AS ``function(){return 1}``',
		"SELECT a->split('')->map('x') FROM exchanges",
		'DELETE FROM exchanges',
		'UPDATE exchanges SET path = 1',
		'INSERT INTO exchanges VALUES (1)',
		'DROP TABLE exchanges',
		'USE __proto__',
		'CREATE TABLE constructor (a INT)',
		`ATTACH FILESTORAGE DATABASE x('${join(directory.path, 'attack.csv')}')`,
		'WHILE 1=1 SELECT 1',
	];
	for (const sql of attacks) {
		const { code, stdout, stderr } = await runTinytap(['query', sql, '--replay', path]);
		assert.equal(code, 1, `${sql}: ${stdout}`);
		assert.match(stderr, /^tinytap: error: .*\[ERR_SQL_[A-Z_]+\]$/m, sql);
		assert.doesNotMatch(stderr, /^\s+at /m, sql);
	}
	assert.throws(() => readFileSync(join(directory.path, 'attack.csv')), { code: 'ENOENT' });
});

test('formats meant for sharing are redacted, row formats are not', async () => {
	const tape = new Tape();
	const server = tape.server(1, { local: '127.0.0.1:80', remote: '127.0.0.1:4000' }).open();
	server.in('GET /a?token=s3cretquery HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer s3cretheader\r\n\r\n');
	server.out('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
	const path = recordingOf(tape);
	const secrets = /s3cretquery|s3cretheader/;
	for (const format of ['har', 'html']) {
		const shared = await runTinytap([
			'query',
			'SELECT id, url, req_headers FROM exchanges',
			'--replay',
			path,
			'--format',
			format,
		]);
		assert.equal(shared.code, 0, shared.stderr);
		assert.doesNotMatch(shared.stdout, secrets, format);
		assert.match(shared.stdout, /shop/, format);
		const open = await runTinytap([
			'query',
			'SELECT id, url, req_headers FROM exchanges',
			'--replay',
			path,
			'--format',
			format,
			'--no-redact',
		]);
		assert.match(open.stdout, secrets, format);
	}
	const archive = await runTinytap(['query', 'SELECT id FROM exchanges', '--replay', path, '--format', 'har']);
	assert.equal((JSON.parse(archive.stdout) as { log: { entries: unknown[] } }).log.entries.length, 1);
	const curl = await runTinytap(['--replay', path], { input: '.curl 1\n' });
	assert.match(curl.stdout, /^curl .*--url 'http:\/\/shop\/a\?token=/m);
	assert.doesNotMatch(curl.stdout, secrets);
	const rows = await runTinytap(['query', 'SELECT url FROM exchanges', '--replay', path, '--format', 'csv']);
	assert.match(rows.stdout, /s3cretquery/);
});

test('with --redact nothing has secrets: no format, no expression, no command; html has none in expressions either', async () => {
	const tape = new Tape();
	const server = tape.server(1, { local: '127.0.0.1:80', remote: '127.0.0.1:4000' }).open();
	server.in('GET /a?token=s3cretquery HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer s3cretheader\r\n\r\n');
	server.out('HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n{"password":"s3cretbody"}');
	tape
		.server(2, { local: '127.0.0.1:80', remote: '127.0.0.1:4001' })
		.open()
		.in('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
		.in(settings());
	const path = recordingOf(tape);
	const computed =
		"SELECT id, upper(url), substr(req_headers->>'authorization', 8) AS part, upper(res_body) FROM exchanges";
	const input = ['csv', 'line', 'json', 'har', 'html']
		.flatMap((mode) => [`.mode ${mode}`, `${computed};`])
		.concat(
			'.show',
			'.conn',
			'.diff 1 1',
			'.curl',
			"SELECT 'se' || 'en' AS x FROM exchanges WHERE url LIKE '%s3cret%';",
		)
		.join('\n');
	const columns = ['--columns', "upper(url), substr(req_headers->>'authorization', 8)", '--replay', path];
	const [redacted, html, open, ...tails] = await Promise.all([
		runTinytap(['--replay', path, '--redact'], { input: `${input}\n` }),
		runTinytap(['query', computed, '--replay', path, '--format', 'html']),
		runTinytap(['query', computed, '--replay', path, '--format', 'csv']),
		runTinytap(['tail', ...columns, '--redact']),
		runTinytap(['tail', ...columns, '--format', 'html']),
	]);
	for (const { stdout } of tails) {
		assert.match(stdout, /REDACTED-12-/);
		assert.doesNotMatch(stdout, /s3cret/i);
	}
	assert.equal(redacted.code, 0, redacted.stderr);
	assert.doesNotMatch(redacted.stdout, /s3cret/i);
	assert.doesNotMatch(redacted.stdout, /seen/);
	assert.match(redacted.stdout, /^ +part: REDACTED-12-[0-9a-f]{8}$/m);
	assert.doesNotMatch(html.stdout, /s3cret/i);
	assert.match(open.stdout, /S3CRETQUERY.*s3cretheader.*S3CRETBODY/s);
	const kept = join(directory.path, 'redacted.tinytap');
	const packed = join(directory.path, 'packed.tinytap');
	const [recorded, compressed] = await Promise.all([
		runTinytap(['record', kept, '--redact', '--replay', path]),
		runTinytap([
			'record',
			packed,
			'--redact',
			'--compress',
			'--where',
			"path = '/a' OR path = 's3cret'",
			'--replay',
			path,
		]),
	]);
	assert.equal(recorded.code, 0, recorded.stderr);
	assert.equal(compressed.code, 0, compressed.stderr);
	assert.doesNotMatch(recorded.stderr, /left out/);
	for (const bytes of [readFileSync(kept), gunzipSync(readFileSync(packed))]) {
		assert.match(bytes.toString('latin1'), /"redacted":"yes"/);
		assert.match(
			bytes.toString('latin1'),
			/GET \/a\?token=[0-9a-f]{11} HTTP\/1\.1\r\nHost: shop\r\nAuthorization: Bearer [0-9a-f]{12}\r\n/,
		);
		assert.match(bytes.toString('latin1'), /\{"password":"[0-9a-f]{10}"\}/);
		assert.doesNotMatch(bytes.toString('latin1').replace("path = 's3cret'", ''), /s3cret/i);
	}
	const [row] = rowsOfRecording(kept);
	assert.deepEqual([row!.state, row!.path, row!.status, row!.resBodyBytes], ['complete', '/a', 200, 25]);
});

test('.show prints a note in place of a body that is not held, and a body that is held whole', async () => {
	const tape = new Tape();
	const server = tape.server(1, { local: '127.0.0.1:80', remote: '127.0.0.1:4000' }).open();
	const body = Array.from({ length: 1400 }, (_, line) => `line ${line} of a text that is held whole`)
		.join('\n')
		.slice(0, 51200);
	server.in('GET /file HTTP/1.1\r\nHost: shop\r\n\r\n');
	server.out('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 51200\r\n\r\n').sendfile(51200);
	server.in('GET /text HTTP/1.1\r\nHost: shop\r\n\r\n');
	server.out(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 51200\r\n\r\n${body}`, {
		syscall: wire.SYSCALL_WRITEV,
	});
	const path = recordingOf(tape);
	const file = await runTinytap(['--replay', path], { input: '.show 1\n' });
	assert.match(file.stdout, /Content-Length: 51200\n\nbody: 51200 bytes via sendfile — content not captured\n$/);
	const text = await runTinytap(['--replay', path], { input: '.show 2\n' });
	assert.ok(text.stdout.includes(`\n\n${body}`), text.stdout.slice(0, 500));
	assert.doesNotMatch(text.stdout, /body: /);
});

test('files and pipes may begin with a byte order mark and have CRLF line ends; text constants stay as they are', async () => {
	const recording = recordingOf(sampleTape());
	const text = "SELECT count(*) AS n,\n 'a\u2028b\rc' AS x -- all\nFROM exchanges;\n.expect value = 23\n";
	const bodies = [`.mode json\n${text}`, text, `-- first\n${text}`].map(
		(each) => `\ufeff${each.replaceAll('\n', '\r\n')}`,
	);
	for (const [index, input] of bodies.entries()) {
		const path = join(directory.path, `marked-${index}.sql`);
		writeFileSync(path, input);
		const runs = [
			await runTinytap(['run', path, '--replay', recording, '--format', 'json']),
			await runTinytap(['query', '-', '--replay', recording, '--format', 'json'], { input }),
			await runTinytap(['--replay', recording, '--format', 'json'], { input }),
		];
		for (const { code, stdout, stderr } of runs) {
			assert.equal(code, 0, stderr);
			assert.deepEqual(JSON.parse(stdout), [{ n: 23, x: 'a\u2028b\rc' }]);
		}
	}
});

test('a recording is replayed with the body limit of its capture, unless another is given', async () => {
	const length = 200_000;
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const server = tape.server(1, { local: '127.0.0.1:80', remote: '127.0.0.1:4000' }).open();
	server.in('GET /long HTTP/1.1\r\nHost: shop\r\n\r\n');
	server.out(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n${'x'.repeat(length)}`);
	const held = async (meta: RecordingMeta, ...options: string[]) => {
		const sql = 'SELECT res_captured_bytes AS held, res_body_note AS note FROM exchanges';
		const path = recordingOf(tape, meta);
		const { stdout, stderr } = await runTinytap(['query', sql, '--replay', path, '--format', 'ndjson', ...options]);
		const [row] = parseRows(stdout);
		assert.ok(row !== undefined, stderr);
		const cut = row.held === length ? null : `body: first ${row.held} of ${length} bytes (body limit)`;
		if (row.held !== 0) assert.equal(row.note, cut);
		return row.held;
	};
	assert.equal(await held({}), 65_536, 'earlier versions did not record it');
	assert.equal(await held(bodyLimitMeta(100_000)), 100_000);
	assert.equal(await held(bodyLimitMeta(23)), 23);
	assert.equal(await held(bodyLimitMeta(0)), 0);
	assert.equal(await held(bodyLimitMeta(Number.POSITIVE_INFINITY)), length);
	assert.equal(await held(bodyLimitMeta(23), '--body-limit', '64KiB'), 65_536);
	assert.equal(await held(bodyLimitMeta(23), '--body-limit', 'none'), length);
	assert.equal(await held(bodyLimitMeta(Number.POSITIVE_INFINITY), '--body-limit', '24'), 24);
});
