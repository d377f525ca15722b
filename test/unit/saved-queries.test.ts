import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { invokingUser } from '../../src/base/invoking-user.ts';
import { findQuery, listQueries, type QueryDirectories, saveQuery } from '../../src/shell/saved-queries.ts';
import { temporaryDirectory } from '../../support/servers.ts';

const directory = temporaryDirectory();
after(directory.remove);
const user = invokingUser(undefined);
const place = (name: string) => join(directory.path, name);
const directories: QueryDirectories = [
	{ place: 'project', path: place('project'), user },
	{ place: 'user', path: place('user/queries'), user },
	{ place: 'bundled', path: place('bundled'), user },
];

test('a query is saved with mode 0600 in a directory of mode 0700 and found again; saving it again replaces it', () => {
	assert.equal(saveQuery(place('user/queries'), 'big', 'SELECT 1;', user), false);
	assert.equal(saveQuery(place('user/queries'), 'big', 'SELECT 2;', user), true);
	const query = findQuery(directories, 'big');
	assert.equal(readFileSync(query.path, 'utf8'), 'SELECT 2;\n');
	assert.equal(statSync(query.path).mode & 0o777, 0o600);
	assert.equal(statSync(place('user/queries')).mode & 0o777, 0o700);
	assert.deepEqual(readdirSync(place('user/queries')), ['big.sql']);
});

test("the project's query wins over the user's, the user's over the bundled one", () => {
	for (const { path } of directories) mkdirSync(path, { recursive: true });
	for (const { path, place: name } of directories)
		writeFileSync(join(path, 'same.sql'), `-- from ${name}\nSELECT 1;\n`);
	assert.equal(findQuery(directories, 'same').place, 'project');
	assert.equal(listQueries(directories).filter(({ name }) => name === 'same').length, 1);
	assert.equal(listQueries(directories).find(({ name }) => name === 'same')?.description, 'from project');
	assert.equal(findQuery(directories.slice(1), 'same').place, 'user');
});

test('names that could lead elsewhere are refused, and nothing is created', () => {
	const before = readdirSync(directory.path, { recursive: true }).length;
	const names = [
		'../x',
		'..%2fx',
		'/etc/x',
		'x\0y',
		'-rf',
		'.',
		'..',
		'a'.repeat(300),
		'x/../../y',
		'a∕b',
		'x ',
		'',
		'__proto__',
		'a\nb',
	];
	for (const name of names) {
		assert.throws(
			() => saveQuery(place('user/queries'), name, 'SELECT 1', user),
			{ code: 'ERR_QUERY_NAME' },
			JSON.stringify(name),
		);
		assert.throws(() => findQuery(directories, name), { code: 'ERR_QUERY_NAME' }, JSON.stringify(name));
	}
	assert.equal(readdirSync(directory.path, { recursive: true }).length, before);
	assert.ok(!existsSync('/etc/x.sql'));
});

test('an unknown name gets a suggestion if one is near', () => {
	assert.throws(() => findQuery(directories, 'bug'), { code: 'ERR_NO_QUERY', hint: 'Did you mean big?' });
	assert.throws(() => findQuery(directories, 'nothing-like-it'), { code: 'ERR_NO_QUERY', hint: /\.queries/ });
});
