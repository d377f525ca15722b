// A capture that begins while connections are open: no response is given to the wrong request, and pairing begins as
// soon as something proves that no response is outstanding.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { parseRows, startTinytap } from '../../support/tinytap.ts';

const PROGRAM = join(import.meta.dirname, '../fixtures/midstream.py');

type Row = {
	readonly id: number;
	readonly side: string;
	readonly path: string | null;
	readonly res_body: string | null;
	readonly state: string;
	readonly reason: string | null;
	readonly lost_bytes: number;
	readonly pair_id: number | null;
};

/** Rows of a scenario of test/fixtures/midstream.py, in the middle of which the capture begins. */
async function rowsOf(scenario: readonly string[]): Promise<Row[]> {
	const program = spawn('python3', [PROGRAM, ...scenario], { stdio: ['pipe', 'pipe', 'inherit'] });
	try {
		let port = '';
		program.stdout.setEncoding('utf8').on('data', (text: string) => {
			port += text;
		});
		await eventually(
			() => /\n/.test(port) || undefined,
			() => `${scenario.join(' ')} did not begin`,
		);
		const sql = 'SELECT id, side, path, res_body, state, reason, lost_bytes, pair_id FROM exchanges ORDER BY id';
		const tinytap = startTinytap(['query', sql, '--format', 'ndjson', '--port', port.trim()]);
		try {
			await tinytap.attached();
			program.stdin.end('go\n');
			await eventually(
				() => program.exitCode !== null || undefined,
				() => `${scenario.join(' ')} does not end`,
				120,
			);
			assert.equal(program.exitCode, 0);
			tinytap.interrupt();
			const { code, stdout, stderr } = await tinytap.finished;
			assert.equal(code, 0, stderr);
			return parseRows(stdout) as Row[];
		} finally {
			await tinytap.stop();
		}
	} finally {
		program.kill('SIGKILL');
	}
}

function assertNoneMixed(rows: readonly Row[]): void {
	const mixed = rows.filter(
		({ path, res_body }) => path !== null && res_body !== null && res_body !== `answer to ${path}`,
	);
	assert.deepEqual(mixed, []);
	for (const { state, reason, path, lost_bytes } of rows) {
		assert.equal(lost_bytes, 0);
		if (state !== 'complete')
			assert.ok(reason === 'capture began' || (path === null && reason === 'request not seen'), `${path}: ${reason}`);
	}
}

/** Paths that begin with `like`, from one side's complete rows. */
function paired(rows: readonly Row[], side: string, like: string): string[] {
	return rows
		.filter(
			(row) => row.side === side && row.path?.startsWith(like) && row.state === 'complete' && row.res_body !== null,
		)
		.map(({ path }) => path!);
}

describe('a connection that is open when the capture begins', () => {
	it('is seen from its beginning if it carried nothing before', async () => {
		const rows = await rowsOf(['fresh']);
		assertNoneMixed(rows);
		for (const side of ['client', 'server'])
			assert.deepEqual(paired(rows, side, '/after'), ['/after0', '/after1', '/after2'], side);
		assert.equal(rows.length, 6);
		assert.ok(rows.every((row) => row.pair_id !== null));
	});

	it('pairs from its first request on when the client pauses between exchanges', async () => {
		const rows = await rowsOf(['sequential']);
		assertNoneMixed(rows);
		const all = Array.from({ length: 7 }, (_, i) => `/after${i}`);
		for (const side of ['client', 'server']) assert.deepEqual(paired(rows, side, '/after'), all, side);
	});

	it('with one more request pipelined gives no response to the wrong request, and pairs later ones', async () => {
		for (const server of [[], ['ahead']]) {
			const rows = await rowsOf(['one-more', ...server]);
			assertNoneMixed(rows);
			for (const side of ['client', 'server'])
				assert.ok(paired(rows, side, '/after').length >= 6, `${side}: ${JSON.stringify(rows)}`);
		}
	});

	for (const size of ['2', '3', '8']) {
		for (const server of [[], ['ahead']]) {
			it(`whose client keeps ${size} requests in flight (${server[0] ?? 'in turn'}) mixes nothing, and pairs again after a pause`, async () => {
				const rows = await rowsOf(['window', size, ...server]);
				assertNoneMixed(rows);
				assert.ok(rows.some(({ path }) => path?.startsWith('/window')));
				for (const side of ['client', 'server'])
					assert.deepEqual(paired(rows, side, '/after').slice(-4), ['/after1', '/after2', '/after3', '/after4'], side);
			});
		}
	}

	it('whose client pauses while answers wait in its socket mixes nothing', async () => {
		for (const server of [[], ['ahead']]) assertNoneMixed(await rowsOf(['think', '2', ...server]));
	});
});
