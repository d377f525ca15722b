// How each column of exchanges is read from a segment for a store, decided once.
import { HARMLESS_COLUMNS } from '../output/redacted-exchange.ts';
import type { Segment } from '../store/segment.ts';
import { SENT_COLUMNS } from './store-tables.ts';

export type SentColumn = (typeof SENT_COLUMNS)[number];

/** The codes that say which text a row has, and the numbers that columns have instead of texts. */
export type Codes = Uint8Array | Uint16Array;
export type Numbers = Float64Array | Uint32Array | Uint16Array;

/**
 * `numbers`: in an array of the segment. `codes`: texts that are never secret, by codes. `derived`: numbers by codes.
 * `piece`: a text that is read and redacted row by row. `number`: a number that is read row by row. The others are made from
 * the request's target, or from what is known of a body that is not sent.
 */
export type Reading =
	| { readonly by: 'numbers'; readonly of: (segment: Segment) => Numbers; readonly zeroIsNull: boolean }
	| { readonly by: 'codes' | 'derived'; readonly of: (segment: Segment) => Codes; readonly place: number }
	| { readonly by: 'piece' | 'number'; readonly place: number }
	| { readonly by: 'time' | 'path' | 'query' | 'url' }
	| { readonly by: 'body' | 'captured' | 'note'; readonly message: 'req' | 'res' };

/** Columns by what `place` counts. */
export const CODED_COLUMNS: SentColumn[] = [];
export const DERIVED_COLUMNS: SentColumn[] = [];
export const PIECE_COLUMNS: SentColumn[] = [];
export const NUMBER_COLUMNS: SentColumn[] = [];

/** In the order of SENT_COLUMNS. */
export const READINGS: readonly Reading[] = SENT_COLUMNS.map(readingOf);

function readingOf(column: SentColumn): Reading {
	const { name, type, array, words, dictionary, deriveNumber } = column;
	if (name === 'ts') return { by: 'time' };
	if (name === 'path' || name === 'url') return { by: name };
	if (name === 'query_string') return { by: 'query' };
	const [, message, what] = /^(req|res)_(body|captured_bytes|body_note)$/.exec(name) ?? [];
	if (message === 'req' || message === 'res')
		return { by: what === 'body' ? 'body' : what === 'body_note' ? 'note' : 'captured', message };
	if (array !== undefined) return { by: 'numbers', of: array.of, zeroIsNull: array.zeroIsNull };
	if (dictionary !== undefined && deriveNumber !== undefined)
		return { by: 'derived', of: ({ text }) => text[dictionary], place: DERIVED_COLUMNS.push(column) - 1 };
	const codes = words?.of ?? (dictionary === undefined ? undefined : ({ text }: Segment) => text[dictionary]);
	if (codes !== undefined && HARMLESS_COLUMNS.has(name))
		return { by: 'codes', of: codes as (segment: Segment) => Codes, place: CODED_COLUMNS.push(column) - 1 };
	if (type === 'text') return { by: 'piece', place: PIECE_COLUMNS.push(column) - 1 };
	return { by: 'number', place: NUMBER_COLUMNS.push(column) - 1 };
}
