// docs/kernels.md: the findings on each kernel, and how they were obtained.
import { execFileSync } from 'node:child_process';
import type { Check } from '../../src/capture/check.ts';
import { capabilityNames, filtersProblems } from './expectations.ts';
import {
	BODY_LIMIT,
	FILTER_PHASES,
	FIRST_PART_BYTES,
	LARGE_BODY_BYTES,
	LONG_BODY_BYTES,
	SMALL_REQUESTS,
	type ThreadRights,
	UNSEEN_WRITES,
} from './findings.ts';
import { emulatorVersion, MACHINE_ARGUMENTS } from './machine.ts';
import { REQUESTS, type Side, type Trial, type Verdict } from './verdict.ts';

export function page(verdicts: readonly Verdict[], trials: readonly Trial[]): string {
	const absent = trials.filter((trial) => !verdicts.some((verdict) => verdict.trial === trial));
	const problems = verdicts.filter(({ works }) => !works);
	return `# Kernels

\`npm run kernels\` writes this page. It boots Debian's kernels in an emulated machine and runs tinytap in each, as a user would.

| kernel | programs load | tracepoints | arguments read at | server rows | client rows | carriers | \`tinytap doctor\` |
|---|---|---|---|---|---|---|---|
${verdicts.map(tableRow).join('')}${absent.map(({ name }) => `| ${name} | not tried: Debian's mirror did not have it | | | | | | |\n`).join('')}
- **Programs load, tracepoints**: tested with the addon alone. The number counts the attached tracepoints; the table names those that the kernel lacks.
- **Arguments read at**: from Linux 5.17 on, arguments are read when a call returns. Older kernels get a second object, whose programs read them
  when a call begins; it misses calls that are already waiting when the capture starts. "forced" means that a kernel got it without needing it.
- **Rows**: curl sent ${SMALL_REQUESTS} GETs on one connection and a POST of ${LARGE_BODY_BYTES} bytes to a server in Node, which sent the bytes back.
  A row counts if method, path, status, the number of body bytes and the number of bytes held are correct, its state is \`complete\`, and nothing was lost.

## Without privileges

tinytap was started with \`sudo\`, with \`kernel.unprivileged_bpf_disabled\` as distributions set it. Before Linux 5.19 the kernel then refuses tinytap itself every call of bpf(2), so the helper
([running without root](running-without-root.md)) writes the maps.

| kernel | setting | a user's process with a map's descriptor writes it | capabilities of tinytap | of the helper | of the lookers | copied of a long body | filters | unknown socket, file |
|---|---|---|---|---|---|---|---|---|
${verdicts.map(rightsRow).join('')}
- **Capabilities**: of all threads while they captured, in each of the kernel's five sets.
- **Copied**: with \`--body-limit ${BODY_LIMIT}\`, a server sent ${FIRST_PART_BYTES} bytes and, three seconds later, the rest of ${LONG_BODY_BYTES}. The recording shows how many bytes the kernel side copied for both ends.
- **Filters**: rows were right under each of ${FILTER_PHASES.map(({ name }) => name).join(', ')}; the last of them chose all processes.
- **Unknown socket, file**: without the kernel's type information (its file was hidden), a program wrote ${UNSEEN_WRITES} requests each to a unix socket and to a file that the kernel side cannot tell apart. The table shows after how
  many writes the socket counted as one, and how many writes to the file were captured. Kernels with the newer programs need type information.
${problems.length === 0 ? '' : `\n## What does not work\n\n${problems.map(problemText).join('\n')}`}
## How it was run

${methods(verdicts)}`;
}

function tableRow(verdict: Verdict): string {
	const { trial, kernel, probe, doctor, seen, capture, way } = verdict;
	const carriers = (side: Side) => [
		...new Set((capture?.rows ?? []).filter((row) => row.side === side).map(({ via }) => via)),
	];
	const attach = !probe?.attaches
		? '**no**'
		: `${probe.attached.length}${probe.missing.length === 0 ? '' : `; missing: ${probe.missing.join(', ')}`}`;
	const rows = (side: Side) => (seen[side] === REQUESTS ? `${seen[side]}` : `**${seen[side]} of ${REQUESTS}**`);
	const complaints = doctor?.complaints.map(complaint) ?? [];
	const cells = [
		`**${kernel.series}** (${kernel.title})`,
		probe?.loads ? 'yes' : '**no**',
		attach,
		`${way ?? 'none'}${trial.oldObject ? ' (forced)' : ''}`,
		rows('server'),
		rows('client'),
		[...carriers('server'), ...carriers('client')].map((via) => `\`${via}\``).join(' ') || 'none',
		doctor === undefined || doctor.error !== undefined ? 'did not answer' : complaints.join('; ') || 'all ok',
	];
	return `| ${cells.map(cell).join(' | ')} |\n`;
}

