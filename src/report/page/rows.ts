// The exchanges of a report as columns, and what the page derives from them.
import { NUMBER_COLUMNS, type NumberColumn, type ReportRows, TEXT_COLUMNS, type TextColumn } from '../report-data.ts';

/** Classes of statuses in the order in which charts stack them; 0: no response. */
export const CLASSES = ['no response', '1xx', '2xx', '3xx', '4xx', '5xx'] as const;

export class Rows {
	readonly count: number;
	/** Microseconds since 1970. */
	readonly start: number;
	/** NaN for NULL. */
	readonly numbers: Readonly<Record<NumberColumn, Float64Array>>;
	readonly codes: Readonly<Record<TextColumn, Int32Array>>;
	readonly strings: readonly string[];
	/** By row: the class of its status. */
	readonly classes: Uint8Array;
	/** By row: 1 unless it is the client's row of an exchange that also has a server's row. */
	readonly once: Uint8Array;
	/** By row: a number of `endpointNames`, of `partyNames`; -1 if unknown. */
	readonly endpoints: Int32Array;
	readonly endpointNames: string[] = [];
	readonly callers: Int32Array;
	readonly callees: Int32Array;
	readonly partyNames: string[] = [];
	/** First and last microsecond of all exchanges after `start`. */
	readonly end: number;
	readonly #rowOfId = new Map<number, number>();
	readonly #haystacks: (string | undefined)[] = [];

	constructor(data: ReportRows) {
		this.start = data.start;
		this.strings = data.strings;
		const numbers = NUMBER_COLUMNS.map((name) => [
			name,
			Float64Array.from(data.numbers[name], (value) => value ?? Number.NaN),
		]);
		this.numbers = Object.fromEntries(numbers) as Record<NumberColumn, Float64Array>;
		const codes = TEXT_COLUMNS.map((name) => [name, Int32Array.from(data.texts[name])]);
		this.codes = Object.fromEntries(codes) as Record<TextColumn, Int32Array>;
		const { id, status, ts, duration_ms: durations } = this.numbers;
		this.count = id.length;
		for (let row = 0; row < this.count; row++) this.#rowOfId.set(id[row]!, row);
		this.classes = Uint8Array.from(status, (value) => (value >= 100 && value < 600 ? Math.floor(value / 100) : 0));
		this.once = Uint8Array.from(id, (_, row) => (this.#isSecondRow(row) ? 0 : 1));
		this.endpoints = this.#endpointCodes();
		[this.callers, this.callees] = this.#partyCodes();
		let end = 1;
		for (let row = 0; row < this.count; row++) end = Math.max(end, ts[row]! + (durations[row]! || 0) * 1000);
		this.end = end;
	}

	/** The text of a column; null for NULL. */
	text(column: TextColumn, row: number): string | null {
		return this.strings[this.codes[column][row]!] ?? null;
	}

	/** The row with this id, if it is in the page. */
	rowOf(id: number): number | undefined {
		return this.#rowOfId.get(id);
	}

	/** The row of the same exchange seen from the other side. */
	pairOf(row: number): number | undefined {
		return this.rowOf(this.numbers.pair_id[row]!);
	}

	/** The observed process; if it is not known, as in packets, its address. */
	ownName(row: number): string | null {
		const local = this.text('local', row);
		return this.text('comm', row) ?? (this.text('side', row) === 'client' ? withoutPort(local) : local);
	}

	/** What the words of a filter are searched for in, in lower case. */
	haystack(row: number): string {
		const known = this.#haystacks[row];
		if (known !== undefined) return known;
		const { status, id } = this.numbers;
		const texts = SEARCHED.map((column) => this.text(column, row) ?? '');
		const text = `${texts.join('\n')}\n${status[row]! || 'no response'}\n#${id[row]}`.toLowerCase();
		this.#haystacks[row] = text;
		return text;
	}

	#isSecondRow(row: number): boolean {
		return this.text('side', row) === 'client' && this.pairOf(row) !== undefined;
	}

	#endpointCodes(): Int32Array {
		const { method, template, host } = this.codes;
		const hosts = new Set<number>();
		for (let row = 0; row < this.count; row++) if (host[row]! >= 0) hosts.add(host[row]!);
		const known = new Map<string, number>();
		return Int32Array.from(method, (code, row) => {
			if (code < 0 && template[row]! < 0) return -1;
			const place = hosts.size > 1 ? (this.text('host', row) ?? '') : '';
			return codeOf(
				`${this.text('method', row) ?? '?'} ${place}${this.text('template', row) ?? ''}`,
				known,
				this.endpointNames,
			);
		});
	}

	#partyCodes(): [Int32Array, Int32Array] {
		const known = new Map<string, number>();
		const callers = new Int32Array(this.count).fill(-1);
		const callees = new Int32Array(this.count).fill(-1);
		const code = (name: string | null) => (name === null ? -1 : codeOf(name, known, this.partyNames));
		for (let row = 0; row < this.count; row++) {
			const own = this.ownName(row);
			const pair = this.pairOf(row);
			const other = pair === undefined ? null : this.ownName(pair);
			const far = this.text('remote_name', row) ?? withoutPort(this.text('remote', row));
			const isClient = this.text('side', row) === 'client';
			callers[row] = code(isClient ? own : (other ?? far));
			callees[row] = code(isClient ? (other ?? this.text('host', row) ?? far) : own);
		}
		return [callers, callees];
	}
}

const SEARCHED: readonly TextColumn[] = [
	...(['method', 'host', 'path', 'comm', 'remote', 'remote_name', 'via', 'content_type', 'state'] as const),
	...(['reason', 'anomalies', 'req_why', 'res_why'] as const),
];

function codeOf(name: string, known: Map<string, number>, names: string[]): number {
	const before = known.get(name);
	if (before !== undefined) return before;
	known.set(name, names.length);
	return names.push(name) - 1;
}

function withoutPort(address: string | null): string | null {
	if (address === null || address.startsWith('unix:')) return address;
	return address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}
