// A request's target as the columns path, query_string and url, redacted once for all three.
import { pathText, queryText, targetText, urlPrefix, urlText } from '../store/exchange-row.ts';
import { ABSENT, type Segment } from '../store/segment.ts';
import { jsonInside, Piece, type PieceMaker, type RedactedText, type Secrets } from './pieces.ts';

/** The most queries to remember; longer ones are not. */
const MOST_QUERIES = 1000;
const LONGEST_QUERY = 512;
const MOST_PREFIXES = 1000;
/** Without a user, and without anything that begins a path or a query. */
const PLAIN_PREFIX = /^[a-z]+:\/\/[^@/?#]*$/;

const [AT, HASH, QUESTION, SLASH] = [0x40, 0x23, 0x3f, 0x2f];

export class TargetPieces {
	/** The values of the columns as JSON. */
	path = '';
	query = '';
	/** '' if `prefix` is given. */
	url = '';
	/** If the URL consists of this, the path, and the query if there is one: its beginning. */
	prefix: Piece | undefined;
	readonly #maker: PieceMaker;
	readonly #prefixes = new Map<string, Piece>();
	/** Redacted queries by what was sent. */
	readonly #queries = new Map<string, RedactedText>();

	constructor(maker: PieceMaker) {
		this.#maker = maker;
	}

	/** Reads the target of a row. Adds what redaction has found in it. */
	read(segment: Segment, row: number, found: Secrets[]): void {
		this.prefix = isPlain(segment, row) ? this.#prefix(urlPrefix(segment, row)) : undefined;
		if (this.prefix === undefined) {
			this.#readAny(segment, row, found);
			return;
		}
		// Nothing in path and authority can be a secret, and the query alone decides what is redacted in the URL.
		const path = jsonInside(pathText(segment, row)!);
		const query = queryText(segment, row);
		this.path = `"${path}"`;
		this.url = '';
		if (query === null) {
			this.query = 'null';
			return;
		}
		const { json, secrets } = this.#query(query);
		if (secrets !== undefined) found.push(secrets);
		this.query = `"${json}"`;
	}

	/** What comes before the path; undefined if there may be a secret in it. */
	#prefix(text: string | null): Piece | undefined {
		if (text === null) return undefined;
		let prefix = this.#prefixes.get(text);
		if (prefix === undefined && PLAIN_PREFIX.test(text)) {
			prefix = new Piece(`"${jsonInside(text)}`);
			if (this.#prefixes.size >= MOST_PREFIXES) this.#prefixes.clear();
			this.#prefixes.set(text, prefix);
		}
		return prefix;
	}

	#query(query: string): RedactedText {
		const known = this.#queries.get(query);
		if (known !== undefined) return known;
		const redacted = this.#maker.text((scope) => scope.form(query), query);
		if (this.#queries.size >= MOST_QUERIES) this.#queries.clear();
		if (query.length <= LONGEST_QUERY) this.#queries.set(query, redacted);
		return redacted;
	}

	#readAny(segment: Segment, row: number, found: Secrets[]): void {
		const column = (name: string, value: string | null): string => {
			const { text, secrets } = this.#maker.column(name, value);
			if (secrets !== undefined) found.push(secrets);
			return text;
		};
		this.path = column('path', pathText(segment, row));
		this.query = column('query_string', queryText(segment, row));
		this.url = column('url', urlText(segment, row));
		// The target itself is not sent, but what is secret in it may be elsewhere.
		column('url', targetText(segment, row));
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
