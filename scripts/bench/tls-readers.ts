// The capture of `--tls` without decoding, attached to the places that tinytap chooses or to the first instructions of the
// library's functions, where other tools attach: what the places are worth.
import { spawnSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { interrupt, start, until, untilDetached } from './processes.ts';
import { ownProgram } from './programs.ts';
import type { Tracer } from './tracers.ts';

const BUILT = join(import.meta.dirname, '../../build');

/** enum tls_function and enum tls_length of bpf/tls_control.h. */
const FUNCTIONS: readonly (readonly [symbol: string, kind: number, length: number])[] = [
	['SSL_read', 1, 0],
	['SSL_read_ex', 1, 4],
	['SSL_write', 2, 0],
	['SSL_write_ex', 2, 4],
	['SSL_do_handshake', 3, 0],
	['SSL_free', 4, 0],
];

export const chosenPlaces: Tracer = reader('chosen places, records discarded', () => []);
export const symbolPlaces: Tracer = reader('first instructions, records discarded', symbols);

/** Path of the installed libssl, without links. */
export function installedLibrary(): string {
	const { stdout } = spawnSync('ldconfig', ['-p'], { encoding: 'utf8' });
	const path = /libssl\.so\.3 .*=> (\S+)/.exec(stdout)?.[1];
	if (path === undefined) throw new Error('expected libssl.so.3 to be installed');
	return realpathSync(path);
}

/** The first instruction of each function after `endbr64`, which the kernel would have to step through as well. */
function symbols(library: string): string[] {
	const { stdout } = spawnSync('nm', ['-D', '--defined-only', library], { encoding: 'utf8' });
	const text = spawnSync('readelf', ['-lW', library], { encoding: 'utf8' }).stdout;
	const segments = [...text.matchAll(/LOAD\s+0x(\w+) 0x(\w+) \S+ 0x(\w+)/g)].map((match) =>
		match.slice(1, 4).map((word) => Number.parseInt(word!, 16)),
	);
	return FUNCTIONS.map(([symbol, kind, length]) => {
		const address = Number.parseInt(new RegExp(`^(\\w+) T ${symbol}(@|$)`, 'm').exec(stdout)?.[1] ?? '', 16);
		const segment = segments.find(([, from = 0, size = 0]) => address >= from && address < from + size);
		if (segment === undefined) throw new Error(`${library} has no function ${symbol}`);
		return `${kind}:${length}:${address - segment[1]! + segment[0]!}`;
	});
}

function reader(name: string, places: (library: string) => readonly string[]): Tracer {
	return {
		name,
		start: async ({ workers }) => {
			const library = installedLibrary();
			const objects = ['tinytap.bpf.o', 'tinytap-tls.bpf.o'].map((file) => join(BUILT, file));
			const words = [...objects, library, 'nginx', ...workers.map(String), '--', ...places(library)];
			const started = start(ownProgram('tls-reader'), words);
			await until(() => {
				if (started.child.exitCode !== null) throw new Error(`tls-reader ended: ${started.stderr()}`);
				return started.stdout().includes('attached');
			}, 'tls-reader attached');
			return {
				pids: [started.pid],
				stop: async () => {
					await interrupt(started);
					await untilDetached();
					const { lost, captured } = JSON.parse(started.stdout().split('\n')[1] ?? '') as {
						lost: number;
						captured: number;
					};
					return { rows: [], lost, captured };
				},
			};
		},
	};
}
