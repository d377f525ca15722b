// An agent without a capture, for tests that kill it: takes numbered rows until it is killed, or as many as it is told, and
// writes to stdout how many are safe. Arguments: the store's URL, the spool, the size of the spool, the number of rows.
import { writeSync } from 'node:fs';
import { Agent } from '../src/agent/agent.ts';
import { clickhouseDestination } from '../src/agent/clickhouse-destination.ts';
import { storeAddress } from '../src/agent/store-address.ts';
import { StoreClient } from '../src/agent/store-client.ts';
import { processUser } from '../src/base/invoking-user.ts';
import { wallMs } from '../src/base/wall-clock.ts';
import { blockOfRows } from './row-blocks.ts';

const [url, path, limit, most] = process.argv.slice(2) as [string, string, string, string];
const user = processUser();
const options = { option: '--to', credentials: undefined, ca: undefined, user, environment: {} };
const run = wallMs();
const origin = { hostName: 'host', run, agentVersion: '1', labels: [] };
const agent = await Agent.start({
	destination: clickhouseDestination(new StoreClient(storeAddress(url, options))),
	origin,
	limits: { rows: 7, bytes: 1 << 20, ms: 10 },
	backoff: { leastMs: 1, mostMs: 20 },
	spool: { path, limitBytes: Number(limit), user },
	isLive: true,
	tell: () => undefined,
});
agent.begin();
writeSync(1, `${run}\n`);
const forever = new AbortController().signal;
for (let next = 1; next <= Number(most); ) {
	const rows = Array.from({ length: 1 + (next % 5) }, (_, i) => ({
		id: next + i,
		ts_us: (run + next + i) * 1000,
		path: `/${'x'.repeat(200)}`,
	}));
	await agent.take(blockOfRows(origin, next, rows), 0, forever);
	next += rows.length;
	writeSync(1, `${next - 1}\n`);
	await new Promise((resolve) => setTimeout(resolve, 1));
}
await agent.finish(forever);
agent.close();
