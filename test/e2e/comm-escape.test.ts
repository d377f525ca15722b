// The name of a process is as hostile as its traffic.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { scriptedTerminal } from '../../support/scripted-terminal.ts';
import { startNginx } from '../../support/servers.ts';
import { captureRows, TINYTAP } from '../../support/tinytap.ts';

const run = promisify(execFile);

/** At most 15 bytes: escape sequences of 7 and 8 bits, a carriage return, DEL, invalid UTF-8. */
const NAME = '\\x1b[1mX\\x9b2J\\r\\x7f\\xff\\x07';
/** A program with this name that sends a request as a client. */
const RENAMED = `
import ctypes, sys, urllib.request
assert ctypes.CDLL(None).prctl(15, b'${NAME}', 0, 0, 0) == 0
urllib.request.urlopen(sys.argv[1]).read()
`;

test('AT-3 comm-escape: a process named by an escape sequence cannot drive the terminal, neither directly nor through a file of any text format', async () => {
	const nginx = await startNginx({ sendfile: true, server: 'location / { return 200 "ok"; }' });
	const request = () => run('python3', ['-c', RENAMED, `http://127.0.0.1:${nginx.port}/named`]);
	const port = ['--port', String(nginx.port)];
	try {
		const where = "side = 'client'";
		for (const words of [
			['tail', '--where', where, '--count', '1'],
			...['table', 'csv', 'line', 'markdown', 'json', 'html'].map((format) => [
				...['query', `SELECT comm, cmdline FROM exchanges WHERE ${where}`, '--count', '2', '--format', format],
			]),
		]) {
			const { shown, shows, ended, child } = scriptedTerminal([...TINYTAP, ...words, ...port]);
			try {
				await shows(/capturing/);
				await request();
				await ended;
			} finally {
				child.kill();
			}
			// A line of a tail shows only the beginning of the name.
			assert.match(shown(), words[0] === 'tail' ? /\\x1b\[1mX/ : /X.*2J/, words.join(' '));
			// The terminal itself turns \n into \r\n.
			assert.doesNotMatch(shown().replaceAll('\r\n', '\n'), /[\0-\x09\x0b-\x1f\x7f\x9b\xff]/, words.join(' '));
			assert.doesNotMatch(shown(), /\xc2[\x80-\x9f]/, words.join(' '));
		}
		const rows = await captureRows(`SELECT comm FROM exchanges WHERE ${where}`, port, async () => {
			await request();
		});
		assert.match(String(rows[0]?.comm), /^\x1b\[1mX.*2J\r\x7f/, 'the row itself has the name as it is');
	} finally {
		await nginx.stop();
		nginx.remove();
	}
});
