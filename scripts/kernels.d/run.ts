// Boots each kernel with tinytap in it, prints the findings, and writes docs/kernels.md. Exits with 1 unless all work.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { ARCHITECTURES, type Architecture } from './architecture.ts';
import { findingsIn } from './findings.ts';
import { guestPrograms } from './guest-programs.ts';
import { writeInitramfs } from './initramfs.ts';
import { kernelPackages } from './kernel-packages.ts';
import { boot } from './machine.ts';
import { foreignSection, page, withForeignSection } from './page.ts';
import { judge, type Trial, type Verdict } from './verdict.ts';

/** One kernel before bpf_task_pt_regs (5.15) and bpf_loop (5.17), one with both, and a recent one. */
const TRIALS: Readonly<Record<string, readonly Trial[]>> = {
	x64: [
		{ name: '5.10', series: '5.10', oldObject: false },
		{ name: '6.1', series: '6.1', oldObject: false },
		{ name: '6.1-old', series: '6.1', oldObject: true },
		{ name: '6.12', series: '6.12', oldObject: false },
	],
	arm64: [
		{ name: '6.1', series: '6.1', oldObject: false },
		{ name: '6.1-old', series: '6.1', oldObject: true },
	],
};
const LIMIT_MS = 15 * 60_000;

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: { arch: { type: 'string' }, refresh: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
});
const wanted = values.arch ?? 'x64';
const architecture = ARCHITECTURES[wanted];
const known = TRIALS[wanted] ?? [];
const names = known.map(({ name }) => name).join(', ');
const chosen = positionals.length === 0 ? known : known.filter(({ name }) => positionals.includes(name));
if (values.help) {
	console.log(`usage: npm run kernels [-- [--arch x64|arm64] [--refresh] [NAME …]]
Boots Debian's kernels in an emulated machine, captures in each, writes docs/kernels.md.
With NAME (${names}) only these, and nothing is written. --refresh downloads the kernels again.`);
} else if (architecture === undefined) {
	console.error(`kernels: expected --arch x64 or arm64, got ${wanted}`);
	process.exitCode = 2;
} else if (chosen.length < positionals.length) {
	console.error(`kernels: expected names from ${names}, got ${positionals.join(' ')}`);
	process.exitCode = 2;
} else await main(architecture, chosen);

async function main(architecture: Architecture, trials: readonly Trial[]): Promise<void> {
	const root = join(import.meta.dirname, '../..');
	const directory = join(root, 'build/kernels', architecture.name === 'x64' ? '' : architecture.name);
	mkdirSync(directory, { recursive: true });
	// A normal exit switches a running machine off.
	for (const [signal, exitCode] of [
		['SIGINT', 130],
		['SIGTERM', 143],
		['SIGHUP', 129],
	] as const)
		process.once(signal, () => process.exit(exitCode));
	const series = [...new Set(trials.map((trial) => trial.series))];
	const kernels = kernelPackages(series, directory, architecture, { refresh: values.refresh === true });
	const initramfs = await initramfsFor(root, directory, architecture);
	const verdicts: Verdict[] = [];
	for (const trial of trials) {
		const kernel = kernels.find((candidate) => candidate.series === trial.series);
		if (kernel === undefined) {
			console.log(`${trial.name}: Debian's mirror has no such kernel`);
			continue;
		}
		console.log(`${trial.name}: booting ${kernel.title} …`);
		const consoleLog = join(directory, `${trial.name}.console.log`);
		const words = trial.oldObject ? ['tinytap.old'] : [];
		const booted = await boot({
			architecture,
			kernelImage: kernel.image,
			initramfs,
			words,
			consoleLog,
			limitMs: LIMIT_MS,
		});
		const verdict = judge(trial, kernel, booted, findingsIn(booted.console));
		verdicts.push(verdict);
		console.log(`${trial.name}: ${verdict.works ? 'works' : 'DOES NOT WORK'} (${booted.seconds} s, see ${consoleLog})`);
		for (const problem of verdict.problems) console.log(`  ${problem}`);
	}
	if (trials === known) {
		const path = join(root, 'docs/kernels.md');
		const written = readFileSync(path, 'utf8');
		if (architecture.name === 'x64')
			writeFileSync(path, withForeignSection(page(verdicts, trials, architecture), written));
		else writeFileSync(path, withForeignSection(written, foreignSection(verdicts, trials, architecture)));
		console.log('docs/kernels.md is written');
	}
	if (verdicts.length === 0 || verdicts.some(({ works }) => !works)) process.exitCode = 1;
}

/** Bundles the check and packs everything that the machines need; resolves to the archive's path. */
async function initramfsFor(root: string, directory: string, architecture: Architecture): Promise<string> {
	const check = join(directory, 'check.mjs');
	await build({
		entryPoints: [join(import.meta.dirname, 'check.ts')],
		outfile: check,
		bundle: true,
		platform: 'node',
		target: 'node20.19',
		format: 'esm',
		logLevel: 'warning',
	});
	const unseen = join(directory, 'unseen');
	const source = join(import.meta.dirname, 'unseen.c');
	execFileSync(architecture.compiler, ['-O2', '-Wall', '-D_GNU_SOURCE', '-static', '-o', unseen, source]);
	const path = join(directory, 'initramfs.cpio');
	const isOwn = architecture.name === process.arch;
	writeInitramfs(path, {
		...{ root, init: join(import.meta.dirname, 'init'), check, unseen },
		native: join(root, isOwn ? 'build' : `prebuilt/linux-${architecture.name}`),
		objects: join(root, isOwn ? 'build' : `prebuilt/bpf/${architecture.name}`),
		programs: guestPrograms(directory, architecture),
	});
	return path;
}
