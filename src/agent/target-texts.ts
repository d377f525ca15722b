// A request's target as the columns path, query_string and url, redacted once for all three.
import { pathText, queryText, targetText, urlPrefix, urlText } from '../store/exchange-row.ts';
import { ABSENT, type Segment } from '../store/segment.ts';
import type { RowSecrets } from './secret-index.ts';
import type { RedactedText, TextPieces } from './text-pieces.ts';

/** The most queries to remember; longer ones are not. */
const MOST_QUERIES = 1000;
const LONGEST_QUERY = 512;
const MOST_PREFIXES = 1000;
/** Without a user, and without anything that begins a path or a query. */
const PLAIN_PREFIX = /^[a-z]+:\/\/[^@/?#]*$/;

const [AT, HASH, QUESTION, SLASH] = [0x40, 0x23, 0x3f, 0x2f];

/** Where a text is in memory, without its length; `size` is -1 if there is none. */
export type Place = { at: number; size: number };

export class TargetTexts {
	readonly path: Place = { at: 0, size: 0 };
	readonly query: Place = { at: 0, size: 0 };
	readonly url: Place = { at: 0, size: 0 };
	/** The URL consists of its beginning, the path, and the query if there is one. */
	isPlain = false;
	readonly #pieces: TextPieces;
	/** Whether what comes before a path can have no secrets. */
	readonly #prefixes = new Map<string, boolean>();
	#segment: Segment | undefined;
	/** What comes before the path, by the code of the host and the flags. */
	#hosts = new Map<number, Place>();
	/** Redacted queries by what was sent. */
	readonly #queries = new Map<string, RedactedText>();

	constructor(pieces: TextPieces) {
		this.#pieces = pieces;
	}

	/** Forgets what is in memory. */
	forget(): void {
		this.#segment = undefined;
	}

	/** Reads the target of a row into memory. Adds what redaction has found in it. */
	read(segment: Segment, row: number, found: RowSecrets): void {
		if (segment !== this.#segment) {
			this.#segment = segment;
			this.#hosts.clear();
		}
		const { memory } = this.#pieces;
		const { u32, arena } = segment;
		const { path, query, url } = this;
		if (!isPlain(segment, row)) {
			this.#readAny(segment, row, found);
			return;
		}
		const start = memory.end;
		if (!this.#writePrefix(segment, row)) {
			this.#readAny(segment, row, found);
			return;
		}
		// Nothing in path and authority can be a secret, and the query alone decides what is redacted in the URL.
		const from = u32.target_offset[row]!;
		const pathLength = u32.path_length[row]!;
		const queryLength = u32.query_length[row]!;
		path.at = memory.end;
		path.size = pathLength;
		memory.copy(arena, from, from + pathLength);
		query.size = -1;
		if (queryLength !== ABSENT) {
			memory.byte(QUESTION);
			query.at = memory.end;
			const { text, secrets } = this.#query(queryText(segment, row)!);
			memory.text(text);
			query.size = memory.end - query.at;
			if (secrets !== undefined) found.add(secrets);
		}
		this.isPlain = true;
		url.at = start;
		url.size = memory.end - start;
	}

	/** Writes what comes before the path. False, without having written it, if there may be a secret in it. */
	#writePrefix(segment: Segment, row: number): boolean {
		const { memory } = this.#pieces;
		const host = segment.text.host[row]!;
		const key = host * 256 + segment.u8.flags[row]!;
		const known = host === 0 ? undefined : this.#hosts.get(key);
		if (known !== undefined) {
			memory.again(known.at, known.size);
			return true;
		}
		const text = urlPrefix(segment, row);
		if (text === null || !this.#isPlainPrefix(text)) return false;
		const at = memory.end;
		memory.text(text);
		// An empty host is replaced by the server's address.
		if (host !== 0 && segment.dictionaryLength[host - 1]! > 0) this.#hosts.set(key, { at, size: memory.end - at });
		return true;
	}

	#isPlainPrefix(text: string): boolean {
		let isPlain = this.#prefixes.get(text);
		if (isPlain === undefined) {
			isPlain = PLAIN_PREFIX.test(text);
			if (this.#prefixes.size >= MOST_PREFIXES) this.#prefixes.clear();
			this.#prefixes.set(text, isPlain);
		}
		return isPlain;
	}

	#query(query: string): RedactedText {
		const known = this.#queries.get(query);
		if (known !== undefined) return known;
		const redacted = this.#pieces.text((scope) => scope.form(query), query);
		if (this.#queries.size >= MOST_QUERIES) this.#queries.clear();
		if (query.length <= LONGEST_QUERY) this.#queries.set(query, redacted);
		return redacted;
	}

	#readAny(segment: Segment, row: number, found: RowSecrets): void {
		this.isPlain = false;
		const { memory } = this.#pieces;
		const write = (place: Place, name: string, value: string | null): void => {
			place.size = -1;
			if (value === null) return;
			const { text, secrets } = this.#pieces.columnText(name, value);
			place.at = memory.end;
			memory.text(text);
			place.size = memory.end - place.at;
			if (secrets !== undefined) found.add(secrets);
		};
		write(this.path, 'path', pathText(segment, row));
		write(this.query, 'query_string', queryText(segment, row));
		write(this.url, 'url', urlText(segment, row));
		// The target itself is not sent, but what is secret in it may be elsewhere.
		const target = targetText(segment, row);
		const { secrets } = target === null ? {} : this.#pieces.columnText('url', target);
		if (secrets !== undefined) found.add(secrets);
	}
}

/**
 * Whether a target is a path, or a path and a query, in ASCII, without anything else in which redaction finds secrets: no
 * user and no fragment.
 */
function isPlain({ u32, arena }: Segment, row: number): boolean {
	const length = u32.target_length[row]!;
	const pathLength = u32.path_length[row]!;
	const queryLength = u32.query_length[row]!;
	if (length === ABSENT || pathLength === ABSENT || u32.path_start[row] !== 0) return false;
	const isWhole =
		queryLength === ABSENT
			? pathLength === length
			: u32.query_start[row] === pathLength + 1 && pathLength + 1 + queryLength === length;
	const start = u32.target_offset[row]!;
	if (!isWhole || arena[start] !== SLASH) return false;
	for (let at = start; at < start + length; at++) {
		const byte = arena[at]!;
		if (byte >= 0x80 || byte === AT || byte === HASH) return false;
		if (byte === QUESTION && at < start + pathLength) return false;
	}
	return queryLength === ABSENT || arena[start + pathLength] === QUESTION;
}
