// What `tinytap doctor` knows about systems and tells their users.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
	containerRights,
	type HostSystem,
	hostSystem,
	kernelWith,
	newerKernel,
	withoutLockdown,
} from '../../src/capture/host-system.ts';

const of = (files: Readonly<Record<string, string>>): HostSystem => hostSystem((path) => files[path]);
const named = (id: string, like = '', version = '') =>
	of({ '/etc/os-release': `NAME=x\nID=${id}\nID_LIKE="${like}"\nVERSION_ID="${version}"\n` });

test('a system is recognised by its id, else by what it is like', () => {
	const found = [
		named('debian'),
		named('ubuntu', 'debian', '22.04'),
		named('linuxmint', 'ubuntu debian'),
		named('fedora'),
		named('rocky', 'rhel centos fedora'),
		named('ol', 'fedora'),
		named('alpine'),
		named('manjaro', 'arch'),
		named('nixos'),
		of({}),
	].map(({ distribution }) => distribution);
	assert.deepEqual(found, [
		'debian',
		'ubuntu',
		'ubuntu',
		'fedora',
		'rhel',
		'fedora',
		'alpine',
		'arch',
		'other',
		'other',
	]);
	assert.deepEqual(of({ '/usr/lib/os-release': 'ID=arch' }).distribution, 'arch');
});

test('WSL2 and containers are recognised', () => {
	assert.equal(of({ '/proc/version': 'Linux version 5.15.90.1-microsoft-standard-WSL2' }).isWsl, true);
	assert.equal(of({ '/proc/version': 'Linux version 6.1.0' }).isWsl, false);
	const containers = [
		of({ '/.dockerenv': '' }),
		of({ '/run/.containerenv': 'engine="podman-4.3"' }),
		of({ '/run/systemd/container': 'lxc\n' }),
		of({ '/proc/1/cgroup': '0::/kubepods/burstable/pod1\n' }),
		of({ '/proc/1/cgroup': '0::/init.scope\n' }),
	].map(({ container }) => container);
	assert.deepEqual(containers, ['docker', 'podman', 'lxc', 'kubepods', undefined]);
});

test('the fix is the one of this system', () => {
	const wsl = of({ '/proc/version': 'microsoft' });
	const docker = of({ '/.dockerenv': '' });
	assert.match(newerKernel(named('ubuntu', '', '22.04')), /^apt install linux-generic-hwe-22\.04/);
	assert.match(newerKernel(named('rhel')), /Release 8 has 4\.18/);
	assert.match(newerKernel(named('alpine')), /^apk add linux-lts/);
	assert.match(newerKernel(named('arch')), /^pacman/);
	assert.match(newerKernel(named('fedora')), /^dnf/);
	assert.match(newerKernel(named('debian')), /backports/);
	for (const advice of [newerKernel(wsl), kernelWith('CONFIG_DEBUG_INFO_BTF', wsl)])
		assert.match(advice, /wsl --update/);
	for (const advice of [newerKernel(docker), kernelWith('CONFIG_X', docker), withoutLockdown(docker)])
		assert.match(advice, /container's host/);
	assert.match(kernelWith('CONFIG_DEBUG_INFO_BTF', named('alpine')), /linux-lts .*CONFIG_DEBUG_INFO_BTF/);
	assert.match(withoutLockdown(named('debian')), /update-grub/);
	assert.match(withoutLockdown(named('rhel')), /^grubby --update-kernel=ALL/);
	assert.match(
		containerRights(docker),
		/docker run .*--cap-add PERFMON.*--pid=host|docker run --pid=host .*--cap-add PERFMON/,
	);
	assert.match(containerRights(of({ '/run/.containerenv': '' })), /podman run /);
	assert.match(containerRights(of({ '/proc/1/cgroup': '0::/kubepods/x' })), /hostPID: true/);
	assert.match(containerRights(of({ '/run/systemd/container': 'lxc' })), /on the host/);
});
