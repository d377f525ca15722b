// docs/performance.md: one section a benchmark, each written by the run that measured it.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';

const PATH = join(import.meta.dirname, '../../docs/performance.md');

const INTRODUCTION = `# Performance

Written by \`npm run bench -- NAME\`: each run replaces its own section. Figures belong to the machine they were taken on;
ratios between programs measured in the same run carry further than times do. A figure reads *median (min–max)*.
`;

/** Replaces or adds the section that begins with this marker. `body` begins with the heading. */
export function writeSection(name: string, body: string): void {
	const open = `<!-- ${name}: written by npm run bench -- ${name} -->`;
	const close = `<!-- end of ${name} -->`;
	const page = existsSync(PATH) ? readFileSync(PATH, 'utf8') : INTRODUCTION;
	const section = `${open}\n${body.trim()}\n${close}`;
	const start = page.indexOf(open);
	const end = page.indexOf(close);
	const text =
		start < 0 || end < start
			? `${page.trimEnd()}\n\n${section}\n`
			: page.slice(0, start) + section + page.slice(end + close.length);
	writeFileSync(PATH, text);
}

/** When, where and with what the figures were taken: lines of a list. */
export function circumstances(command: string, versions: Readonly<Record<string, string>>): string {
	const cpu = cpus();
	const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
	const names = Object.entries({ Node: process.versions.node, V8: process.versions.v8, ...versions });
	return [
		`- Command: \`${command}\``,
		`- Taken: ${new Date().toISOString().slice(0, 16)}Z at commit ${commit()}`,
		`- Machine: ${cpu[0]?.model.trim() ?? 'unknown CPU'}, ${cpu.length} cores, ${memory}, Linux ${release()}, load of the last minute ${loadavg()[0]!.toFixed(1)} (1 is this run's own)`,
		`- Versions: ${names.map(([name, version]) => `${name} ${version}`).join(', ')}`,
	].join('\n');
}

function commit(): string {
	try {
		return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', cwd: import.meta.dirname }).trim();
	} catch {
		// An unpacked archive has no history.
		return 'unknown';
	}
}
