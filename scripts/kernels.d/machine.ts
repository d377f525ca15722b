// An emulated machine that boots one kernel and stops: QEMU without KVM, so it runs wherever Node does.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import type { Architecture } from './architecture.ts';

export type Machine = {
	readonly architecture: Architecture;
	readonly kernelImage: string;
	readonly initramfs: string;
	/** Words for the kernel's command line, which /init reads. */
	readonly words: readonly string[];
	/** File for the console output, written whatever happens. */
	readonly consoleLog: string;
	/** How long the machine may run before it is switched off. */
	readonly limitMs: number;
};

export type Booted = {
	readonly console: string;
	readonly seconds: number;
	/** The machine did not switch itself off in time. */
	readonly timedOut: boolean;
};

/** no_timer_check: on a busy machine, the emulated timer is too late for the kernel's test of it (x86). */
const KERNEL_COMMAND_LINE = 'panic=-1 loglevel=4 no_timer_check';

/** `QEMU emulator version 7.2.22 …` */
export function emulatorVersion({ emulator }: Architecture): string {
	return execFileSync(emulator, ['--version'], { encoding: 'utf8' }).split('\n')[0] ?? '';
}

/** Boots, waits until the machine is off, and resolves to its console output. */
export async function boot({
	architecture,
	kernelImage,
	initramfs,
	words,
	consoleLog,
	limitMs,
}: Machine): Promise<Booted> {
	const started = performance.now();
	const commandLine = [`console=${architecture.console}`, KERNEL_COMMAND_LINE, ...words].join(' ');
	const parts = ['-kernel', kernelImage, '-initrd', initramfs, '-append', commandLine];
	const child = spawn(architecture.emulator, [...architecture.machine, ...parts], {
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	const switchOff = () => child.kill('SIGKILL');
	process.once('exit', switchOff);
	let timedOut = false;
	const timer = setTimeout(() => {
		timedOut = true;
		switchOff();
	}, limitMs);
	try {
		const console = await consoleOf(child);
		writeFileSync(consoleLog, console);
		return { console, seconds: Math.round((performance.now() - started) / 1000), timedOut };
	} finally {
		clearTimeout(timer);
		process.off('exit', switchOff);
	}
}

function consoleOf(child: ChildProcess): Promise<string> {
	return new Promise((resolve, reject) => {
		let text = '';
		child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
			text += chunk;
		});
		child.on('error', reject);
		child.on('close', () => resolve(text));
	});
}
