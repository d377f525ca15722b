// Exchanges that last long: streams of messages, long polls, upgrades.
import { type Process, request, response, TimedTraffic } from './timed-traffic.ts';

/** Two streams of events, whose first messages come after 300 and 100 ms, and an exchange without messages. */
export function streamingTraffic(server: Process): TimedTraffic {
	const traffic = new TimedTraffic();
	const events = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n';
	traffic
		.server(server, '10.0.0.9')
		.ask(0, request('/chat/1'))
		.answer(20, events)
		.answer(300, 'data: Hel\n\n')
		.answer(340, ': ping\n\ndata: lo\n\n')
		.answer(440, 'data: !\n\n')
		.closes(450);
	traffic.server(server, '10.0.0.8').ask(1000, request('/chat/2')).answer(1100, `${events}data: only\n\n`).closes(1200);
	traffic.server(server, '10.0.0.9').exchange(60, request('/quick'), response(200));
	return traffic;
}

/** Long polls, slow responses, events, upgrades, and some that have not ended. */
export function lastingTraffic(server: Process, client: Process): TimedTraffic {
	const traffic = new TimedTraffic();
	const events = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n';
	traffic.server(server, '10.0.0.9').exchange(0, request('/poll/1'), response(200, 'x'), { ms: 6000 });
	traffic
		.server(server, '10.0.0.9')
		.exchange(10, request('/big'), response(200, 'x'.repeat(10)), { ms: 7000, ttfb: 20 });
	traffic.server(server, '10.0.0.9').exchange(20, request('/events'), `${events}1\r\nx\r\n0\r\n\r\n`, { ms: 30 });
	traffic.server(server, '10.0.0.9').ask(30, request('/events')).answer(40, `${events}1\r\nx\r\n`);
	traffic
		.server(server, '10.0.0.9')
		.exchange(
			50,
			request('/ws', { Upgrade: 'websocket', Connection: 'Upgrade' }),
			'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
		);
	traffic.server(server, '10.0.0.9').exchange(60, request('/quick'), response(200));
	traffic.server(server, '10.0.0.8').ask(99_000, request('/waiting'));
	const pair = traffic.pair(server, client);
	pair.client.ask(99_499, request('/local'));
	pair.server.ask(99_500, request('/local'));
	traffic.server(server, '10.0.0.9').exchange(70, request('/poll/2'), response(200, 'xx'), { ms: 8000 });
	return traffic;
}
