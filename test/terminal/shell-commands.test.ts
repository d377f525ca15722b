// The commands of the shell, as users of other shells type them, in a real terminal over the bundled recording.
import assert from 'node:assert/strict';
import {
	chmodSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { openTerminal, PROMPT } from '../../support/terminal.ts';
import { CLI, parseRows, runTinytap, TINYTAP } from '../../support/tinytap.ts';
import { DEMO, enter, promptOf, SHELL } from '../../support/typing.ts';

const atPrompt = promptOf({ columns: 100, rows: 50 });

test('commands as psql, sqlite3 and mysql write them work, with or without a semicolon', async () => {
	await atPrompt(async (terminal) => {
		await enter(terminal, '.pager off', '.mode csv', '\\dt');
		await terminal.shows(/^blind_spots$/);
		await enter(terminal, 'SHOW TABLES;', '\\d loss;');
		await terminal.shows(/^blind_spots$/, 2);
		await terminal.shows(/^ {2}last_ts /);
		await enter(terminal, 'PRAGMA table_info(loss);');
		await terminal.shows(/^ {2}last_ts /, 2);
		await enter(terminal, 'SELECT 12 AS n \\g');
		await terminal.shows(/^n\n12$/);
		await enter(terminal, '\\gx', "SELECT 'a' AS", 'letter\\G');
		await terminal.shows(/^ *n[:=| ]+12$/);
		await terminal.shows(/^ *letter[:=| ]+a$/);
		await enter(terminal, '\\timing', '\\timing', '\\timing on;');
		await terminal.shows(/^timer is on\n.*\ntimer is off\n.*\ntimer is on$/);
		await enter(terminal, 'help;');
		await terminal.shows('.schema [TABLE]');
		await enter(terminal, '\\timming');
		await terminal.shows('there is no command \\timming');
		await enter(terminal, 'SELECT 2 +', '\\dd', '\\d loss', '3 AS sum;');
		const screen = await terminal.shows(/^sum\n5$/);
		assert.match(screen, /there is no command \\dd/);
		await enter(terminal, 'tail');
		await terminal.shows('hint: commands begin with a dot: .tail');
		await enter(terminal, 'SELECT', 'quit');
		await terminal.shows('the statement above is still open: ; ends it');
		await terminal.press('C-c');
		await enter(terminal, 'exit();');
		await terminal.shows('[ended 0]');
	});
});

test('.help fits the screen, groups the commands and works inside an open statement', async () => {
	await atPrompt(
		async (terminal) => {
			await enter(terminal, '.pager off', '.mode csv', 'SELECT', '.help', '7 AS n;');
			const screen = await terminal.shows(/^n\n7$/);
			assert.match(screen, /^Capture\n {2}\.capture/m);
			assert.match(screen, /^ +e\.g\. \.schema exchanges; also \\d TABLE/m);
			const lines = screen.slice(screen.indexOf('.help\n')).split('\n');
			for (const line of lines) assert.ok(line.length < 80, line);
			await enter(terminal, '.help capture');
			await terminal.shows('.pause ', 2);
			// What is longer than the screen goes through the pager.
			await enter(terminal, '.pager on', '.help');
			await terminal.shows(/^SQL statements end with ;.*\n(.*\n)*:$/);
			await terminal.press('G');
			await terminal.shows(/\.help functions, keywords and errors[^.]*\.\n\(END\)$/);
			await terminal.type('q');
			await enter(terminal, '.help ERR_SAFE');
			await terminal.shows('Start tinytap without --safe.');
			await enter(terminal, '\\? time_bucket');
			await terminal.shows('start of the interval');
			await enter(terminal, 'help exchnges');
			await terminal.shows('Did you mean exchanges?');
		},
		{ columns: 80, rows: 24 },
	);
});

function newFolder(): string {
	const folder = mkdtempSync(join(tmpdir(), 'tinytap-commands-'));
	chmodSync(folder, 0o755);
	return folder;
}

test('.output and .once write results to new files of the user, 0600, never through a link or over a file', async () => {
	const folder = newFolder();
	const kept = join(folder, 'kept');
	writeFileSync(kept, 'as it was\n');
	symlinkSync(join(folder, 'target'), join(folder, 'link'));
	await atPrompt(async (terminal) => {
		await enter(terminal, '.mode csv', `.output ${folder}/all.csv`);
		await terminal.shows(/^results go to \S*all\.csv; \.output off ends this$/);
		await enter(terminal, 'SELECT 1 AS a;', '.print among results', 'SELECT 2 AS b;', '\\o', 'SELECT 3 AS c;');
		await terminal.shows(/^c\n3$/);
		await enter(terminal, `.once "${folder}/one result.json"`, '.mode json', 'SELECT 4 AS d;', 'SELECT 5 AS e;');
		await terminal.shows(/^\[?\{"e":5\}\]?$/);
		await enter(terminal, `SELECT 6 AS f \\g ${folder}/six.json`, "SELECT 'seven' AS g;");
		await terminal.shows(/"seven"/);
		for (const [index, name] of ['kept', 'link'].entries()) {
			await enter(terminal, `.output ${folder}/${name}`);
			await terminal.shows(/ERR_FILE_EEXIST/, index + 1);
		}
		await enter(terminal, `.once --force ${folder}/kept`, 'SELECT 8 AS h;', 'SELECT 9 AS i;');
		await terminal.shows(/"i":9/);
		assert.doesNotMatch(await terminal.screen(), /"[adfh]":|^2$/m);
	});
	const read = (name: string) => readFileSync(join(folder, name), 'utf8').replaceAll('\r', '');
	assert.equal(read('all.csv'), 'a\n1\namong results\nb\n2\n');
	assert.deepEqual(JSON.parse(read('one result.json')), [{ d: 4 }]);
	assert.deepEqual(JSON.parse(read('six.json')), [{ f: 6 }]);
	assert.deepEqual(JSON.parse(read('kept')), [{ h: 8 }]);
	assert.equal(existsSync(join(folder, 'target')), false);
	for (const name of ['all.csv', 'one result.json', 'six.json'])
		assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
});

test('.export writes exchanges, whole or not at all, in the format that the file says', async () => {
	const folder = newFolder();
	const read = (name: string) => readFileSync(join(folder, name), 'utf8');
	writeFileSync(join(folder, 'kept.csv'), 'as it was\n');
	writeFileSync(join(folder, 'script.sql'), `.export ${folder}/from-script.csv\n`);
	await atPrompt(async (terminal) => {
		await enter(terminal, '.param least 400', `.export ${folder}/errors.har WHERE status >= :least`);
		await terminal.shows(/^10 exchanges written to \S*\/errors\.har$/);
		await enter(terminal, `.export ${folder}/all.jsonl`, `.export --format curl "${folder}/one by one" WHERE id = 3;`);
		await terminal.shows(/^56 exchanges written to \S*\/all\.jsonl$/);
		await terminal.shows(/^1 exchange written to \S*\/one by one$/);
		await enter(terminal, `.report ${folder}/errors.html WHERE status >= :least`);
		await terminal.shows(/^10 exchanges written to \S*\/errors\.html$/);
		await enter(terminal, `.export ${folder}/kept.csv`);
		await terminal.shows(/kept\.csv: it already exists \[ERR_FILE_EEXIST\]\nhint: .*--force/);
		await enter(terminal, `.export ${folder}/bad.csv WHERE staus = 1`);
		await terminal.shows(/unknown column staus \[ERR_SQL_NAME\]\n {2}staus = 1\n {2}\^/);
		await enter(terminal, `.read ${folder}/script.sql`);
		await terminal.shows(/\.export works only at the prompt, not in scripts/);
		// Ctrl-C in a condition that takes hours.
		const pairs = Array.from('abcdefgh', (name) => `exchanges ${name}`).join(', ');
		for (const options of [`${folder}/long.csv`, `--force ${folder}/kept.csv`]) {
			await enter(terminal, `.export ${options} WHERE id > 0 AND (SELECT count(*) FROM ${pairs}) > 0`);
			await eventually(
				() => readdirSync(folder).some((name) => /^long|^\.tinytap/.test(name)) || undefined,
				() => 'the export has not begun',
			);
			await terminal.press('C-c');
			await eventually(
				() => !readdirSync(folder).some((name) => /^long|^\.tinytap/.test(name)) || undefined,
				() => 'a part of the export is left',
			);
		}
		await terminal.shows(/the export was cancelled, and \S* was not written \[ERR_INTERRUPTED\]/, 2);
		await enter(terminal, `.export --force ${folder}/kept.csv WHERE id <= 2`);
		await terminal.shows(/^2 exchanges written to \S*\/kept\.csv$/);
		await enter(terminal, `.export --keep-bodies "status = 201" ${folder}/bodies.ndjson`);
		await terminal.shows(/^56 exchanges written to \S*\/bodies\.ndjson$/);
		// A binary format needs a file of its own.
		await enter(terminal, `.once ${folder}/x.parquet`, '.mode parquet', 'SELECT 1 AS a;');
		await terminal.shows(/expected the format parquet for results in \S*x\.parquet, got auto/);
		await terminal.shows(/expected a file or a pipe for results in the format parquet, .* got a terminal/);
		await enter(terminal, `.output ${folder}/x.parquet`, 'SELECT 1 AS a;', 'SELECT 2 AS b;');
		await terminal.shows(/expected one result in the format parquet and nothing else in a file or pipe/);
	});
	assert.match(read('x.parquet'), /^PAR1[\s\S]*PAR1$/);
	const bodies = parseRows(read('bodies.ndjson'));
	const kept = bodies.filter(({ res_body: body }) => body !== null && body !== '');
	assert.deepEqual([...new Set(kept.map(({ status }) => status))], [201]);
	assert.match(String(bodies[0]!.res_body_note), /^body: 47 bytes left out by --keep-bodies$/);
	assert.equal(JSON.parse(read('errors.har')).log.entries.length, 10);
	assert.equal(read('all.jsonl').trimEnd().split('\n').length, 56);
	assert.match(read('one by one'), /^# exchange 3\ncurl .*\/manual\.txt'/m);
	assert.match(read('kept.csv'), /^id,.*\n1,[\s\S]*\n2,/);
	assert.match(read('errors.html'), /^<!DOCTYPE html>[\s\S]*<\/html>\n$/);
	const names = [
		'all.jsonl',
		'bodies.ndjson',
		'errors.har',
		'errors.html',
		'kept.csv',
		'one by one',
		'script.sql',
		'x.parquet',
	];
	assert.deepEqual(readdirSync(folder).sort(), names);
});

test('with --safe no command reads or writes a file that it names, and queries of the working directory are ignored', async () => {
	const folder = newFolder();
	mkdirSync(join(folder, '.tinytap/queries'), { recursive: true });
	writeFileSync(join(folder, '.tinytap/queries/stranger.sql'), "SELECT 'from ' || 'a stranger';\n");
	writeFileSync(join(folder, 'script.sql'), "SELECT 'from ' || 'a script';\n");
	const refused = [
		...[
			'.read script.sql',
			'\\i script.sql',
			'.output a.csv',
			'\\o a.csv',
			'.once a.csv',
			'.once | cat',
			'.export a.har',
			'.report a.html',
		],
		...[
			`.open ${DEMO}`,
			'SELECT 1 \\g a.csv',
			'SELECT 1 \\g | cat',
			'.show 1 --save a.txt',
			'.record start a.tinytap',
			'\\e',
		],
	];
	const [first, ...rest] = SHELL.split(' ');
	await atPrompt(
		async (terminal) => {
			await enter(terminal, ...refused);
			await terminal.shows(/ is refused with --safe \[ERR_SAFE\]/, refused.length);
			// The key that does the same. The pager starts no programs: it has no command !.
			await terminal.press('C-x');
			await terminal.press('C-e');
			await terminal.shows(/ is refused with --safe \[ERR_SAFE\]/, refused.length + 1);
			await enter(terminal, 'SELECT path FROM exchanges WHERE id = 1;', '.last');
			await terminal.shows('pager got LESSSECURE=1');
			await enter(terminal, '.run stranger');
			await terminal.shows(/\[ERR_NO_QUERY\]/);
			await enter(terminal, "ATTACH 'x.db' AS x;");
			await terminal.shows('ATTACH is refused with --safe [ERR_SAFE]');
			await enter(terminal, '.show 1', "SELECT 'still ' || 'here' AS x;");
			const screen = await terminal.shows('still here');
			assert.doesNotMatch(screen, /from a (stranger|script)/);
		},
		{
			shell: `env --chdir=${folder} PAGER='echo "pager got LESSSECURE=$LESSSECURE" #' ${first} ${rest.join(' ')} --safe`,
			rows: 200,
		},
	);
	assert.deepEqual(readdirSync(folder).sort(), ['.tinytap', 'script.sql']);
	const both = await runTinytap(['run', 'x.js', '--safe', '--unsafe', '--replay', DEMO]);
	assert.match(both.stderr, /expected --safe or --unsafe, got both \[ERR_USAGE\]/);
});

test('a command gets results; one that stops reading is not an error, and Ctrl-C ends it but not the shell', async () => {
	await atPrompt(async (terminal) => {
		await enter(terminal, '.mode csv', '.once | tr a-z A-Z', "SELECT 'loud' AS word;");
		await terminal.shows(/^"?LOUD"?$/);
		await enter(terminal, "SELECT 'b' AS x UNION ALL SELECT 'a' \\g | sort -r | head -1");
		await terminal.shows(/^x$/);
		await enter(terminal, '.output | head -1', 'SELECT * FROM headers;', 'SELECT 1 + 1 AS two;', 'SELECT 7 AS n;');
		await terminal.shows('| head -1 has ended; results go to the screen again');
		await terminal.shows(/^n\n7$/);
		await enter(terminal, '.once | cat > /dev/null; echo begun; sleep 100', 'SELECT 1;');
		await terminal.shows(/^begun$/);
		await terminal.press('C-c');
		await enter(terminal, "SELECT 'still ' || 'here' AS x;");
		const screen = await terminal.shows('still here');
		assert.doesNotMatch(screen, /error/);
		await enter(terminal, '\\! id');
		await terminal.shows(/\\! is refused: .*\n?.*starts\s+only/);
		// The prompt can still edit lines.
		await terminal.type('SELECT 12 + 3 AS sumx');
		await terminal.press('BSpace');
		await enter(terminal, ';');
		await terminal.shows(/^sum\n15$/);
		// A program that still runs when the shell is left gets all results.
		const sorted = join(newFolder(), 'sorted');
		await enter(terminal, `.output | sort > ${sorted}; sleep 1`, 'SELECT 2 AS b;', 'SELECT 1 AS a;', '.quit');
		await terminal.shows('[ended 0]');
		assert.equal(readFileSync(sorted, 'utf8').replaceAll('\r', ''), '1\n2\na\nb\n');
	});
	// A signal does not wait for such a program.
	await atPrompt(async (terminal) => {
		const file = join(newFolder(), 'pid');
		await enter(terminal, `.output | echo $PPID > ${file}; sleep 100`, 'SELECT 1;');
		const pid = await eventually(
			async () => Number(existsSync(file) && readFileSync(file, 'utf8')) || undefined,
			() => 'the program did not start',
		);
		process.kill(pid, 'SIGTERM');
		await terminal.shows('[ended 0]');
	});
});

test('.read runs a file; a file that it reads is relative to it, and a script reads only files in its directory and below', async () => {
	const folder = newFolder();
	mkdirSync(join(folder, 'below'));
	writeFileSync(
		join(folder, 'first.sql'),
		".print 'first begins'\n.read below/second.sql\nSELECT 'first ' || 'ends' AS x;\n",
	);
	writeFileSync(join(folder, 'below/second.sql'), "SELECT 'in the ' || 'second' AS y;\n");
	writeFileSync(join(folder, 'endless.sql'), '.read endless.sql\n');
	writeFileSync(join(folder, 'wrong.sql'), 'SELECT 1 AS one;\n\nSELECT nonsense\nFROM exchanges;\nSELECT 2 AS two;\n');
	writeFileSync(join(folder, 'below/out.sql'), '.read ../first.sql\n');
	const writing = [
		`.output ${folder}/written`,
		`SELECT 1 \\g ${folder}/written`,
		`SELECT 1 \\g | touch ${folder}/written`,
		`.show 3 --save ${folder}/written`,
		'.set maxrows 3 --save',
	];
	for (const [index, line] of writing.entries()) writeFileSync(join(folder, `writes-${index}.sql`), `${line}\n`);
	symlinkSync('/etc/passwd', join(folder, 'link.sql'));
	writeFileSync(join(folder, 'follows.sql'), '.read link.sql\n');
	await atPrompt(async (terminal) => {
		await enter(terminal, '.mode csv', `.read ${folder}/first.sql`);
		const screen = await terminal.shows('first ends');
		assert.match(screen, /first begins\ny\n"?in the second"?\nx\n"?first ends"?/);
		await enter(terminal, `\\i ${folder}/endless.sql`);
		await terminal.shows('at most 16 deep');
		await enter(terminal, `.read ${folder}/wrong.sql`);
		await terminal.shows(/wrong\.sql:3: unknown column nonsense/);
		await terminal.shows(/^ +SELECT nonsense\n +\^/);
		await enter(terminal, '.bail off', '.echo on', `.read ${folder}/wrong.sql`);
		await terminal.shows(/^SELECT 2 AS two;\ntwo\n2$/);
		await terminal.shows('1 statement or command failed');
		await enter(terminal, '.bail on', `.read ${folder}/below/out.sql`);
		await terminal.shows('expected a file in');
		for (const index of writing.keys()) {
			await enter(terminal, `.read ${folder}/writes-${index}.sql`);
			await terminal.shows(/works only at the prompt/, index + 1);
		}
		await enter(terminal, `.read ${folder}/follows.sql`);
		await terminal.shows(/cannot open|ELOOP|not a regular file/);
		assert.doesNotMatch(await terminal.screen(), /root:/);
	});
	assert.equal(existsSync(join(folder, 'written')), false);
	const script = await runTinytap(['run', join(folder, 'first.sql'), '--replay', DEMO, '--format', 'csv']);
	assert.match(script.stdout, /in the second/);
});

test('with .bail off a script continues after an error, and fails at its end', async () => {
	const input = '.bail off\nSELECT 1 AS one;\nSELECT nonsense;\n.nonsense\n.echo on\nSELECT 2 AS two;\n';
	const ended = await runTinytap(['--replay', DEMO, '--format', 'csv'], { input });
	assert.equal(ended.code, 1);
	assert.equal(ended.stdout.replaceAll('\r', ''), 'one\n1\ntwo\n2\n');
	assert.match(
		ended.stderr,
		/nonsense[\s\S]*there is no command \.nonsense[\s\S]*SELECT 2 AS two;\n[\s\S]*2 statements or commands failed/,
	);
	const stopped = await runTinytap(['--replay', DEMO, '--format', 'csv'], { input: input.replace('.bail off\n', '') });
	assert.doesNotMatch(stopped.stdout, /two/);
});

test('.status and .doctor answer at the prompt', async () => {
	await atPrompt(
		async (terminal) => {
			await enter(terminal, '.status');
			await terminal.shows(/^ {2}results +go to the screen$/);
			const screen = await terminal.screen();
			for (const line of [
				/^ {2}source +the recording \S*demo/m,
				/^ {2}rows +56, of which 56 are kept$/m,
				/^ {2}loss +none$/m,
			])
				assert.match(screen, line);
			await enter(terminal, '.doctor');
			await terminal.shows(/Live capture is (not )?possible/);
		},
		{ columns: 120, rows: 40 },
	);
});

test('three lines greet: what is open, how to get help, and things to try that give a result', async () => {
	await atPrompt(
		async (terminal) => {
			const screen = await terminal.shows(/^Try: /);
			const lines = screen.split('\n').slice(0, 4);
			assert.match(lines[0] ?? '', /^tinytap: replaying /);
			assert.match(lines[1] ?? '', /^tinytap \S+: .*\.help/);
			assert.match(lines[3] ?? '', PROMPT, 'the three lines fit 80 columns');
			const [first = '', show = ''] = lines[2]?.replace('Try: ', '').split('   ') ?? [];
			await enter(terminal, '.mode csv', first);
			await terminal.shows(/,50[0-9],/);
			await enter(terminal, show);
			await terminal.shows(/^exchange \d+ /);
		},
		{
			shell: `sh -c 'cd ${join(CLI, '../..')} && exec ${TINYTAP.join(' ')} --replay recordings/demo.tinytap'`,
			columns: 80,
			rows: 24,
		},
	);
});

test('the configuration gives settings, .set --save writes it, and rc.sql runs first; errors in it do not end the shell', async () => {
	const folder = newFolder();
	const directory = join(folder, 'tinytap');
	mkdirSync(directory);
	const config = join(directory, 'config.toml');
	writeFileSync(config, '# mine\nmode = "csv"\nmaxrows = 7 # few\n\n[options]\nbody-limit = "1KiB"\n');
	writeFileSync(
		join(directory, 'rc.sql'),
		"SELECT 'from ' || 'rc' AS x;\nSELECT nonsense;\n.nullvalue nothing\nSELECT NULL AS y;\n",
	);
	const shell = `env XDG_CONFIG_HOME=${folder} ${SHELL}`;
	await atPrompt(
		async (terminal) => {
			const screen = await terminal.shows(/^y\n/);
			assert.match(screen, /^x\n"?from rc"?$/m);
			assert.match(screen, /rc\.sql:2: unknown column nonsense/);
			await enter(terminal, '.set maxrows');
			await terminal.shows(/^7$/);
			await enter(terminal, '.set maxrows 11 --save', '.set timezone local --save', '.set width 0 40 --save');
			await terminal.shows(/^saved in \S*config\.toml$/, 3);
			await enter(terminal, '.set maxrows many --save');
			await terminal.shows('maxrows: expected a whole number');
		},
		{ shell },
	);
	assert.equal(
		readFileSync(config, 'utf8'),
		'# mine\nmode = "csv"\nmaxrows = 11\n\ntimezone = "local"\nwidth = [ 0, 40 ]\n[options]\nbody-limit = "1KiB"\n',
	);
	// Ctrl-C ends the wait or statement in that file, not the shell.
	writeFileSync(
		join(directory, 'rc.sql'),
		"SELECT 'rc ' || 'begins' AS x;\n.wait 100s\nSELECT 'rc ' || 'ends' AS x;\n",
	);
	const terminal = await openTerminal(shell, { columns: 100, rows: 50 });
	try {
		await terminal.shows('rc begins');
		await terminal.press('C-c');
		await terminal.shows(PROMPT);
		await enter(terminal, "SELECT 'still ' || 'here' AS y;");
		assert.doesNotMatch(await terminal.shows('still here'), /rc ends/);
	} finally {
		await terminal.close();
	}
	// Scripts do not depend on the file, except for its options.
	const env = { ...process.env, XDG_CONFIG_HOME: folder };
	const script = await runTinytap(
		['query', 'SELECT max(res_captured_bytes) AS n FROM exchanges', '--replay', DEMO, '--format', 'json'],
		{ env },
	);
	assert.deepEqual(JSON.parse(script.stdout), [{ n: 1024 }], script.stderr);
	writeFileSync(config, 'mode = "csv"\nmaxrow = 3\n');
	const wrong = await runTinytap(['query', 'SELECT 1', '--replay', DEMO], { env });
	assert.equal(wrong.code, 2);
	assert.match(
		wrong.stderr,
		/config\.toml:2: there is no setting "maxrow" \[ERR_CONFIGURATION\]\nhint: Did you mean maxrows\?/,
	);
	chmodSync(config, 0o666);
	const open = await runTinytap(['query', 'SELECT 1', '--replay', DEMO], { env });
	assert.match(open.stderr, /cannot trust \S*config\.toml: others may write to it/);
	const absent = await runTinytap(['query', 'SELECT 1', '--replay', DEMO, '--config', join(folder, 'absent')], { env });
	assert.match(absent.stderr, /cannot open .*absent: no such file/);
});

test('when the program after -- ends, the prompt says so and ends with its status; --stay keeps it', async () => {
	const program = "-- sh -c 'sleep 1; exit 7'";
	const terminal = await openTerminal(`${TINYTAP.join(' ')} ${program}`, { columns: 100, rows: 24 });
	try {
		await terminal.shows(PROMPT);
		await terminal.shows('tinytap: sh has ended with status 7');
		await terminal.shows('[ended 7]');
	} finally {
		await terminal.close();
	}
	await atPrompt(
		async (staying) => {
			await staying.shows('tinytap: sh has ended with status 7; .quit leaves');
			await enter(staying, "SELECT 'still ' || 'here' AS x;");
			await staying.shows('still here');
			await enter(staying, '.quit');
			await staying.shows('[ended 7]');
		},
		{ shell: `${TINYTAP.join(' ')} --stay ${program}` },
	);
});

test('lists of queries, settings, tables and columns wrap at 80 columns; .tables takes a pattern', async () => {
	await atPrompt(
		async (terminal) => {
			// Lists longer than the screen are shown in the pager.
			for (const list of ['.queries', '.schema exchanges']) {
				await enter(terminal, list);
				await terminal.shows(/^:\s*$(?![\s\S])/);
				await terminal.press('q');
				await terminal.shows(/demo\.tinytap\)>\s*$(?![\s\S])/);
			}
			await enter(terminal, '.pager off', '.queries');
			await enter(terminal, '.settings', '.schema', '.status', '.tables ex*', "SELECT 'the ' || 'end' AS x;");
			const screen = await terminal.shows('the end');
			const lines = screen.slice(screen.indexOf('.pager off\n')).split('\n');
			for (const line of lines) assert.ok(line.length < 80, line);
			assert.match(screen, /\.tables ex\*\nexchanges\ntinytap/);
			await enter(terminal, '.tables exchnges');
			await terminal.shows('Did you mean exchanges?');
		},
		{ columns: 80, rows: 24 },
	);
});
