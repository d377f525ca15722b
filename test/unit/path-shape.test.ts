// path_shape(): what is folded in paths, and what stays.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pathShape, pathShaper } from '../../src/sql/functions/path-shape.ts';

const FOLDED: readonly (readonly [path: string, shape: string])[] = [
	['/users/42', '/users/:id'],
	['/users/42/', '/users/:id/'],
	['/users/42?tab=1#top', '/users/:id'],
	['/f47ac10b-58cc-4372-a567-0e02b2c3d479', '/:id'],
	['/F47AC10B-58CC-4372-A567-0E02B2C3D479/x', '/:id/x'],
	['/blob/da39a3ee5e6b4b0d3255bfef95601890afd80709', '/blob/:id'],
	['/commit/3f2a9c1', '/commit/:id'],
	['/o/507f1f77bcf86cd799439011', '/o/:id'],
	['/u/01ARZ3NDEKTSV4RRFFQ69G5FAV', '/u/:id'],
	['/t/V1StGXR8_Z5jdHi6B-myT', '/t/:id'],
	['/reset/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln', '/reset/:id'],
	['/mail/ann@example.org', '/mail/:id'],
	['/mail/ann%40example.org/inbox', '/mail/:id/inbox'],
	['/archive/2026-11-30', '/archive/:id'],
	['/archive/2026-11-30T10:00:00Z.json', '/archive/:id.json'],
	['/assets/app.3f2a9c1b.js', '/assets/app.:id.js'],
	['/jquery-3.6.0.min.js', '/jquery-:id.min.js'],
	['/user-42/img_0017.jpg', '/user-:id/img_:id.jpg'],
	['/7/8/9', '/:id/:id/:id'],
	['http://h:8080/users/42?x=1', 'http://h:8080/users/:id'],
	['//7', '//:id'],
];
const KEPT = [
	...['/', '/users', '/api/v1/users', '/v2.alpha/health', '/index.html', '/a//b', '/caf%C3%A9', '/added', '/facade'],
	...['/woff2/font.woff2', '/sha256', '/.well-known/openid-configuration', '*', 'host:443', '', '/deadbeef', '/%00'],
	'/internationalisation-of-things',
	'/UPPER_lower-and-no-digits',
];

test('numbers, dates, UUIDs, hashes, tokens and addresses are folded; words and versions stay', () => {
	for (const [path, shape] of FOLDED) assert.equal(pathShape(path), shape, path);
	for (const path of KEPT) assert.equal(pathShape(path), path);
});

test('shapes are remembered, and long or odd paths take no longer than their length', () => {
	const shape = pathShaper();
	for (let i = 0; i < 10_000; i++) assert.equal(shape(`/users/${i}`), '/users/:id');
	for (const path of [
		'/'.repeat(60_000),
		`/${'1-'.repeat(30_000)}`,
		`/${'a1'.repeat(30_000)}`,
		`/${'@'.repeat(60_000)}1`,
	])
		assert.ok(shape(path).length <= path.length + 3);
});
