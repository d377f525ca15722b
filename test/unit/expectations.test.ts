// .expect: which results meet it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkExpectation } from '../../src/shell/expectations.ts';
import type { SqlValue } from '../../src/store/table.ts';

/** The operators with which the value meets the expectation. */
function met(value: SqlValue | undefined, number: string): string {
	const printed = { rows: value === undefined ? 0 : 1, firstValue: value ?? null, firstType: undefined };
	const operators = ['<', '<=', '=', '!=', '>=', '>'];
	return operators
		.filter((operator) => checkExpectation(`value ${operator} ${number}`, { printed } as never) === undefined)
		.join(' ');
}

test('numbers are compared exactly, also as texts and beyond 2^53', () => {
	assert.equal(met(5, '5'), '<= = >=');
	assert.equal(met(5, '5.5'), '< <= !=');
	assert.equal(met(' 5 ', '+5'), '<= = >=');
	for (const value of [9007199254740993n, '9007199254740993']) {
		assert.equal(met(value, '9007199254740993'), '<= = >=');
		assert.equal(met(value, '+9007199254740992'), '!= >= >');
		assert.equal(met(value, '9007199254740994'), '< <= !=');
		assert.equal(met(value, '1e3'), '!= >= >');
	}
	assert.equal(met(-9007199254740993n, '-9007199254740992'), '< <= !=');
	assert.equal(met(9007199254740992, '9007199254740993'), '< <= !=');
});

test('NULL, a value that is not a number and a missing row meet nothing', () => {
	for (const value of [null, undefined, 'five', '', '5 apples', new Uint8Array([53])])
		assert.equal(met(value, '5'), '', String(value));
});
