// Boots each kernel with tinytap in it, prints what it found, writes docs/kernels.md. Exit 1 unless all work.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { findingsIn } from './findings.ts';
import { writeInitramfs } from './initramfs.ts';
import { kernelPackages } from './kernel-packages.ts';
import { boot } from './machine.ts';
import { page } from './page.ts';
import { judge, type Verdict } from './verdict.ts';

/** One before bpf_task_pt_regs (5.15) and bpf_loop (5.17), one with both, one that is recent. */
const SERIES = ['5.10', '6.1', '6.12'];
const LIMIT_MS = 15 * 60_000;

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: { refresh: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
});
if (values.help) {
	console.log(`usage: npm run kernels [-- [--refresh] [SERIES …]]
Boots Debian's kernels (${SERIES.join(', ')}) in an emulated machine, captures in each, writes docs/kernels.md.
With SERIES only these, and nothing is written. --refresh downloads the kernels again.`);
} else await main(positionals.length > 0 ? positionals : SERIES);

async function main(wanted: readonly string[]): Promise<void> {
	const root = join(import.meta.dirname, '../..');
	const directory = join(root, 'build/kernels');
	mkdirSync(directory, { recursive: true });
	const kernels = kernelPackages(wanted, directory, { refresh: values.refresh === true });
	const initramfs = await initramfsFor(root, directory);
	const verdicts: Verdict[] = [];
	for (const series of wanted) {
		const kernel = kernels.find((candidate) => candidate.series === series);
		if (kernel === undefined) {
			console.log(`${series}: Debian's mirror has no such kernel`);
			continue;
		}
		console.log(`${series}: booting ${kernel.title} …`);
		const consoleLog = join(directory, `${series}.console.log`);
		const booted = await boot({ kernelImage: kernel.image, initramfs, consoleLog, limitMs: LIMIT_MS });
		const verdict = judge(kernel, booted, findingsIn(booted.console));
		verdicts.push(verdict);
		console.log(
			`${series}: ${verdict.works ? 'works' : 'DOES NOT WORK'} (${booted.seconds} s, console in ${consoleLog})`,
		);
		for (const problem of verdict.problems) console.log(`  ${problem}`);
	}
	if (wanted === SERIES) {
		writeFileSync(join(root, 'docs/kernels.md'), page(verdicts, wanted));
		console.log('docs/kernels.md is written');
	}
	if (verdicts.length === 0 || verdicts.some(({ works }) => !works)) process.exitCode = 1;
}

/** Bundles the check and packs everything the machines need; resolves to the archive's path. */
async function initramfsFor(root: string, directory: string): Promise<string> {
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
	const path = join(directory, 'initramfs.cpio');
	writeInitramfs(path, { root, init: join(import.meta.dirname, 'init'), check });
	return path;
}
