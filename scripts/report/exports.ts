// AT-19 and AT-21: exports of hostile exchanges, opened by LibreOffice and read by Python.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tape } from '../../support/record-builder.ts';
import { recordTape } from '../../support/tape-recording.ts';
import { runTinytap } from '../../support/tinytap.ts';

const RECORDING = 'hostile.tinytap';

/** What spreadsheets take for formulas, or for the end of a cell. */
const FORMULAS = [
	...[
		'=1+1',
		'+1+1',
		'-1+1',
		'@SUM(1;1)',
		'\t=1+1',
		'\r=1+1',
		'\n=1+1',
		'"=1+1"',
		"=cmd|' /C calc'!A0",
		'=HYPERLINK("https://attack.invalid")',
	],
	...[
		'=WEBSERVICE("https://attack.invalid")',
		' =1+1',
		"'=1+1",
		'=1+1\0',
		'a\n=1+1',
		'a,=1+1',
		'a;=1+1',
		'"",=1+1',
		'\u00a0=1+1',
		'＝1+1',
	],
];

/** Bodies with every byte, and texts that are not UTF-8. */
const BODIES: readonly Uint8Array[] = [
	Uint8Array.from({ length: 256 }, (_, byte) => byte),
	Buffer.from('\u202eabc\u2028\u0085\u007f\ufeff', 'utf8'),
	Buffer.from('caf\xe9', 'latin1'),
	Buffer.from('\xff\xfeh\0i\0', 'latin1'),
	...FORMULAS.map((text) => Buffer.from(text)),
];

/** Records exchanges whose texts are formulas, and whose bodies have every byte. */
export function recordHostile(folder: string): void {
	const tape = new Tape();
	tape.clock(1_795_348_800_000_000_000n);
	for (const [index, body] of BODIES.entries()) {
		const formula = FORMULAS[index % FORMULAS.length]!;
		const field = Buffer.from(formula.replaceAll(/[\r\n\0]/g, ' ')).toString('latin1');
		const server = tape
			.server(index + 1, { local: '10.0.0.1:80', remote: `10.0.0.2:${40_000 + index}`, comm: formula.slice(0, 15) })
			.open();
		server.in(`GET /${index} HTTP/1.1\r\nHost: shop\r\nUser-Agent: ${field}\r\nX-Cell: ${field}\r\n\r\n`);
		const head = `HTTP/1.1 200 ${field}\r\nContent-Type: application/octet-stream\r\nContent-Length: ${body.length}\r\n\r\n`;
		server.out(Buffer.concat([Buffer.from(head, 'latin1'), body]));
		server.close();
	}
	recordTape(join(folder, RECORDING), tape);
}

async function exported(folder: string, name: string): Promise<string> {
	const recording = join(folder, RECORDING);
	const path = join(folder, name);
	const { code, stderr } = await runTinytap(['export', '--no-redact', '--replay', recording, '-o', path, '--force']);
	assert.equal(code, 0, stderr);
	return path;
}

export async function csvInSpreadsheet(folder: string): Promise<string> {
	const csv = await exported(folder, 'hostile.csv');
	const profile = `-env:UserInstallation=file://${join(folder, 'office')}`;
	const convert = (from: string, to: string) => {
		const { status, stderr } = spawnSync(
			'soffice',
			[profile, '--headless', '--convert-to', to, '--outdir', folder, from],
			{ encoding: 'utf8', timeout: 180_000 },
		);
		assert.equal(status, 0, stderr);
	};
	convert(csv, 'fods');
	const sheet = readFileSync(join(folder, 'hostile.fods'), 'utf8');
	const cells = sheet.match(/<table:table-cell\b/g)?.length ?? 0;
	assert.equal(cells > BODIES.length * 10, true, `${cells} cells`);
	assert.equal(/table:formula|calcext:value-type="error"/.exec(sheet), null);
	assert.doesNotMatch(sheet, /xlink:href="https:\/\/attack/);
	// And back: the texts are still texts.
	convert(join(folder, 'hostile.fods'), 'csv');
	const back = spawnSync('python3', ['-c', READ_CSV, join(folder, 'hostile.csv')], { encoding: 'utf8' });
	assert.equal(back.status, 0, back.stderr);
	const agents = JSON.parse(back.stdout) as string[];
	assert.equal(agents.filter((agent) => /^'=1\+1/.test(agent)).length > 0, true);
	assert.equal(
		agents.some((agent) => agent === '2'),
		false,
	);
	return `${cells} cells, no formula`;
}

const READ_CSV = `
import csv, json, sys
csv.field_size_limit(10**9)
rows = list(csv.DictReader(open(sys.argv[1], newline='', encoding='utf-8')))
print(json.dumps([row['user_agent'] for row in rows]))
`;

/** Prints the SHA-256 of each body of a file, in the order of ids. */
const READ_BODIES = `
import base64, hashlib, json, sys
path = sys.argv[1]
text = open(path, encoding='utf-8').read()
assert all(c == '\\n' or ' ' <= c and not '\\x7f' <= c <= '\\x9f' and c not in '\\u2028\\u2029\\u202e\\ufeff' for c in text), 'control or invisible character'
if path.endswith('.har'):
    entries = json.loads(text)['log']['entries']
    contents = [entry['response']['content'] for entry in entries]
    bodies = [base64.b64decode(c['text']) if c.get('encoding') == 'base64' else c['text'].encode() for c in contents]
else:
    rows = [json.loads(line) for line in text.splitlines()] if path.endswith('.ndjson') else json.loads(text)
    bodies = [base64.b64decode(row['res_body_raw']) for row in rows]
print(json.dumps([hashlib.sha256(body).hexdigest() for body in bodies]))
`;

export async function exportsInPython(folder: string): Promise<string> {
	const hash = (body: Uint8Array) => createHash('sha256').update(body).digest('hex');
	// HAR has texts without their charset.
	const texts = BODIES.map((body) => (body[0] === 0xff && body[1] === 0xfe ? Buffer.from('hi') : body));
	for (const name of ['hostile.json', 'hostile.ndjson', 'hostile.har']) {
		const path = await exported(folder, name);
		const { status, stdout, stderr } = spawnSync('python3', ['-c', READ_BODIES, path], { encoding: 'utf8' });
		assert.equal(status, 0, `${name}: ${stderr}`);
		assert.deepEqual(JSON.parse(stdout), (name.endsWith('.har') ? texts : BODIES).map(hash), name);
	}
	return `${BODIES.length} bodies in 3 formats`;
}
