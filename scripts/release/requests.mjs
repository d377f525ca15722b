// A server and its client in one process: node scripts/release/requests.mjs COUNT sends as many requests, one after another.
import { createServer, get } from 'node:http';

const count = Number(process.argv[2]);
const server = createServer((request, response) => response.end(`${request.url}\n`));
server.listen(0, '127.0.0.1', async () => {
	for (let number = 1; number <= count; number++) await once(`/check/${number}`);
	server.close();
});

function once(path) {
	return new Promise((resolve, reject) => {
		get({ port: server.address().port, host: '127.0.0.1', path, agent: false }, (response) => {
			if (response.statusCode !== 200) reject(new Error(`expected 200, got ${response.statusCode}`));
			response.resume().on('end', resolve);
		}).on('error', reject);
	});
}
