// docs/kernels.md: what was found on each kernel, and how.
import { execFileSync } from 'node:child_process';
import { LARGE_BODY_BYTES, SMALL_REQUESTS } from './findings.ts';
import { emulatorVersion, MACHINE_ARGUMENTS } from './machine.ts';
import { REQUESTS, type Side, type Verdict } from './verdict.ts';

export function page(verdicts: readonly Verdict[], wanted: readonly string[]): string {
	const absent = wanted.filter((series) => !verdicts.some(({ kernel }) => kernel.series === series));
	const problems = verdicts.filter(({ works }) => !works);
	return `# Kernels

Written by \`npm run kernels\`: Debian's kernels boot in an emulated machine, and in each tinytap is used as anybody would.

| kernel | programs load | attach | server rows | client rows | carriers seen | \`tinytap doctor\` |
|---|---|---|---|---|---|---|
${verdicts.map(tableRow).join('')}${absent.map((series) => `| ${series} | not tried: Debian's mirror did not have it | | | | | |\n`).join('')}
- **Programs load, attach**: the addon alone; the number is that of tracepoints. A tracepoint that a kernel lacks is named.
- **Rows**: curl sent ${SMALL_REQUESTS} GETs on one connection and a POST of ${LARGE_BODY_BYTES} bytes, which came back, to a server in Node.
  A row counts when method, path, status, the number of body bytes and the number of bytes held are right, its state is \`complete\`, and nothing was lost.
${problems.length === 0 ? '' : `\n## What does not work\n\n${problems.map(problemText).join('\n')}`}
## How it was run

${methods(verdicts)}`;
}

function tableRow(verdict: Verdict): string {
	const { kernel, probe, doctor, seen, capture } = verdict;
	const carriers = (side: Side) => [
		...new Set((capture?.rows ?? []).filter((row) => row.side === side).map(({ via }) => via)),
	];
	const attach = !probe?.attaches
		? '**no**'
		: `${probe.attached.length}${probe.missing.length === 0 ? '' : `; missing: ${probe.missing.join(', ')}`}`;
	const rows = (side: Side) => (seen[side] === REQUESTS ? `${seen[side]}` : `**${seen[side]} of ${REQUESTS}**`);
	const complaints = doctor?.complaints.map(({ name, status, detail }) => `${name} (${status}): ${detail}`) ?? [];
	const cells = [
		`**${kernel.series}** ${kernel.title}`,
		probe?.loads ? 'yes' : '**no**',
		attach,
		rows('server'),
		rows('client'),
		[...carriers('server'), ...carriers('client')].map((via) => `\`${via}\``).join(' ') || 'none',
		doctor === undefined || doctor.error !== undefined ? 'did not answer' : complaints.join('; ') || 'all ok',
	];
	return `| ${cells.map(cell).join(' | ')} |\n`;
}

function problemText({ kernel, problems }: Verdict): string {
	return `${kernel.series}:\n\n${problems.map((problem) => `- ${cell(problem)}\n`).join('')}`;
}

/** Text that stays within a cell or a list item. */
function cell(text: string): string {
	return text.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|').trim();
}

function methods(verdicts: readonly Verdict[]): string {
	const curl = execFileSync('curl', ['--version'], { encoding: 'utf8' }).split(' ').slice(0, 2).join(' ');
	const clang = execFileSync(process.env.CLANG ?? 'clang', ['--version'], { encoding: 'utf8' }).split('\n')[0];
	const seconds = verdicts.map(({ kernel, booted }) => `${kernel.series} ${booted.seconds} s`).join(', ');
	return `On ${new Date().toISOString().slice(0, 10)} with ${emulatorVersion()}, Node.js ${process.versions.node}, ${curl}; the BPF object was built with ${clang}.
From power on to power off it took ${seconds}.

    npm run kernels                  # all of the above; writes this page; exit 1 unless all work
    npm run kernels -- 6.1           # one of them, nothing written
    npm run kernels -- --refresh     # the newest packages again

The kernels are Debian's packages \`linux-image-*-cloud-amd64\`, downloaded by apt from this machine's mirror into \`build/kernels\` and unpacked there, never installed.
The root file system is a cpio archive with busybox, Node, curl, libbpf and the built tinytap; the machine is

    qemu-system-x86_64 ${MACHINE_ARGUMENTS.join(' ')} …

without KVM, so the instructions are emulated and times say nothing about tinytap's speed. \`build/kernels/*.console.log\` hold the consoles.
`;
}
