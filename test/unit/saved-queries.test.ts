// Saved queries: finding, listing and saving them.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	statSync,
	symlinkSync,
	truncateSync,
	writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { invokingUser } from '../../src/base/invoking-user.ts';
import {
	findQuery,
	hidingNotice,
	listQueries,
	type QueryDirectories,
	readQuery,
	saveQuery,
} from '../../src/shell/saved-queries.ts';
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
	assert.equal(listQueries(directories).find(({ name }) => name === 'same')?.header.title, 'from project');
	assert.equal(findQuery(directories.slice(1), 'same').place, 'user');
});

test('the description of a file with a byte order mark and CRLF line ends is its first comment, too', () => {
	writeFileSync(place('bundled/marked.sql'), '\ufeff-- from Windows\r\nSELECT 1;\r\n');
	assert.equal(listQueries(directories).find(({ name }) => name === 'marked')?.header.title, 'from Windows');
});

test('AT-17 names that could lead elsewhere are refused, and nothing is created', () => {
	const tree = () => readdirSync(directory.path, { recursive: true }).sort();
	const before = tree();
	const names = [
		'../x',
		'..%2fx',
		'/etc/x',
		'x\0y',
		'-rf',
		'.',
		'..',
		'CON',
		'con.x',
		'lpt1',
		'a'.repeat(300),
		'x/../../y',
		'a\u2215b',
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
	assert.deepEqual(tree(), before);
	for (const name of ['console', 'com', 'constructor', 'a..b', 'x'.repeat(64)])
		saveQuery(place('names'), name, 'SELECT 1', user);
	assert.ok(!existsSync('/etc/x.sql'));
});

test('an unknown name gets a suggestion if one is near', () => {
	assert.throws(() => findQuery(directories, 'bug'), { code: 'ERR_NO_QUERY', hint: 'Did you mean big?' });
	assert.throws(() => findQuery(directories, 'nothing-like-it'), { code: 'ERR_NO_QUERY', hint: /\.queries/ });
});

test('in a project only regular files are queries, whatever else has such a name', () => {
	const project = place('checkout/.tinytap/queries');
	mkdirSync(project, { recursive: true });
	mkdirSync(place('package'));
	const names = ['pipe', 'directory', 'dangling', 'device', 'secret', 'loop'];
	spawnSync('mkfifo', [join(project, 'pipe.sql')]);
	mkdirSync(join(project, 'directory.sql'));
	symlinkSync('/nonexistent', join(project, 'dangling.sql'));
	symlinkSync('/dev/zero', join(project, 'device.sql'));
	writeFileSync(place('secret'), 'root:$y$secret');
	symlinkSync(place('secret'), join(project, 'secret.sql'));
	symlinkSync('loop.sql', join(project, 'loop.sql'));
	writeFileSync(join(project, 'good.sql'), '-- a good one\nSELECT 1;');
	for (const name of names) writeFileSync(join(place('package'), `${name}.sql`), '-- bundled');
	const both: QueryDirectories = [
		{ place: 'project', path: project, user },
		{ place: 'bundled', path: place('package'), user },
	];
	assert.deepEqual(
		listQueries(both).map((query) => [query.name, query.place, query.header.title]),
		[...names.map((name) => [name, 'bundled', 'bundled']), ['good', 'project', 'a good one']].sort(),
	);
	assert.equal(hidingNotice(findQuery(both, 'good')), undefined, 'it hides none');
	assert.throws(() => findQuery(both.slice(0, 1), 'secret'), { code: 'ERR_NO_QUERY' });
	// Replaced by a link after it was found.
	for (const name of ['pipe', 'device', 'secret']) {
		const found = { ...findQuery(both, 'good'), path: join(project, `${name}.sql`) };
		assert.throws(() => readQuery(found), { message: /it is not a regular file$/ });
	}
});

test('a directory of queries that cannot be opened leaves the other queries usable', () => {
	symlinkSync('knot', place('knot'));
	spawnSync('mkfifo', [place('queue')]);
	for (const path of [place('knot'), place('queue'), '/dev/zero', place('knot/queries')]) {
		const both: QueryDirectories = [
			{ place: 'project', path, user },
			{ place: 'bundled', path: place('package'), user },
		];
		assert.equal(findQuery(both, 'pipe').place, 'bundled');
	}
});

test('a large file is listed by its first line and refused when it is run', () => {
	const path = place('large');
	mkdirSync(path);
	writeFileSync(join(path, 'large.sql'), '-- large\nSELECT 1;');
	truncateSync(join(path, 'large.sql'), 2 ** 40);
	const only: QueryDirectories = [{ place: 'project', path, user }];
	assert.equal(listQueries(only)[0]?.header.title, 'large');
	assert.throws(() => readQuery(findQuery(only, 'large')), { code: 'ERR_FILE_SIZE' });
});

test('a query of the working directory that hides another says so', () => {
	assert.match(
		hidingNotice(findQuery(directories, 'same')) ?? '',
		/^tinytap: warning: same is the project query .*project\/same\.sql, which hides the user query .*user\/queries\/same\.sql and the bundled query .*bundled\/same\.sql$/,
	);
	assert.equal(hidingNotice(findQuery(directories.slice(1), 'same')), undefined, 'the user’s own choice');
	assert.equal(hidingNotice(findQuery(directories, 'big')), undefined);
});
