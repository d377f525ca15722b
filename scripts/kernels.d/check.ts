// Runs inside a kernel under test: a server, then the addon alone, `tinytap doctor`, and `tinytap query` around some
// requests by curl. Each step reports on its own, so a step that hangs or crashes does not hide earlier findings.
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { release } from 'node:os';
import type { Check } from '../../src/capture/check.ts';
import { type CapturedRow, type Finding, findingLine, LARGE_BODY_BYTES, SMALL_REQUESTS } from './findings.ts';
import { probe } from './probe.ts';

const CLI = '/tinytap/dist/tinytap.cjs';
/** The flags that the launcher uses. */
const NODE_FLAGS = [
	'--disallow-code-generation-from-strings',
	'--disable-proto=delete',
	'--no-warnings',
	'--max-semi-space-size=4',
	'--heap-growing-percent=20',
];
/** Limits for steps that hang; emulated processors are some 20 times slower. */
const STEP_MS = 240_000;
/** Run as a separate process of this same file, so that a crash of the addon does not end the check. */
const PROBE = 'probe';

const STATEMENT = `SELECT side, method, path, status, via, state, req_body_bytes, req_captured_bytes, res_body_bytes,
	res_captured_bytes, lost_bytes FROM exchanges ORDER BY side, id`;

if (process.argv[2] === PROBE) report(probe('/tinytap/build/tinytap.node', '/tinytap/build/tinytap.bpf.o'));
else await check();

async function check(): Promise<void> {
	report({ what: 'start', release: release(), node: process.versions.node });
	const server = createServer((request, response) => {
		if (request.method === 'GET') response.end(`you asked for ${request.url}\n`);
		else request.pipe(response);
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const { port } = server.address() as AddressInfo;
	await runProbe();
	await runDoctor();
	await runCapture(port);
	server.close();
	server.closeAllConnections();
}

function report(finding: Finding): void {
	process.stdout.write(`${findingLine(finding)}\n`);
}

async function runProbe(): Promise<void> {
	const { output, exitCode, signal } = await run(process.execPath, [process.argv[1]!, PROBE]);
	if (exitCode === 0) process.stdout.write(output);
	else {
		const error = `the probe ended with ${signal ?? exitCode}: ${output.slice(-2000)}`;
		report({ what: 'probe', loads: false, attaches: false, attached: [], missing: [], error });
	}
}

async function runDoctor(): Promise<void> {
	const { output, errors, exitCode } = await run(process.execPath, [...NODE_FLAGS, CLI, 'doctor', '--json']);
	try {
		const { capture, checks } = JSON.parse(output) as { capture: boolean; checks: Check[] };
		report({ what: 'doctor', possible: capture, complaints: checks.filter(({ status }) => status !== 'ok') });
	} catch {
		report({
			what: 'doctor',
			possible: false,
			complaints: [],
			error: `exit ${exitCode}: ${output}${errors}`.slice(-2000),
		});
	}
}

async function runCapture(port: number): Promise<void> {
	const args = ['query', STATEMENT, '--format', 'ndjson', '--body-limit', 'none', '--port', String(port)];
	const tinytap = start(process.execPath, [...NODE_FLAGS, CLI, ...args]);
	let attached = false;
	let error: string | undefined;
	try {
		attached = await tinytap.said(/^tinytap: capturing/m);
		if (attached) {
			await requests(port);
			tinytap.child.kill('SIGINT');
		}
	} catch (failure) {
		error = String(failure);
		tinytap.child.kill('SIGKILL');
	}
	const { output, errors, exitCode } = await tinytap.finished;
	let rows: CapturedRow[] = [];
	try {
		rows = output
			.split('\n')
			.filter(Boolean)
			.map((line) => JSON.parse(line) as CapturedRow);
	} catch {
		error ??= `expected rows as JSON, got ${output.slice(-2000)}`;
	}
	report({ what: 'capture', attached, exitCode, rows, stderr: errors.slice(-4000), error });
}

/** curl's requests, on two connections. */
async function requests(port: number): Promise<void> {
	const url = `http://127.0.0.1:${port}`;
	writeFileSync('/tmp/body', 'tinytap '.repeat(LARGE_BODY_BYTES / 8));
	const quiet = ['--silent', '--show-error', '--fail', '--output', '/dev/null'];
	const small = await run('curl', [...quiet, `${url}/item/[1-${SMALL_REQUESTS}]`]);
	// Without waiting for 100 Continue, which is not tested here.
	const large = await run('curl', [...quiet, '-H', 'Expect:', '--data-binary', '@/tmp/body', `${url}/echo`]);
	for (const { exitCode, errors } of [small, large])
		if (exitCode !== 0) throw new Error(`curl ended with ${exitCode}: ${errors}`);
}

type Finished = {
	readonly exitCode: number | null;
	readonly signal: NodeJS.Signals | null;
	readonly output: string;
	readonly errors: string;
};

async function run(command: string, args: readonly string[]): Promise<Finished> {
	return await start(command, args).finished;
}

/** Starts a program and kills it if it takes longer than a step may. */
function start(
	command: string,
	args: readonly string[],
): {
	readonly child: ChildProcess;
	readonly finished: Promise<Finished>;
	/** True once its standard error matches; false if it ends without a match. */
	readonly said: (pattern: RegExp) => Promise<boolean>;
} {
	const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: STEP_MS, killSignal: 'SIGKILL' });
	let output = '';
	let errors = '';
	child.stdout.setEncoding('utf8').on('data', (text: string) => {
		output += text;
	});
	child.stderr.setEncoding('utf8').on('data', (text: string) => {
		errors += text;
	});
	const finished = new Promise<Finished>((resolve, reject) => {
		child.on('error', reject);
		child.on('close', (exitCode, signal) => resolve({ exitCode, signal, output, errors }));
	});
	const said = (pattern: RegExp) =>
		new Promise<boolean>((resolve) => {
			const look = () => pattern.test(errors) && resolve(true);
			child.stderr.on('data', look);
			child.on('close', () => resolve(pattern.test(errors)));
			look();
		});
	return { child, finished, said };
}
