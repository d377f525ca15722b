// The machines to emulate: an ordinary PC, and an arm64 server.

export type Architecture = {
	readonly name: 'x64' | 'arm64';
	/** Debian's name of it. */
	readonly debian: string;
	readonly emulator: string;
	/** Arguments that are the same for every kernel; the page shows them. */
	readonly machine: readonly string[];
	/** The console's device. */
	readonly console: string;
	/** Compiles static programs for it. */
	readonly compiler: string;
	/** Directories of shared libraries, without the leading slash. */
	readonly libraries: readonly string[];
};

const ALL = ['-smp', '2', '-nographic', '-no-reboot', '-nodefaults', '-serial', 'stdio'];

export const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
	x64: {
		name: 'x64',
		debian: 'amd64',
		emulator: 'qemu-system-x86_64',
		// One thread emulates all processors. With several, an emulated processor may run an instruction that another
		// has already replaced, and the kernel patches itself when a tracepoint is attached ("Oops: int3").
		machine: ['-accel', 'tcg,thread=single', '-cpu', 'max', '-m', '1024', ...ALL],
		console: 'ttyS0',
		compiler: process.env.CC ?? 'gcc',
		libraries: ['lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu', 'lib64'],
	},
	arm64: {
		name: 'arm64',
		debian: 'arm64',
		emulator: 'qemu-system-aarch64',
		machine: ['-M', 'virt', '-accel', 'tcg,thread=multi', '-cpu', 'max', '-m', '1536', ...ALL],
		console: 'ttyAMA0',
		compiler: 'aarch64-linux-gnu-gcc',
		libraries: ['lib/aarch64-linux-gnu', 'usr/lib/aarch64-linux-gnu', 'lib'],
	},
};
