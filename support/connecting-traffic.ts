// Clients that connect at different speeds.
import { request, response, TimedTraffic } from './timed-traffic.ts';

/** One client, to three servers: to the first twice, slowly the second time; to the last without known times. */
export function connectingTraffic(): TimedTraffic {
	const traffic = new TimedTraffic();
	const front = { pid: 300, comm: 'front' };
	for (const [at, to, connectNs, rttUs, retransmits] of [
		[0, '10.0.0.5:80', 2_000_000n, 1500, 0],
		[100, '10.0.0.5:80', 1_004_000_000n, 2500, 2],
		[200, '10.0.0.6:80', 1_000_000n, 0, 0],
	] as const) {
		const end = traffic.client(front, to, at, { connectNs, measured: { rttUs, retransmits } });
		end.exchange(at + 5, request('/c'), response(200)).closes(at + 50);
	}
	traffic.client(front, '10.0.0.7:80', 300).exchange(305, request('/c'), response(200));
	return traffic;
}
