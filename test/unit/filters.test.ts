// What --port, --pid, --comm and `.capture` accept.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../src/base/errors.ts';
import { mountPoint } from '../../src/capture/cgroups.ts';
import { CONTROL_NAMES, CONTROL_PIDS } from '../../src/capture/control-limits.ts';
import { filtersText, parseCgroup, parseFilters, parsePorts } from '../../src/shell/filters.ts';

test('filters are words with values, written plainly or like options', () => {
	const wanted = { pids: [12, 13], comms: ['nginx'], ports: [{ first: 8080, last: 8080 }], cgroups: [] };
	assert.deepEqual(parseFilters('port 8080 comm nginx pid 12 13'), wanted);
	assert.deepEqual(parseFilters('--port 8080 --comm nginx --pid 12,13'), wanted);
	assert.deepEqual(parseFilters('all'), { pids: [], comms: [], ports: [], cgroups: [] });
});

test('a filter without a value is refused, because it would let everything through', () => {
	for (const [text, expected] of [
		['port', /expected a value after port, got none/],
		['port comm nginx', /expected a value after port, got none/],
		['comm nginx pid', /expected a value after pid, got none/],
		['8080', /expected all, or pid, comm, port or cgroup with values, got "8080"/],
		['port 70000', /port/],
	] as const) {
		assert.throws(
			() => parseFilters(text),
			(error) => error instanceof UserError && expected.test(error.message),
			text,
		);
	}
});

test('ports may be single, ranges or lists, and are printed in a form that can be entered', () => {
	const written = [
		['80', 'port 80'],
		['8000-8099', 'port 8000-8099'],
		['80,8080', 'port 80,8080'],
		['443, 8000-8099,9000', 'port 443,8000-8099,9000'],
		['7-7', 'port 7'],
	] as const;
	for (const [text, expected] of written) {
		const ports = parsePorts(text, '--port');
		assert.equal(filtersText({ pids: [], comms: [], ports, cgroups: [] }), expected);
		assert.deepEqual(parseFilters(`port ${text}`).ports, ports);
		assert.deepEqual(parseFilters(filtersText({ pids: [], comms: [], ports, cgroups: [] })).ports, ports);
	}
	const all = {
		pids: [12],
		comms: ['nginx'],
		ports: parsePorts('80,8000-8099', '--port'),
		cgroups: ['/a.slice', '/b'],
	};
	assert.equal(filtersText(all), 'pid 12, comm nginx, port 80,8000-8099, cgroup /a.slice, cgroup /b');
	assert.deepEqual(parseFilters(filtersText(all)), all);
});

test('ports are printed in order, adjacent or overlapping ones as one range', () => {
	const thousands = Array.from({ length: 2000 }, (_, index) => 9999 - index);
	for (const [text, expected] of [
		[thousands.join(','), 'port 8000-9999'],
		['8080,80,8081,443', 'port 80,443,8080-8081'],
		['8000-8099,8050-8060,8100', 'port 8000-8100'],
		['80,80', 'port 80'],
		['10-20,12-15,22', 'port 10-20,22'],
		['443,1-65535', 'port 1-65535'],
	] as const)
		assert.equal(filtersText({ pids: [], comms: [], ports: parsePorts(text, '--port'), cgroups: [] }), expected);
});

test('anything but a port, range or list is refused with what was expected', () => {
	const wrong = [
		'',
		'0',
		'70000',
		'80-',
		'-80',
		'80,,81',
		'80,',
		'1-65536',
		'0-5',
		'80-90-100',
		'8e1',
		'http',
		'80..90',
		'99999-1',
	];
	for (const text of wrong) {
		assert.throws(
			() => parsePorts(text, '--port'),
			(error) =>
				error instanceof UserError &&
				error.exitCode === 2 &&
				/^--port: expected a port from 1 to 65535, a range such as 8000-8099 or a list such as 80,8080, got "/.test(
					error.message,
				),
			JSON.stringify(text),
		);
	}
	assert.throws(() => parsePorts('80,99-81', '--port'), {
		code: 'ERR_USAGE',
		message: '--port: expected the lower port of a range first, got "99-81"',
		hint: 'Write 81-99.',
	});
});

test('any number of ports is accepted, but more names or process ids than the kernel checks are refused', () => {
	const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
	assert.equal(parseFilters(`port ${numbers(5003).join(' ')}`).ports.length, 5003);
	const names = (count: number) =>
		`comm ${numbers(count)
			.map((each) => `name${each}`)
			.join(' ')}`;
	assert.equal(parseFilters(names(CONTROL_NAMES)).comms.length, CONTROL_NAMES);
	assert.throws(() => parseFilters(names(CONTROL_NAMES + 1)), {
		code: 'ERR_USAGE',
		exitCode: 2,
		message: 'expected at most 8 names of processes, got 9',
		hint: 'Capture more and filter in SQL: WHERE comm IN (…).',
	});
	assert.equal(parseFilters(`pid ${numbers(CONTROL_PIDS).join(' ')}`).pids.length, CONTROL_PIDS);
	assert.throws(
		() => parseFilters(`pid ${numbers(CONTROL_PIDS + 1).join(' ')}`),
		/expected at most 1024 process ids, got 1025/,
	);
});

test('a cgroup is a path; the file system of cgroups (v2) is found, whatever is mounted besides it', () => {
	assert.deepEqual(
		['/a/b', '/a/', '/'].map((path) => parseCgroup(path, '--cgroup')),
		['/a/b', '/a', '/'],
	);
	for (const wrong of ['', 'a', 'a/b'])
		assert.throws(() => parseCgroup(wrong, '--cgroup'), /^UserError: --cgroup: expected the path of a cgroup such as/);
	const mounts = [
		'24 23 0:22 / /sys/fs/cgroup rw - tmpfs tmpfs rw',
		'25 24 0:23 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu',
		'34 24 0:32 / /sys/fs/a\\040b rw,relatime shared:3 - cgroup2 cgroup2 rw',
	];
	assert.equal(mountPoint(mounts.join('\n')), '/sys/fs/a b');
	assert.equal(mountPoint(mounts.slice(0, 2).join('\n')), undefined);
});
