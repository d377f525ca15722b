// A statement that takes seconds while requests arrive.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { sendPaced } from '../../support/paced-requests.ts';
import { startNginx } from '../../support/servers.ts';
import { askPiped, startTinytap } from '../../support/tinytap.ts';

/** Counts the rows, is busy for a second or more, then counts them again row by row. */
const SLOW = `
SELECT (SELECT count(*) FROM exchanges) AS before,
	(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000) SELECT count(*) FROM n a, n b WHERE a.i * b.i > 0) AS slow,
	(SELECT count(*) FROM exchanges WHERE path || x.t = '/paced') AS after
FROM (SELECT '' AS t) x;
`;

test('while a statement runs, all requests are captured, and it sees none of them', async () => {
	const nginx = await startNginx({ sendfile: false, server: 'location / { return 200 "0123456789"; }' });
	const tinytap = startTinytap(['--port', String(nginx.port), '--comm', 'nginx', '--format', 'ndjson'], {
		openInput: true,
	});
	try {
		await tinytap.attached();
		const requests = sendPaced({
			port: nginx.port,
			path: '/paced',
			ending: '0123456789',
			perSecond: 1000,
			connections: 4,
		});
		await eventually(
			() => requests.answered() > 100 || undefined,
			() => 'nothing was answered',
		);
		const answered = requests.answered();
		const { before, slow, after } = await askPiped(tinytap, SLOW);
		assert.ok(requests.answered() > answered, 'requests arrived while it ran');
		assert.equal(slow, 16_000_000);
		assert.equal(after, before, 'rows that arrived meanwhile are not seen');
		const total = await requests.stop();
		const count = "SELECT count(*) AS n FROM exchanges WHERE state = 'complete' AND path = '/paced';\n";
		await eventually(
			async () => Number((await askPiped(tinytap, count)).n) >= total || undefined,
			() => `not all of the ${total} requests were captured`,
		);
		assert.deepEqual(await askPiped(tinytap, count), { n: total });
		const loss = "SELECT sum(events) AS events, sum(bytes) AS bytes FROM loss WHERE kind = 'lost';\n";
		assert.deepEqual(await askPiped(tinytap, loss), { events: 0, bytes: 0 });
		tinytap.child.stdin!.end();
		assert.equal((await tinytap.finished).code, 0);
	} finally {
		await tinytap.stop();
		await nginx.stop();
		nginx.remove();
	}
});
