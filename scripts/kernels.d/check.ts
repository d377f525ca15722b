// Runs inside a kernel under test: the addon alone, `tinytap doctor`, and captures of requests by curl to two servers.
// Each step reports on its own, so that a step that hangs or crashes does not hide earlier findings.
import { readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import type { Check } from '../../src/capture/check.ts';
import { type Finding, findingLine } from './findings.ts';
import { probe, writeMap } from './probe.ts';
import { run, startTinytap } from './programs.ts';
import { serve, startServer } from './server.ts';
import { capture, filters, limit, unseen } from './steps.ts';

const ADDON = '/tinytap/build/tinytap.node';
const OBJECT = '/tinytap/build/tinytap.bpf.o';
const UNPRIVILEGED = '/proc/sys/kernel/unprivileged_bpf_disabled';
/** Only the object for kernels before 5.17 uses the tracepoint of a single call. */
const ENTRY = 'syscalls/sys_enter_read';

const SELF = process.argv[1]!;
/**
 * Roles in which other processes run this same file. The addon runs in one of them, so that its crash does not end the
 * check.
 */
const ROLES: Readonly<Record<string, (word: string) => void>> = {
	probe: () => report(probe(ADDON, OBJECT, [SELF, 'write'])),
	write: (handles) => writeMap(ADDON, handles),
	serve,
};

const role = ROLES[process.argv[2] ?? ''];
if (role === undefined) await check();
else role(process.argv[3] ?? '');

async function check(): Promise<void> {
	// The setting of distributions.
	if (readFileSync(UNPRIVILEGED, 'utf8').trim() === '0') writeFileSync(UNPRIVILEGED, '2');
	const unprivilegedBpfDisabled = Number(readFileSync(UNPRIVILEGED, 'utf8'));
	report({ what: 'start', release: release(), node: process.versions.node, unprivilegedBpfDisabled });
	const probed = await runProbe();
	await runDoctor();
	const first = await startServer('server-a', [SELF, 'serve']);
	const second = await startServer('server-b', [SELF, 'serve']);
	for (const finding of await capture(first)) report(finding);
	report(await limit(first));
	report(await filters(first, second));
	if (probed.includes(ENTRY)) report(await unseen());
	for (const server of [first, second]) server.stop();
}

function report(finding: Finding): void {
	process.stdout.write(`${findingLine(finding)}\n`);
}

async function runProbe(): Promise<string> {
	const { output, exitCode, signal } = await run(process.execPath, [SELF, 'probe']);
	if (exitCode === 0) process.stdout.write(output);
	else {
		const error = `the probe ended with ${signal ?? exitCode}: ${output.slice(-2000)}`;
		report({ what: 'probe', loads: false, attaches: false, attached: [], missing: [], error });
	}
	return output;
}

async function runDoctor(): Promise<void> {
	const { output, errors, exitCode } = await startTinytap(['doctor', '--json']).finished;
	try {
		const { capture: possible, checks } = JSON.parse(output) as { capture: boolean; checks: Check[] };
		report({ what: 'doctor', possible, complaints: checks.filter(({ status }) => status !== 'ok') });
	} catch {
		report({
			what: 'doctor',
			possible: false,
			complaints: [],
			error: `exit ${exitCode}: ${output}${errors}`.slice(-2000),
		});
	}
}
