// The traffic of one host in the fault run: a server and its client, which asks on a new connection each time. Arguments: the
// host's name, a file with the step of the clock in milliseconds. stdin: `go` or `stop`; after `stop`, it prints which
// requests were answered, as JSON: [number, when it was sent, when it was answered].
import { readFileSync } from 'node:fs';
import { createServer, get } from 'node:http';
import { createInterface } from 'node:readline';

const [name, stepFile] = process.argv.slice(2);
const CLIENTS = 3;
const PAUSE_MS = 20;

const now = () => Date.now() + Number(readFileSync(stepFile, 'utf8'));
const server = createServer((request, response) => response.end(`${name} ${request.url}`));
await new Promise((resolve) => server.listen(8080, '127.0.0.1', resolve));

let going = false;
let next = 1;
let answered = [];

function ask() {
	const number = next++;
	const sentMs = now();
	return new Promise((resolve, reject) => {
		get(`http://127.0.0.1:8080/${name}/${number}`, { agent: false }, (response) => {
			response.resume().on('end', () => {
				answered.push([number, sentMs, now()]);
				resolve();
			});
		}).on('error', reject);
	});
}

async function client() {
	while (going) {
		await ask();
		await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
	}
}

let clients = [];
console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
	if (line === 'go') {
		going = true;
		clients = Array.from({ length: CLIENTS }, client);
	} else {
		going = false;
		await Promise.all(clients);
		console.log(JSON.stringify(answered));
		answered = [];
	}
}
process.exit();
