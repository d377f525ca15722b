// An exchange as telemetry reads it from a row: a GET of a server, unless a test changes it.
import type { Observed } from '../src/telemetry/observed.ts';

export function observedExchange(id: number, changes: Partial<Observed> = {}): Observed {
	return {
		...{ id, side: 'server', method: 'GET', status: 200, duration: 0.01, reqBodyBytes: 0, resBodyBytes: 2 },
		...{ state: 'complete', reason: null, comm: 'shop', host: 'shop', scheme: 'http', remote: '192.0.2.1:4000' },
		...{ httpVersion: '1.1', endUs: 10_000, startNs: 0n, endNs: 10_000_000n, pairId: null, parentId: null, pid: 1 },
		...{ exe: null, local: '10.0.0.1:80', path: '/', query: null, url: 'http://shop/', userAgent: null },
		...{ traceparent: null, tracestate: null, forwardedFor: null, lostBytes: 0 },
		...changes,
	};
}
