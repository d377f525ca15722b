// The directory of a run: the document root with the known bodies and scripts, and the programs compiled for it.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../../support/servers.ts';
import { writeBodies } from './bodies.ts';
import type { Site } from './server-kind.ts';

export const FIXTURES = join(import.meta.dirname, 'fixtures');

const COMPILERS = {
	calls: (program: string) => ['gcc', '-O1', '-o', program, join(FIXTURES, 'calls.c')],
	http_program: (program: string) => ['go', 'build', '-o', program, join(FIXTURES, 'http_program.go')],
	http2_program: (program: string) => ['go', 'build', '-o', program, join(FIXTURES, 'http2_program.go')],
	ssl_addresses: (program: string) => ['gcc', '-shared', '-fPIC', '-o', program, join(FIXTURES, 'ssl_addresses.c')],
} as const;

/** Debian installs Go packages here; they are not modules. */
const GO_PACKAGES = { GOPATH: '/usr/share/gocode', GO111MODULE: 'off' };

/** A new site in a temporary directory; `remove` deletes it. */
export function createSite(): { readonly site: Site; readonly remove: () => void } {
	const { path: temporary, remove } = temporaryDirectory();
	const root = join(temporary, 'root');
	mkdirSync(join(root, 'cgi-bin'), { recursive: true });
	writeBodies(root);
	for (const script of ['echo.cgi', 'pieces.cgi']) {
		copyFileSync(join(FIXTURES, script), join(root, 'cgi-bin', script));
		chmodSync(join(root, 'cgi-bin', script), 0o755);
	}
	// Readable for Apache's workers, which run as www-data.
	chmodSync(temporary, 0o755);
	return { site: { root, temporary, compiled: (name) => compiled(name, temporary) }, remove };
}

function compiled(name: keyof typeof COMPILERS, directory: string): string {
	const program = join(directory, name);
	if (existsSync(program)) return program;
	const [command, ...args] = COMPILERS[name](program);
	const { status, stderr, error } = spawnSync(command ?? '', args, {
		encoding: 'utf8',
		env: { ...process.env, GOCACHE: join(directory, 'go-cache'), GOFLAGS: '', ...GO_PACKAGES },
	});
	if (status !== 0) throw new Error(`${command} could not build ${name}: ${error?.message ?? stderr}`);
	return program;
}
