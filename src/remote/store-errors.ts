// What went wrong with a statement in a store, as one sentence with a hint.
import { errorLine, type StoreAnswer } from '../agent/store-client.ts';
import { type ErrorCode, UserError } from '../base/errors.ts';

/** ClickHouse's numbers of errors. */
export const STORE_ERRORS = {
	readOnly: 164,
	unknownSetting: 115,
	shardUnreachable: 279,
	checkFailed: 395,
	noPrivilege: 497,
} as const;

type Explained = {
	readonly code: ErrorCode;
	/** Follows `the store HOST `. */
	readonly what: string;
	readonly hint: string;
};

const NARROW =
	'Narrow the statement with WHERE, for example by ts and host_name; EXPLAIN shows what the store is asked.';
const CREDENTIALS = 'Set CLICKHOUSE_USER and CLICKHOUSE_PASSWORD, or use --credentials FILE.';
const UNAUTHORIZED: Explained = {
	code: 'ERR_STORE_RIGHTS',
	what: 'refused the user name or the password',
	hint: CREDENTIALS,
};
const TABLES: Explained = {
	code: 'ERR_STORE',
	what: 'no longer has the tables that it had',
	hint: '`tinytap fleet check --store URL` says what is missing; .connect URL looks at the tables again.',
};
const ROWS: Explained = { code: 'ERR_STORE_LIMIT', what: 'allows this user to read fewer rows', hint: NARROW };
const BUSY: Explained = { code: 'ERR_STORE', what: 'is overloaded', hint: 'Try again later.' };

const EXPLAINED: ReadonlyMap<number, Explained> = new Map([
	...([16, 47, 60, 81] as const).map((number) => [number, TABLES] as const),
	...([158, 307, 396] as const).map((number) => [number, ROWS] as const),
	...([192, 193, 194, 516] as const).map((number) => [number, UNAUTHORIZED] as const),
	[159, { code: 'ERR_STORE_LIMIT', what: 'reached the time limit', hint: `${NARROW} --timeout raises the limit.` }],
	[160, { code: 'ERR_STORE_LIMIT', what: 'would need too much time', hint: NARROW }],
	[164, { code: 'ERR_STORE_RIGHTS', what: 'does not allow this user to do that', hint: CREDENTIALS }],
	[202, BUSY],
	[241, { code: 'ERR_STORE_LIMIT', what: 'needs more memory than it allows', hint: NARROW }],
	[
		279,
		{
			code: 'ERR_STORE_SHARD',
			what: 'cannot reach one of its shards, so rows would be missing',
			hint: '.set shards available asks only those that can be reached, and says so.',
		},
	],
	[394, { code: 'ERR_STORE', what: 'ended the statement, because somebody killed it', hint: 'Try again.' }],
	[439, BUSY],
	[
		452,
		{
			code: 'ERR_STORE_LIMIT',
			what: 'does not allow this user such a limit',
			hint: 'Choose a shorter --timeout.',
		},
	],
	[497, { code: 'ERR_STORE_RIGHTS', what: 'does not allow this user to read its tables', hint: CREDENTIALS }],
]);

/** A statement that a store could not answer. */
export class StoreQueryError extends UserError {
	/** ClickHouse's number of the error; undefined if there is none. */
	readonly number: number | undefined;

	constructor(message: string, code: ErrorCode, hint: string | undefined, number: number | undefined) {
		super(message, code, hint);
		this.number = number;
	}
}

/** The error that an answer is. */
export function storeError(answer: StoreAnswer, name: string): StoreQueryError {
	const { errorCode: number } = answer;
	const known = number === undefined ? undefined : EXPLAINED.get(number);
	if (known === undefined) {
		const hint = 'The rest of the sentence is from ClickHouse; .connect URL looks at the tables again.';
		return new StoreQueryError(`${name} refused a statement: ${errorLine(answer)}`, 'ERR_STORE', hint, number);
	}
	return new StoreQueryError(`${name} ${known.what} (ClickHouse error ${number})`, known.code, known.hint, number);
}
