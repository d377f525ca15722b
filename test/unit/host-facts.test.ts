// Facts about real processes.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { hostNames, processFacts } from '../../src/capture/host-facts.ts';
import { eventually } from '../../support/eventually.ts';
import { stopChild, temporaryDirectory } from '../../support/servers.ts';

test('the path of an executable is known, even if it was deleted or its name ends in (deleted)', async () => {
	const directory = temporaryDirectory();
	const sleep = realpathSync('/bin/sleep');
	const exeOf = async (path: string, removed: boolean): Promise<string> => {
		copyFileSync(sleep, path);
		const child = spawn(path, ['60'], { argv0: 'sleep' });
		try {
			await eventually(
				async () => processFacts(child.pid!).cmdline.startsWith('sleep') || undefined,
				() => 'it did not start',
			);
			if (removed) rmSync(path);
			return processFacts(child.pid!).exe;
		} finally {
			await stopChild(child);
		}
	};
	try {
		const place = (name: string) => join(realpathSync(directory.path), name);
		assert.equal(await exeOf(place('kept'), false), place('kept'));
		assert.equal(await exeOf(place('removed'), true), place('removed'));
		assert.equal(await exeOf(place('odd (deleted)'), false), place('odd (deleted)'));
		// A file with the name that the link shows is not the executable.
		copyFileSync(sleep, place('both (deleted)'));
		assert.equal(await exeOf(place('both'), true), place('both'));
	} finally {
		directory.remove();
	}
});

test('a process that is gone, or has no executable, has empty facts', () => {
	assert.deepEqual(processFacts(2 ** 22 + 1), { comm: '', cgroup: '', cmdline: '', exe: '' });
	assert.equal(processFacts(2).exe, '');
});

test('a hosts file gives each address its first name', () => {
	const text = [
		'# a comment',
		'127.0.0.1\tlocalhost loopback',
		'127.0.0.1 other',
		'::1 ip6-localhost # ip6-loopback',
		'2001:DB8:0:0::1 six',
		'::ffff:10.0.0.1 mapped',
		'fe80::1%eth0 scoped',
		'10.0.0.2',
		'not-an-address name',
		'',
	].join('\n');
	assert.deepEqual(hostNames(text), [
		['127.0.0.1', 'localhost'],
		['::1', 'ip6-localhost'],
		['2001:db8::1', 'six'],
		['10.0.0.1', 'mapped'],
	]);
});
