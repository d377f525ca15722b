// What the compiled BPF objects may contain: they must also load on kernels that are not available here.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { elfMachine, elfSections } from '../../support/elf.ts';

const PREBUILT = join(import.meta.dirname, '../../prebuilt/bpf');

/** The section of the programs at the exits of calls, others that do not begin with `tracepoint/`, and the minimum number of code sections. */
const OBJECTS = ['x64', 'arm64'].flatMap((architecture) => [
	{ object: `${architecture}/tinytap.bpf.o`, exits: 'tp_btf/sys_exit', others: [], sections: 10 },
	{ object: `${architecture}/tinytap-old.bpf.o`, exits: 'tracepoint/syscalls/sys_exit_read', others: [], sections: 68 },
	{
		object: `${architecture}/tinytap-tls.bpf.o`,
		exits: 'uprobe',
		others: ['raw_tp', 'raw_tp/sched_process_exit'],
		sections: 3,
	},
]);

for (const { object, exits, others, sections: least } of OBJECTS) {
	describe(object, () => {
		const all = elfSections(join(PREBUILT, object));
		const find = (name: string) => all.find((each) => each.name === name)?.data;

		it('is an object for BPF', () => {
			assert.equal(elfMachine(join(PREBUILT, object)), 247);
		});

		it('contains only programs for tracepoints or for functions of libraries, and functions they share', () => {
			// SHF_EXECINSTR
			const code = all.filter((each) => (each.flags & 4n) !== 0n && each.data.length > 0).map((each) => each.name);
			assert.ok(code.length >= least, `${code.length} sections with code`);
			assert.ok(code.includes(exits));
			assert.deepEqual(
				code.filter((name) => name !== '.text' && name !== exits && !name.startsWith('tracepoint/')).sort(),
				others,
			);
		});

		it('has types and lines for the verifier, but no other debug information and no CO-RE relocation', () => {
			assert.deepEqual(
				all.filter(({ name }) => /^\.(debug|rel\.(debug|BTF))/.test(name)),
				[],
			);
			assert.ok(find('.BTF')!.length > 0);
			const extension = find('.BTF.ext')!;
			assert.equal(extension.readUInt16LE(0), 0xeb9f);
			// btf_ext_header: magic, version, flags, hdr_len, then offset and length of func_info, line_info and core_relo.
			assert.ok(extension.readUInt32LE(20) > 0, 'no lines');
			const headerBytes = extension.readUInt32LE(4);
			const relocations = headerBytes >= 32 ? extension.readUInt32LE(28) : 0;
			assert.equal(relocations, 0);
		});

		it('has a licence that allows GPL-only helpers', () => {
			assert.equal(find('license')!.toString('latin1'), 'Dual MIT/GPL\0');
		});
	});
}
