// native/tls_places.cc: where probes are put in the TLS libraries of this machine, how their machine code is read, and what
// damaged files do.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, realpathSync, truncateSync, writeFileSync } from 'node:fs';
import { arch } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { temporaryDirectory } from '../../support/servers.ts';

const ROOT = join(import.meta.dirname, '../..');
const LIBRARIES = `/usr/lib/${arch() === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
/** Members of enum tls_function and enum capture_tls_library. */
const [READ, WRITE, HANDSHAKE, FREE] = [1, 2, 3, 4];
const [OPENSSL, GNUTLS, NSS] = [1, 2, 3];

type Place = { function: number; length: number; entry: number; return: number; slow: boolean; code: string };
type Found = { library: number; version: string; unread: string; slow: number; place: string; places: Place[] };

const directory = temporaryDirectory();
const program = join(directory.path, 'tls_places');

before(() => {
	const sources = ['test/fixtures/tls_places', 'native/machine_code', 'native/elf_file', 'native/tls_places'];
	const checks = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
	const files = sources.map((name) => join(ROOT, `${name}.cc`));
	execFileSync(process.env.CXX ?? 'g++', ['-std=c++17', '-O1', ...checks, '-o', program, ...files]);
});
after(() => directory.remove());

function find(path: string): Found {
	return JSON.parse(execFileSync(program, ['print', path], { encoding: 'utf8' }));
}

function placesOf(found: Found, what: number): Place[] {
	return found.places.filter((place) => place.function === what);
}

/** On x64: the kernel emulates push of a register, nop, jmp, call, and conditional jumps. */
function isEmulated(code: string): boolean {
	return /^(4?1?5[0-7]|90|e[89b]|7|0f8)/.test(code.startsWith('41') ? code.slice(2) : code);
}

const isX64 = { skip: arch() === 'x64' ? false : 'knows the machine code of x64' };

test('OpenSSL is probed where its functions meet, at instructions that the kernel emulates', isX64, () => {
	const found = find(join(LIBRARIES, 'libssl.so.3'));
	assert.equal(found.library, OPENSSL);
	assert.match(found.version, /^3\.\d+/);
	assert.equal(found.slow, 0);
	for (const what of [READ, WRITE, HANDSHAKE, FREE]) {
		const places = placesOf(found, what);
		assert.equal(places.length, 1, `function ${what}`);
		assert.equal(places[0]!.slow, false);
		assert.ok(isEmulated(places[0]!.code), places[0]!.code);
		assert.equal(places[0]!.return, what === FREE ? 0 : places[0]!.entry);
	}
	assert.ok(found.place.startsWith('ssl_read_internal'), found.place);
	// The shared functions return lengths through a pointer; since OpenSSL 3.3 that of writing is the fifth argument.
	assert.equal(placesOf(found, READ)[0]!.length, 4);
	assert.equal(placesOf(found, WRITE)[0]!.length, Number(found.version.split('.')[1]) < 3 ? 4 : 5);
});

test('a shared function is the one that SSL_read and SSL_read_ex call', isX64, () => {
	const library = join(LIBRARIES, 'libssl.so.3');
	const found = find(library);
	for (const [name, what] of [
		['SSL_read', READ],
		['SSL_read_ex', READ],
		['SSL_write', WRITE],
	] as const) {
		const text = execFileSync('objdump', ['-d', '-w', '--no-show-raw-insn', `--disassemble=${name}`, library], {
			encoding: 'utf8',
		});
		const called = [...text.matchAll(/\t(?:call|jmp) +([0-9a-f]+) /g)].map((match) => Number.parseInt(match[1]!, 16));
		const entry = placesOf(found, what)[0]!.entry;
		// Code is where its address says in this library, and a place may be after endbr64.
		assert.ok(called.includes(entry) || called.includes(entry - 4), `${name} calls ${called}, probed is ${entry}`);
	}
});

test('GnuTLS is probed once for gnutls_record_send and gnutls_record_send2', isX64, () => {
	const found = find(join(LIBRARIES, 'libgnutls.so.30'));
	assert.equal(found.library, GNUTLS);
	assert.match(found.version, /^3\.\d+\.\d+$/);
	assert.equal(placesOf(found, WRITE).length, 1);
	assert.ok(isEmulated(placesOf(found, WRITE)[0]!.code));
	assert.match(found.place, /^gnutls_record_recv(\+\d+)?, gnutls_record_send2/);
});

test('NSS is probed in two files; its functions have no cheap place, and that is said', isX64, () => {
	const found = find(join(LIBRARIES, 'libnspr4.so'));
	assert.equal(found.library, NSS);
	assert.match(found.version, /^4\.\d+/);
	assert.equal(found.slow, 1);
	assert.deepEqual([placesOf(found, READ).length, placesOf(found, WRITE).length], [2, 2]);
	const handshake = find(join(LIBRARIES, 'libssl3.so'));
	assert.deepEqual([handshake.library, handshake.place.replace(/\+\d+$/, '')], [NSS, 'SSL_ForceHandshake']);
});

test('Node.js brings its own OpenSSL, whose version and functions are found', isX64, (context) => {
	const openssl = process.versions.openssl?.replace(/\+.*/, '');
	if (process.config.variables.node_shared_openssl === true || openssl === undefined)
		return context.skip('this Node.js uses the OpenSSL of the system');
	const found = find(realpathSync(process.execPath));
	assert.deepEqual([found.library, found.version, found.slow], [OPENSSL, openssl, 0]);
	for (const place of found.places) assert.ok(isEmulated(place.code), place.code);
});

test('programs without TLS have no places, and those whose TLS cannot be read say why', () => {
	const none = find('/bin/ls');
	assert.deepEqual([none.library, none.unread, none.places], [0, '', []]);
	// The read-only data of this executable contains the path of a source of rustls.
	const source = join(directory.path, 'fake.c');
	const fake = join(directory.path, 'fake');
	writeFileSync(source, 'int puts(const char*); int main(void) { return puts("/x/rustls-0.23.5/src/conn.rs"); }');
	execFileSync(process.env.CC ?? 'gcc', ['-o', fake, source]);
	assert.equal(find(fake).unread, 'rustls');
});

test('functions that only look like those of a library are probed by their symbols', isX64, () => {
	const source = join(directory.path, 'odd.s');
	const odd = join(directory.path, 'odd.so');
	// SSL_read keeps an argument and calls a check: nothing may be concluded from that. SSL_write begins with an
	// instruction whose prefix the kernel refuses, which is said.
	const name = (symbol: string, code: string) =>
		`.globl ${symbol}\n.type ${symbol},@function\n${symbol}:\n${code}\n.size ${symbol}, .-${symbol}\n`;
	const check = 'push %rbx\nmov %rdi,%rbx\npop %rbx\nret';
	const calls = 'sub $24,%rsp\nmov %rdi,8(%rsp)\ncall check\nadd $24,%rsp\nret';
	writeFileSync(
		source,
		`.text\n.type check,@function\ncheck:\n${check}\n${name('SSL_read', calls)}${name('SSL_read_ex', calls)}${name(
			'SSL_write',
			'.byte 0x3e\nmov %rdi,%rax\nret',
		)}${name('SSL_write_ex', 'push %rbx\npop %rbx\nret')}.section .note.GNU-stack,""\n`,
	);
	execFileSync(process.env.CC ?? 'gcc', ['-shared', '-nostdlib', '-o', odd, source]);
	const found = find(odd);
	assert.equal(found.library, OPENSSL);
	assert.equal(found.place, 'SSL_read, SSL_read_ex, SSL_write_ex');
	assert.equal(found.slow, 1);
	assert.equal(found.unread, 'no place for a probe');
});

test('the lengths and targets of instructions are those that objdump finds', isX64, () => {
	for (const name of ['libssl.so.3', 'libnspr4.so', 'libc.so.6']) {
		const text = execFileSync('objdump', ['-d', '-w', join(LIBRARIES, name)], {
			encoding: 'utf8',
			maxBuffer: 1 << 28,
		});
		const lines = text
			.split('\n')
			.filter((line) => /^ +[0-9a-f]+:\t/.test(line) && !line.includes('(bad)'))
			.map((line) => line.trim().replace(':\t', '\t'));
		assert.ok(lines.length > 20_000, `${lines.length} instructions`);
		const output = execFileSync(program, ['lengths'], { encoding: 'utf8', input: lines.join('\n') });
		assert.deepEqual(JSON.parse(output), { count: lines.length, different: 0 });
	}
});

test('on arm64, the kernel emulates branches and addresses, and steps through what begins most functions', () => {
	const words: readonly (readonly [string, string, boolean])[] = [
		['d503245f', 'landing pad', false], // bti c
		['d503233f', 'other', false], // paciasp: changes the address to return to
		['d503201f', 'nothing', true], // nop
		['14000002', 'jump', true], // b +8
		['94000002', 'call', true], // bl +8
		['b4000040', 'jump if', true], // cbz x0, +8
		['54000040', 'jump if', true], // b.eq +8
		['37000040', 'jump if', true], // tbnz w0, #0, +8
		['90000000', 'other', true], // adrp x0, .
		['58000040', 'other', true], // ldr x0, +8
		['a9be7bfd', 'push', false], // stp x29, x30, [sp, #-32]!
		['d10083ff', 'grow stack', false], // sub sp, sp, #32
		['aa0003f3', 'move', false], // mov x19, x0
		['d65f03c0', 'return', true], // ret
	];
	const output = execFileSync(program, ['arm64', ...words.map(([word]) => word)], { encoding: 'utf8' });
	const found = output
		.trim()
		.split('\n')
		.map((line) => JSON.parse(line));
	assert.deepEqual(
		found.map(({ operation, emulated }, i) => [words[i]![0], operation, emulated]),
		words.map((each) => [...each]),
	);
	for (const each of found.filter(({ operation }) => /jump|call/.test(operation))) assert.equal(each.target, 0x1008);
});

test('damaged files never crash, hang, or name a place outside of themselves', isX64, () => {
	const files = ['libssl.so.3', 'libnspr4.so'].map((name) => join(LIBRARIES, name));
	const { status, stdout, stderr } = spawnSync(program, ['damage', '4000', '20', ...files], { encoding: 'utf8' });
	assert.equal(status, 0, stderr);
	const { count, withLibrary } = JSON.parse(stdout);
	assert.equal(count, 4000);
	// Otherwise the damage is too great to test anything.
	assert.ok(withLibrary > 1000, `${withLibrary} files still have a library`);
});

test('a file that is cut anywhere has no places in what is missing', isX64, () => {
	const whole = join(LIBRARIES, 'libnspr4.so');
	const cut = join(directory.path, 'cut.so');
	assert.ok(existsSync(whole));
	for (const size of [0, 1, 63, 64, 4096, 60_000, 100_000, 200_000]) {
		copyFileSync(whole, cut);
		truncateSync(cut, size);
		for (const place of find(cut).places) assert.ok(place.entry < size);
	}
});
