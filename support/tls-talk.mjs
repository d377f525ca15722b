// The same as tls-talk.py by Node.js: `serve PORT CERT KEY` and `ask PORT CONNECTIONS REQUESTS [MS]`, with pauses of MS between
// the requests of a connection.
import { readFileSync } from 'node:fs';
import https from 'node:https';

const [what, port, ...words] = process.argv.slice(2);

function request(agent, path) {
	return new Promise((resolve, reject) => {
		const sent = https.get({ port: Number(port), host: '127.0.0.1', path, agent, rejectUnauthorized: false }, (response) => {
			const { localAddress, localPort } = response.socket;
			let body = '';
			response.setEncoding('utf8').on('data', (text) => {
				body += text;
			});
			response.on('end', () => {
				console.log(`${localAddress}:${localPort} ${path} = ${body}`);
				resolve();
			});
		});
		sent.on('error', reject);
	});
}

async function talk(prefix, count, pauseMs) {
	const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
	for (let i = 0; i < count; i++) {
		await request(agent, `${prefix}/${i}`);
		await new Promise((resolve) => setTimeout(resolve, pauseMs));
	}
	agent.destroy();
}

if (what === 'serve') {
	const [cert, key] = words.map((path) => readFileSync(path));
	https
		.createServer({ cert, key, keepAliveTimeout: 60_000 }, (request, response) => {
			const { remoteAddress, remotePort } = request.socket;
			response.end(`${remoteAddress}:${remotePort} ${request.url}`);
		})
		.listen({ port: Number(port), host: '127.0.0.1', backlog: 128 });
} else {
	const [connections, requests, pauseMs = '0'] = words;
	await Promise.all(
		Array.from({ length: Number(connections) }, (_, number) =>
			talk(`/node/${number}`, Number(requests), Number(pauseMs) || number % 3),
		),
	);
}