function rightsRow({ trial, kernel, start, probe, rights, limit, filters, unseen, way }: Verdict): string {
	const names = (threads: readonly ThreadRights[]) =>
		[...new Set(threads.flatMap(({ capabilities }) => Object.values(capabilities).map(capabilityNames)))].join(' / ') ||
		'**not seen**';
	const phases = filters?.phases ?? [];
	const wrong = filtersProblems(filters);
	const cells = [
		`**${trial.name}** (${kernel.title})`,
		start === undefined ? 'none' : `${start.unprivilegedBpfDisabled}`,
		probe?.userWrites === 'written' ? 'yes' : `no: ${probe?.userWrites ?? 'not tried'}`,
		names(rights?.tinytap ?? []),
		names(rights?.helper ?? []),
		names(rights?.lookers ?? []),
		limit === undefined ? '**not tried**' : `${limit.copiedBytes} of ${limit.movedBytes} bytes`,
		wrong.length === 0 ? `all ${phases.length} right` : `**${wrong.length} wrong**`,
		unseen === undefined
			? way === 'exit'
				? 'not tried'
				: '**not tried**'
			: `${unseen.socket.filter(Boolean).length}, ${unseen.file}`,
	];
	return `| ${cells.map(cell).join(' | ')} |\n`;
}

function complaint({ name, status, detail, affects }: Check): string {
	return `${status} (${name}): ${detail}${affects === undefined ? '' : `. Effect: ${affects}`}`;
}

function problemText({ trial, problems }: Verdict): string {
	return `${trial.name}${trial.oldObject ? ' (forced)' : ''}:\n\n${problems.map((problem) => `- ${cell(problem)}\n`).join('')}`;
}

/** Text made safe for a table cell or a list item. */
function cell(text: string): string {
	return text.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|').trim();
}

function methods(verdicts: readonly Verdict[]): string {
	const curl = execFileSync('curl', ['--version'], { encoding: 'utf8' }).split(' ').slice(0, 2).join(' ');
	const clang = execFileSync(process.env.CLANG ?? 'clang', ['--version'], { encoding: 'utf8' }).split('\n')[0];
	const seconds = verdicts.map(({ trial, booted }) => `${booted.seconds} s (${trial.name})`).join(', ');
	return `On ${new Date().toISOString().slice(0, 10)} with ${emulatorVersion()}, Node.js ${process.versions.node}, ${curl}; the BPF object was built with ${clang}.
Power-on to power-off took ${seconds}.

    npm run kernels                  # all of the above; writes this page; exit 1 unless all work
    npm run kernels -- 6.1           # one of them; writes nothing
    npm run kernels -- --refresh     # downloads the newest packages first

The kernels are Debian's packages \`linux-image-*-cloud-amd64\`. apt downloads them from this machine's mirror into \`build/kernels\`, where they are unpacked but never installed.
The root file system is a cpio archive with busybox, Node, curl, script, libbpf and the built tinytap. The machine is

    qemu-system-x86_64 ${MACHINE_ARGUMENTS.join(' ')} …

without KVM, so the instructions are emulated and the times say nothing about tinytap's speed. The console output is in \`build/kernels/*.console.log\`.
`;
}
