// Traffic of all kinds of exchanges, for queries.
import { type Process, request, response, TimedTraffic } from './timed-traffic.ts';

const of = (bytes: number) => 'x'.repeat(bytes);

/** Of all kinds a little. 1-4 and 9 come from one client, 8 from another; 5 and 6 are a pair, 7 goes elsewhere. */
export function mixedTraffic(shop: Process, front: Process, hostilePath: string): TimedTraffic {
	const traffic = new TimedTraffic();
	traffic
		.server(shop, '10.0.0.9')
		.exchange(0, request('/users/1?a=b'), response(200, of(100)))
		.exchange(100, request('/users/2'), response(200, of(300)), { ms: 30, ttfb: 20 })
		.exchange(200, request('/users/3'), response(404, of(50)), { ms: 20 })
		.exchange(300, request('/users/9', {}, of(40)), response(500), { ms: 5 })
		.peerCloses(500);
	traffic.pair(shop, front, 900).exchange(1000, request('/local'), response(200, of(10)), { ms: 40 });
	traffic
		.client(front, '10.0.0.7:80', 1900)
		.exchange(2000, request('/out', {}, '', 'other'), response(200, of(1000)), { ms: 100 });
	traffic.server(shop, '10.0.0.8', 2900).exchange(3000, request(hostilePath), response(200, of(1)), { ms: 7 });
	traffic.server(shop, '10.0.0.9', 3900).ask(4000, request('/never')).peerCloses(4200);
	return traffic;
}
