// What a 64-bit little-endian ELF file contains and needs, on whatever machine it is for.
import { readFileSync } from 'node:fs';

export type Section = {
	readonly name: string;
	readonly type: number;
	readonly flags: bigint;
	readonly data: Buffer;
};

const NO_BITS = 8;
const DT_NEEDED = 1n;

export function elfSections(path: string): Section[] {
	const file = readFileSync(path);
	if (file.toString('latin1', 0, 6) !== '\x7fELF\x02\x01') throw new Error(`expected a 64-bit ELF file, got ${path}`);
	const table = Number(file.readBigUInt64LE(40));
	const entryBytes = file.readUInt16LE(58);
	const header = (index: number) => {
		const at = table + index * entryBytes;
		const begin = Number(file.readBigUInt64LE(at + 24));
		const type = file.readUInt32LE(at + 4);
		// This type has a size but no bytes.
		const bytes = type === NO_BITS ? 0 : Number(file.readBigUInt64LE(at + 32));
		return {
			name: file.readUInt32LE(at),
			type,
			flags: file.readBigUInt64LE(at + 8),
			data: file.subarray(begin, begin + bytes),
		};
	};
	const names = header(file.readUInt16LE(62)).data;
	return Array.from({ length: file.readUInt16LE(60) }, (_, index) => {
		const { name, ...rest } = header(index);
		return { name: textAt(names, name), ...rest };
	});
}

/** The number of the machine: 62 is x86-64, 183 is arm64, 247 is BPF. */
export function elfMachine(path: string): number {
	return readFileSync(path).readUInt16LE(18);
}

/** The dynamic linker and the shared libraries that a file names itself; empty for a static program. */
export function neededFiles(path: string): { readonly linker: string | undefined; readonly libraries: string[] } {
	const sections = elfSections(path);
	const { dynamic, names } = dynamicParts(sections);
	const libraries: string[] = [];
	for (let at = 0; at < dynamic.length; at += 16)
		if (dynamic.readBigInt64LE(at) === DT_NEEDED)
			libraries.push(textAt(names, Number(dynamic.readBigUInt64LE(at + 8))));
	const linker = sections.find(({ name }) => name === '.interp')?.data;
	return { linker: linker === undefined ? undefined : textAt(linker, 0), libraries };
}

/** The versions of symbols that a file needs from its libraries: `GLIBC_2.28`. */
export function neededVersions(path: string): string[] {
	const sections = elfSections(path);
	const { names } = dynamicParts(sections);
	const needs = sections.find(({ name }) => name === '.gnu.version_r')?.data ?? Buffer.alloc(0);
	const versions: string[] = [];
	for (let at = 0, next = needs.length === 0 ? 0 : 1; next !== 0; at += next) {
		next = needs.readUInt32LE(at + 12);
		for (let of = at + needs.readUInt32LE(at + 8), count = needs.readUInt16LE(at + 2); count > 0; count--) {
			versions.push(textAt(names, needs.readUInt32LE(of + 8)));
			of += needs.readUInt32LE(of + 12);
		}
	}
	return versions;
}

function dynamicParts(sections: readonly Section[]): { readonly dynamic: Buffer; readonly names: Buffer } {
	const data = (wanted: string) => sections.find(({ name }) => name === wanted)?.data ?? Buffer.alloc(0);
	return { dynamic: data('.dynamic'), names: data('.dynstr') };
}

function textAt(bytes: Buffer, at: number): string {
	return bytes.toString('latin1', at, bytes.indexOf(0, at));
}
