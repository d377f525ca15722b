// docs/kernels.md: the findings on each kernel, and how they were obtained.
import { execFileSync } from 'node:child_process';
import type { Check } from '../../src/capture/check.ts';
import type { Architecture } from './architecture.ts';
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
import { emulatorVersion } from './machine.ts';
import { REQUESTS, type Side, type Trial, type Verdict } from './verdict.ts';

const FOREIGN_HEADING = '## arm64\n';
const HEADER = `| kernel | programs load | tracepoints | arguments read at | server rows | client rows | carriers | \`tinytap doctor\` |
|---|---|---|---|---|---|---|---|
`;
const RIGHTS_HEADER = `| kernel | setting | a user's process with a map's descriptor writes it | capabilities of tinytap | of the helper | of the lookers | copied of a long body | filters | unknown socket, file |
|---|---|---|---|---|---|---|---|---|
`;

/** The page without the section of another architecture. */
export function page(verdicts: readonly Verdict[], trials: readonly Trial[], architecture: Architecture): string {
	return `# Kernels

\`npm run kernels\` writes this page. It boots Debian's kernels in an emulated machine and runs tinytap in each, as a user would.

${table(verdicts, trials)}
- **Programs load, tracepoints**: tested with the addon alone. The number counts the attached tracepoints; the table names those that the kernel lacks.
- **Arguments read at**: from Linux 5.17 on, arguments are read when a call returns. Older kernels get a second object, whose programs read them
  when a call begins; it misses calls that are already waiting when the capture starts. "forced" means that a kernel got it without needing it.
- **Rows**: curl sent ${SMALL_REQUESTS} GETs on one connection and a POST of ${LARGE_BODY_BYTES} bytes to a server in Node, which sent the bytes back.
  A row counts if method, path, status, the number of body bytes and the number of bytes held are correct, its state is \`complete\`, and nothing was lost.

## Without privileges

tinytap was started with \`sudo\`, with \`kernel.unprivileged_bpf_disabled\` as distributions set it. Before Linux 5.19 the kernel then refuses tinytap itself every call of bpf(2), so the helper
([running without root](running-without-root.md)) writes the maps.

${RIGHTS_HEADER}${verdicts.map(rightsRow).join('')}
- **Capabilities**: of all threads while they captured, in each of the kernel's five sets.
- **Copied**: with \`--body-limit ${BODY_LIMIT}\`, a server sent ${FIRST_PART_BYTES} bytes and, three seconds later, the rest of ${LONG_BODY_BYTES}. The recording shows how many bytes the kernel side copied for both ends.
- **Filters**: rows were right under each of ${FILTER_PHASES.map(({ name }) => name).join(', ')}; the last of them chose all processes.
- **Unknown socket, file**: without the kernel's type information (its file was hidden), a program wrote ${UNSEEN_WRITES} requests each to a unix socket and to a file that the kernel side cannot tell apart. The table shows after how
  many writes the socket counted as one, and how many writes to the file were captured. Kernels with the newer programs need type information.
${problemsText(verdicts)}
## How it was run

${methods(verdicts, architecture)}`;
}

/** The section of an architecture for which everything is cross-built. */
export function foreignSection(
	verdicts: readonly Verdict[],
	trials: readonly Trial[],
	architecture: Architecture,
): string {
	return `${FOREIGN_HEADING}
\`npm run kernels -- --arch ${architecture.name}\` writes this section. It does the same with the committed binaries for ${architecture.name}, which are compiled on x64 (\`prebuilt/\`).

${table(verdicts, trials)}
${RIGHTS_HEADER}${verdicts.map(rightsRow).join('')}
On ${today()} with ${emulatorVersion(architecture)} and Node.js ${process.versions.node}. Power-on to power-off took ${durations(verdicts)}.
curl, busybox, script and their libraries are Debian's packages for ${architecture.debian}, Node is the npm package \`node-linux-${architecture.name}\`. The machine is

    ${architecture.emulator} ${architecture.machine.join(' ')} …
${problemsText(verdicts)}`;
}

/** The page with the section that \`from\`, a whole page or a section, contains. */
export function withForeignSection(page: string, from: string): string {
	const own = page.split(`\n${FOREIGN_HEADING}`)[0]!.trimEnd();
	const at = from.indexOf(FOREIGN_HEADING);
	return at < 0 ? `${own}\n` : `${own}\n\n${from.slice(at).trimEnd()}\n`;
}

function table(verdicts: readonly Verdict[], trials: readonly Trial[]): string {
	const absent = trials.filter((trial) => !verdicts.some((verdict) => verdict.trial === trial));
	const untried = absent.map(({ name }) => `| ${name} | not tried: Debian's mirror did not have it | | | | | | |\n`);
	return `${HEADER}${verdicts.map(tableRow).join('')}${untried.join('')}`;
}

function problemsText(verdicts: readonly Verdict[]): string {
	const problems = verdicts.filter(({ works }) => !works);
	return problems.length === 0 ? '' : `\n## What does not work\n\n${problems.map(problemText).join('\n')}`;
}

function durations(verdicts: readonly Verdict[]): string {
	return verdicts.map(({ trial, booted }) => `${booted.seconds} s (${trial.name})`).join(', ');
}

function today(): string {
	return new Date().toISOString().slice(0, 10);
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

function methods(verdicts: readonly Verdict[], architecture: Architecture): string {
	const curl = execFileSync('curl', ['--version'], { encoding: 'utf8' }).split(' ').slice(0, 2).join(' ');
	return `On ${today()} with ${emulatorVersion(architecture)}, Node.js ${process.versions.node}, ${curl}.
Power-on to power-off took ${durations(verdicts)}.

    npm run kernels                  # all of the above; writes this page; exit 1 unless all work
    npm run kernels -- 6.1           # one of them; writes nothing
    npm run kernels -- --refresh     # downloads the newest packages first
    npm run kernels -- --arch arm64  # the section below

The kernels are Debian's packages \`linux-image-*-cloud-amd64\`. apt downloads them from this machine's mirror into \`build/kernels\`, where they are unpacked but never installed.
The root file system is a cpio archive with busybox, Node, curl, script and the built tinytap. The machine is

    ${architecture.emulator} ${architecture.machine.join(' ')} …

without KVM, so the instructions are emulated and the times say nothing about tinytap's speed. The console output is in \`build/kernels/*.console.log\`.
`;
}
