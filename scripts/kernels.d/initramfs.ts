// An in-memory root file system for a kernel under test: busybox, Node, curl, tinytap and the check, as a cpio archive.
import { closeSync, openSync, readdirSync, readFileSync, statSync, writeSync } from 'node:fs';
import { join, posix } from 'node:path';
import type { GuestPrograms } from './guest-programs.ts';
import { USER_ID } from './programs.ts';

type Entry = {
	/** Path without the leading slash. */
	readonly name: string;
	/** Type and permissions, as in stat. */
	readonly mode: number;
	readonly content: Buffer;
	/** Major and minor number of a device. */
	readonly device?: readonly [number, number];
};

const DIRECTORY = 0o040755;
const PROGRAM = 0o100755;
const READABLE = 0o100644;
const SYMLINK = 0o120777;
const CONSOLE = 0o020600;

export type InitramfsContents = {
	/** Root of a built checkout. */
	readonly root: string;
	/** Directories of the addon with the privileged programs, and of the BPF objects. */
	readonly native: string;
	readonly objects: string;
	readonly programs: GuestPrograms;
	/** Becomes /init. */
	readonly init: string;
	/** Becomes /check.mjs. */
	readonly check: string;
	/** Becomes /tinytap/unseen, a static program. */
	readonly unseen: string;
};

/** Writes the archive to `path`, uncompressed, because otherwise the emulated processor would have to decompress it. */
export function writeInitramfs(
	path: string,
	{ root, native, objects, programs, init, check, unseen }: InitramfsContents,
): void {
	const entries = new Map<string, Entry>();
	const add = (name: string, mode: number, content: Buffer, device?: readonly [number, number]) => {
		for (let parent = posix.dirname(name); parent !== '.' && !entries.has(parent); parent = posix.dirname(parent))
			entries.set(parent, { name: parent, mode: DIRECTORY, content: Buffer.alloc(0) });
		entries.set(name, { name, mode, content, device });
	};
	const addProgram = (from: string, to: string) => {
		add(to, PROGRAM, readFileSync(from));
		for (const [name, file] of programs.librariesOf(from)) add(name, PROGRAM, readFileSync(file));
	};

	for (const name of ['proc', 'sys', 'tmp', 'root', 'dev']) add(name, DIRECTORY, Buffer.alloc(0));
	// The kernel opens this for /init before devtmpfs is mounted.
	add('dev/console', CONSOLE, Buffer.alloc(0), [5, 1]);
	const user = `tester:x:${USER_ID}:${USER_ID}:tester:/tmp:/bin/sh\n`;
	add('etc/passwd', READABLE, Buffer.from(`root:x:0:0:root:/root:/bin/sh\n${user}`));
	add('etc/group', READABLE, Buffer.from(`root:x:0:\ntester:x:${USER_ID}:\n`));
	addProgram(programs.busybox, 'bin/busybox');
	for (const name of ['sh', 'mount', 'umount', 'cat', 'ls', 'sleep', 'killall'])
		add(`bin/${name}`, SYMLINK, Buffer.from('busybox'));
	addProgram(programs.node, 'usr/bin/node');
	for (const name of ['server-a', 'server-b']) add(`usr/bin/${name}`, SYMLINK, Buffer.from('node'));
	for (const name of ['curl', 'script'] as const) addProgram(programs[name], `usr/bin/${name}`);
	for (const file of [
		'tinytap.node',
		'tinytap-launcher',
		'tinytap-attacher',
		'tinytap-helper',
		'tinytap-looker',
		'tinytap-tls-helper',
	])
		addProgram(join(native, file), `tinytap/build/${file}`);
	addProgram(unseen, 'tinytap/unseen');
	add('tinytap/package.json', PROGRAM, readFileSync(join(root, 'package.json')));
	for (const file of ['tinytap.bpf.o', 'tinytap-old.bpf.o', 'tinytap-tls.bpf.o'])
		add(`tinytap/build/${file}`, PROGRAM, readFileSync(join(objects, file)));
	add('tinytap/build/decoder.wasm', PROGRAM, readFileSync(join(root, 'build/decoder.wasm')));
	for (const folder of ['dist', 'queries'])
		for (const file of filesBelow(join(root, folder)).filter((name) => !name.endsWith('.map')))
			add(`tinytap/${folder}/${file}`, PROGRAM, readFileSync(join(root, folder, file)));
	add('init', PROGRAM, readFileSync(init));
	add('check.mjs', PROGRAM, readFileSync(check));
	// A directory must precede its contents.
	writeCpio(
		path,
		[...entries.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
	);
}

function filesBelow(directory: string): string[] {
	return readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) =>
		statSync(join(directory, name)).isFile(),
	);
}

/** The format "newc" of cpio, as the kernel's Documentation/driver-api/early-userspace describes it. */
function writeCpio(path: string, entries: readonly Entry[]): void {
	const file = openSync(path, 'w', 0o600);
	try {
		const end: Entry = { name: 'TRAILER!!!', mode: 0, content: Buffer.alloc(0) };
		[...entries, end].forEach(({ name, mode, content, device = [0, 0] }, index) => {
			const nameBytes = Buffer.from(`${name}\0`);
			const fields = [
				index + 1, // inode number: must only be unique
				mode,
				0, // owner
				0, // group
				1, // links
				0, // time of modification
				content.length,
				0, // device that holds it: major, minor
				0,
				...device,
				nameBytes.length,
				0, // checksum: none in this format
			];
			const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
			const head = Buffer.concat([Buffer.from(header), nameBytes]);
			for (const part of [head, content]) {
				writeSync(file, part);
				writeSync(file, Buffer.alloc(-part.length & 3));
			}
		});
	} finally {
		closeSync(file);
	}
}
