// The filter above the table: words, `key:text` and `key>number`. All parts must match; `-` before a part negates it.
import type { NumberColumn, TextColumn } from '../report-data.ts';
import { CLASSES, type Rows } from './rows.ts';

export type RowTest = (row: number) => boolean;
/** The tests of a filter, or why it cannot be read. */
export type ReadFilter = { readonly test: RowTest } | { readonly problem: string };

const TEXT_KEYS: Readonly<Record<string, TextColumn>> = {
	method: 'method',
	path: 'path',
	host: 'host',
	process: 'comm',
	comm: 'comm',
	side: 'side',
	state: 'state',
	reason: 'reason',
	via: 'via',
	type: 'content_type',
	remote: 'remote',
	local: 'local',
	anomaly: 'anomalies',
	why: 'res_why',
};

/** Columns for comparisons, and the units that their numbers may have. */
const NUMBER_KEYS: Readonly<Record<string, { readonly column: NumberColumn; readonly units: 'time' | 'size' | '' }>> = {
	duration: { column: 'duration_ms', units: 'time' },
	ttfb: { column: 'ttfb_ms', units: 'time' },
	size: { column: 'res_body_bytes', units: 'size' },
	sent: { column: 'req_body_bytes', units: 'size' },
	lost: { column: 'lost_bytes', units: 'size' },
	status: { column: 'status', units: '' },
	id: { column: 'id', units: '' },
	conn: { column: 'conn', units: '' },
	pid: { column: 'pid', units: '' },
};

const NAME_KEYS = ['endpoint', 'caller', 'callee'];

export const FILTER_KEYS: readonly string[] = [...Object.keys(TEXT_KEYS), ...Object.keys(NUMBER_KEYS), ...NAME_KEYS];

const PART = /(-?)(?:([a-z]+)(:|<=|>=|<|>|=))?(?:"([^"]*)"?|(\S*))/y;

/** Reads a filter. An empty one lets every row pass. */
export function readFilter(text: string, rows: Rows): ReadFilter {
	const tests: RowTest[] = [];
	let at = 0;
	for (;;) {
		while (/\s/.test(text[at] ?? '')) at++;
		if (at >= text.length) break;
		PART.lastIndex = at;
		const [all = '', minus = '', key, operator = ':', quoted, plain = ''] = PART.exec(text) ?? [];
		at += Math.max(1, all.length);
		const wanted = (quoted ?? plain).toLowerCase();
		if (key === undefined && wanted === '') continue;
		// A URL or a host with a port is a word.
		const isKey = key !== undefined && (FILTER_KEYS.includes(key) || operator !== ':');
		const made = isKey
			? keyTest(key, operator, wanted, rows)
			: wordTest(key === undefined ? wanted : `${key}:${wanted}`, rows);
		if (typeof made === 'string') return { problem: made };
		tests.push(minus === '-' ? (row) => !made(row) : made);
	}
	return { test: (row) => tests.every((test) => test(row)) };
}

/** A part of a filter that matches this value of a key, and nothing similar. */
export function exactPart(key: string, value: string): string {
	return `${key}="${value.replaceAll('"', '')}"`;
}

function wordTest(word: string, rows: Rows): RowTest {
	return (row) => rows.haystack(row).includes(word);
}

function keyTest(key: string, operator: string, wanted: string, rows: Rows): RowTest | string {
	if (!FILTER_KEYS.includes(key)) return `unknown key “${key}”: expected one of ${FILTER_KEYS.join(', ')}`;
	if (key === 'status' && (operator === ':' || operator === '=')) return statusTest(wanted, rows);
	const numeric = NUMBER_KEYS[key];
	if (numeric !== undefined) return numberTest(key, operator, wanted, numeric, rows.numbers[numeric.column]);
	if (operator !== ':' && operator !== '=') return `${key} is a text: expected ${key}:TEXT`;
	const matches = operator === '=' ? (text: string) => text === wanted : (text: string) => text.includes(wanted);
	const column = TEXT_KEYS[key];
	if (column === undefined) {
		const [codes, names] =
			key === 'endpoint'
				? [rows.endpoints, rows.endpointNames]
				: [key === 'caller' ? rows.callers : rows.callees, rows.partyNames];
		return codesTest(codes, names, matches);
	}
	return codesTest(rows.codes[column], rows.strings, matches);
}

/** Looks at each text once, however many rows have it. */
function codesTest(codes: Int32Array, names: readonly string[], matches: (text: string) => boolean): RowTest {
	const known = new Map<number, boolean>();
	return (row) => {
		const code = codes[row]!;
		if (code < 0) return false;
		let answer = known.get(code);
		if (answer === undefined) {
			answer = matches(names[code]!.toLowerCase().replaceAll('"', ''));
			known.set(code, answer);
		}
		return answer;
	};
}

function statusTest(wanted: string, rows: Rows): RowTest | string {
	if (wanted === 'none') return (row) => rows.classes[row] === 0;
	const kind = CLASSES.findIndex((name, index) => index > 0 && name === wanted);
	if (kind > 0) return (row) => rows.classes[row] === kind;
	if (!/^\d+$/.test(wanted)) return 'status: expected a number such as 404, a class such as 5xx, or none';
	return (row) => rows.numbers.status[row] === Number(wanted);
}

function numberTest(
	key: string,
	operator: string,
	text: string,
	{ units }: { readonly units: 'time' | 'size' | '' },
	column: Float64Array,
): RowTest | string {
	const value = numberOf(text, units);
	if (Number.isNaN(value)) {
		const example = { time: '100ms or 1.5s', size: '4096 or 10KiB', '': '42' }[units];
		return `${key}: expected a number such as ${example}`;
	}
	switch (operator) {
		case '<':
			return (row) => column[row]! < value;
		case '>':
			return (row) => column[row]! > value;
		case '<=':
			return (row) => column[row]! <= value;
		case '>=':
			return (row) => column[row]! >= value;
		default:
			return (row) => column[row]! === value;
	}
}

const TIME_UNITS: Readonly<Record<string, number>> = {
	'': 1,
	ms: 1,
	us: 0.001,
	µs: 0.001,
	s: 1000,
	m: 60_000,
	min: 60_000,
};
const SIZE_UNITS: Readonly<Record<string, number>> = {
	'': 1,
	b: 1,
	kib: 1024,
	k: 1024,
	mib: 1048576,
	m: 1048576,
	gib: 1073741824,
};

function numberOf(text: string, units: 'time' | 'size' | ''): number {
	const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)([a-zµ]*)$/.exec(text) ?? [];
	const factors = units === 'time' ? TIME_UNITS : units === 'size' ? SIZE_UNITS : { '': 1 };
	return digits === undefined ? Number.NaN : Number(digits) * (factors[unit] ?? Number.NaN);
}
