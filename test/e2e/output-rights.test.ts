// Files and programs of the prompt belong to the invoking user, even if root keeps its privileges.
import assert from 'node:assert/strict';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { sessionOfUser } from '../../support/session-of-user.ts';
import { openTerminal, PROMPT } from '../../support/terminal.ts';

const { user, place, directory } = sessionOfUser();

const quoted = (words: readonly string[]) => words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');

for (const [title, words] of [
	['as the user', []],
	['with --keep-root', ['--keep-root']],
] as const) {
	test(`.output writes, starts programs and saves ${title}, and reads no configuration of somebody else`, async () => {
		const configuration = join(user.home, '.config/tinytap');
		mkdirSync(configuration, { recursive: true });
		chownSync(join(user.home, '.config'), user.uid, user.gid);
		chownSync(configuration, user.uid, user.gid);
		const file = join(user.home, `out-${words.length}`);
		const mine = join(directory, `mine-${words.length}`);
		const given = { ...user.sudoVariables, VISUAL: "stat -c 'edited by %u, %a'" };
		const variables = Object.entries(given).map(([name, value]) => `${name}=${value}`);
		const start = [...user.asRoot, 'env', ...variables, place.launcher, ...words];
		const shell = quoted([...start, '--replay', join(place.path, 'recordings/demo.tinytap')]);
		const terminal = await openTerminal(shell, { columns: 150, rows: 50 });
		const enter = async (line: string) => {
			await terminal.type(line);
			await terminal.press('Enter');
		};
		try {
			await terminal.shows(PROMPT);
			await enter('.mode csv');
			await enter(`.once ${file}`);
			await enter('SELECT 41 + 1 AS n;');
			await enter('.once | cat > /dev/null; id -u; grep CapEff /proc/self/status; echo $HOME');
			await enter('SELECT 1;');
			await terminal.shows(new RegExp(`^${user.uid}\nCapEff:\\s+0+\n${user.home}$`));
			// Root could do this.
			await enter(`.once ${mine}`);
			await terminal.shows(/cannot open .*(permission denied|may not write there)/);
			await enter('\\e');
			await terminal.shows(new RegExp(`^edited by ${user.uid}, 600$`));
			await terminal.press('C-c');
			await enter('.set maxrows 17 --save');
			await terminal.shows(/^saved in .*config\.toml$/);
			await enter('.quit');
			await terminal.shows('[ended 0]');
		} finally {
			await terminal.close();
		}
		assert.equal(readFileSync(file, 'utf8').replaceAll('\r', ''), 'n\n42\n');
		for (const path of [file, join(configuration, 'config.toml')]) {
			const { uid, gid, mode } = statSync(path);
			assert.deepEqual([uid, gid, mode & 0o777], [user.uid, user.gid, 0o600], path);
		}
		assert.equal(existsSync(mine), false);

		// Everybody may read them, but they do not belong to the user.
		chmodSync(join(configuration, 'config.toml'), 0o644);
		chownSync(join(configuration, 'config.toml'), 12345, 12345);
		writeFileSync(join(configuration, 'rc.sql'), "SELECT 'rc ' || 'ran' AS x;\n");
		chownSync(join(configuration, 'rc.sql'), 12345, 12345);
		const refusing = await openTerminal(shell, { columns: 150, rows: 50 });
		try {
			const screen = await refusing.shows(/cannot (trust|open) \S*config\.toml[\s\S]*\[ended [12]\]/);
			assert.doesNotMatch(screen, /rc ran/);
		} finally {
			await refusing.close();
		}
		chownSync(join(configuration, 'config.toml'), user.uid, user.gid);
		const going = await openTerminal(shell, { columns: 150, rows: 50 });
		try {
			await going.shows(/cannot (trust|open) \S*rc\.sql/);
			assert.doesNotMatch(await going.shows(PROMPT), /rc ran/);
		} finally {
			await going.close();
		}
		chownSync(join(configuration, 'rc.sql'), user.uid, user.gid);
	});
}
