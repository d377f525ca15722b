// apt in directories of its own. The machine's apt configuration and installed packages stay unchanged; only its mirror
// and its keys are used.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Architecture } from './architecture.ts';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** The suites that contain the kernels: 5.10 is Debian 11's, 6.1 and 6.12 are those of Debian 12 and its backports. */
const SUITES = ['bullseye', 'bookworm', 'bookworm-backports'];
const SECURITY_SUITES = ['bullseye-security', 'bookworm-security'];

export type Apt = (command: string, args: readonly string[], cwd?: string) => string;

/** Runs apt with lists, cache and sources in `directory`; the lists are new. */
export function privateApt(directory: string, { debian }: Architecture): Apt {
	const root = join(directory, 'apt');
	for (const folder of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(root, folder), { recursive: true });
	writeFileSync(join(root, 'sources.list'), sources(root));
	// As if nothing were installed.
	writeFileSync(join(root, 'status'), '');
	writeFileSync(
		join(root, 'apt.conf'),
		[
			`APT::Architecture "${debian}";`,
			`APT::Architectures { "${debian}"; };`,
			`Dir::State::status "${root}/status";`,
			`Dir::State::lists "${root}/lists";`,
			`Dir::Cache "${root}/cache";`,
			`Dir::Etc::sourcelist "${root}/sources.list";`,
			'Dir::Etc::sourceparts "-";',
			'Acquire::Languages "none";',
			// apt's own user may not be able to access the directory.
			'APT::Sandbox::User "root";',
			'',
		].join('\n'),
	);
	const apt: Apt = (command, args, cwd) =>
		execFileSync(command, args, { cwd, encoding: 'utf8', env: { ...process.env, APT_CONFIG: join(root, 'apt.conf') } });
	apt('apt-get', ['-q', 'update']);
	return apt;
}

/** The wanted suites at the mirror that this machine uses. */
function sources(root: string): string {
	// With an empty list directory, apt prints the address of each list, even if it has fetched them before.
	const args = ['update', '--print-uris', '-o', `Dir::State::lists=${root}/none`];
	mkdirSync(join(root, 'none/partial'), { recursive: true });
	const addresses = execFileSync('apt-get', args, { encoding: 'utf8' });
	const mirror = /'(\S+\/debian)\/dists\//.exec(addresses)?.[1];
	const security = /'(\S+\/debian-security)\/dists\//.exec(addresses)?.[1];
	if (mirror === undefined) throw new Error("expected a Debian mirror among this machine's sources of apt, found none");
	const lines = SUITES.map((suite) => `deb [signed-by=${KEYRING}] ${mirror} ${suite} main`);
	if (security !== undefined)
		lines.push(...SECURITY_SUITES.map((suite) => `deb [signed-by=${KEYRING}] ${security} ${suite} main`));
	return `${lines.join('\n')}\n`;
}
