// The effect of a long statement on the capture: requests at a steady rate to nginx, first alone, then while a
// statement of several seconds runs. Needs root and nginx: node --import tsx scripts/statement-under-load.ts [--rate
// 5000] [--seconds 10]
import { parseArgs } from 'node:util';
import { eventually } from '../support/eventually.ts';
import { sendPaced } from '../support/paced-requests.ts';
import { startNginx } from '../support/servers.ts';
import { askPiped, startTinytap } from '../support/tinytap.ts';

const { values } = parseArgs({
	options: { rate: { type: 'string', default: '5000' }, seconds: { type: 'string', default: '10' } },
});
const perSecond = Number(values.rate);
const wantedMs = Number(values.seconds) * 1000;

const nginx = await startNginx({ sendfile: false, server: 'location / { return 200 "0123456789"; }' });
const tinytap = startTinytap(['--port', String(nginx.port), '--comm', 'nginx', '--format', 'ndjson'], {
	openInput: true,
});
try {
	await tinytap.attached();
	const requests = sendPaced({ port: nginx.port, path: '/paced', ending: '0123456789', perSecond, connections: 16 });
	await eventually(
		() => requests.answered() > perSecond || undefined,
		() => 'nothing was answered',
	);
	// Number of rows that the statement joins with themselves. A small join shows how long that takes on this machine.
	let rows = 4000;
	let took = await statement(rows);
	rows = Math.ceil(rows * Math.sqrt(wantedMs / took));
	const before = requests.answered();
	took = await statement(rows);
	const during = requests.answered() - before;
	const total = await requests.stop();
	const counted = "SELECT count(*) AS n FROM exchanges WHERE state = 'complete' AND path = '/paced';\n";
	const evicted = "SELECT sum(events) AS n FROM loss WHERE reason = 'evicted';\n";
	const lost = "SELECT sum(events) AS events, sum(bytes) AS bytes FROM loss WHERE kind = 'lost';\n";
	await eventually(
		async () =>
			Number((await askPiped(tinytap, counted)).n) + Number((await askPiped(tinytap, evicted)).n) >= total || undefined,
		() => `not all of the ${total} requests were captured`,
	);
	const { events, bytes } = await askPiped(tinytap, lost);
	const captured = Number((await askPiped(tinytap, counted)).n) + Number((await askPiped(tinytap, evicted)).n);
	console.log(
		`a statement of ${(took / 1000).toFixed(1)} s under ${Math.round((during / took) * 1000)} requests/s: ` +
			`${total} sent, ${captured} captured, ${String(events)} events (${String(bytes)} bytes) lost`,
	);
	process.exitCode = captured === total && events === 0 ? 0 : 1;
	tinytap.child.stdin!.end();
	await tinytap.finished;
} finally {
	await tinytap.stop();
	await nginx.stop();
	nginx.remove();
}

/** Milliseconds that a statement over `rows` × `rows` pairs takes. */
async function statement(rows: number): Promise<number> {
	const begin = performance.now();
	await askPiped(
		tinytap,
		`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows}) SELECT count(*) AS n FROM n a, n b WHERE a.i * b.i > 0;\n`,
	);
	return performance.now() - begin;
}
