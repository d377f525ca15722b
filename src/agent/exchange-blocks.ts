// Follows the rows of a capture, and makes blocks of them for a store (native-format.ts): straight from the columns of
// segments, with texts that are redacted once for each value. A block has the same rows as if each exchange had been redacted
// as a whole; where that is not certain, the exchange is.
import { STATES } from '../decode/words.ts';
import { type Records, redactedRecords } from '../output/redacted-tables.ts';
import type { Redactor } from '../output/redaction.ts';
import { type ExchangeRecord, recordReader } from '../store/exchange-detail.ts';
import { EXCHANGE_COLUMNS, type LazyNames } from '../store/exchange-table.ts';
import { RowLocator, type SegmentRows } from '../store/row-locator.ts';
import { ABSENT, type Segment } from '../store/segment.ts';
import { BlockMemory } from './block-memory.ts';
import { BlockRows } from './block-rows.ts';
import { BlockWriter } from './block-writer.ts';
import {
	type BodyChoice,
	createExchangeRow,
	type ExchangeRow,
	ROW_LEAVES_OUT,
	type RowSettings,
	sendsBodies,
} from './exchange-row.ts';
import { FieldLines } from './field-lines.ts';
import { FieldReader, type MessageFields } from './message-fields.ts';
import type { Origin } from './origin.ts';
import { type RowBlock, rowBlock } from './row-block.ts';
import { RowPieces } from './row-pieces.ts';
import { RowSecrets } from './secret-index.ts';
import { NOT_SENT, SENT_COLUMNS } from './store-tables.ts';
import { type Place, TargetTexts } from './target-texts.ts';
import { NULL, TextPieces } from './text-pieces.ts';

/** What to send, and the columns that all rows have. Plain data, so that threads can pass it on. */
export type BlocksWanted = RowSettings & { readonly origin: Origin };

/** The most rows of a block. */
const MOST_ROWS = 2048;
/** Bytes of a row's numbers and repeated texts, about. */
const ROW_BYTES = 500;
/** When there is more in memory, all is forgotten before the next block. */
const MOST_KEPT = 4 << 20;
/** With more texts to look for in one row, the exchange is redacted as a whole. */
const MOST_SEARCHED = 100;
/** Times for which dividing by a million is exact enough: until the year 2096. */
const MOST_US = 4e15;

/** Columns that are not sent, but may have secrets that are elsewhere, too. There are none so far. */
const HIDDEN = EXCHANGE_COLUMNS.filter(
	({ name, type }) =>
		!SENT_COLUMNS.some((sent) => sent.name === name) &&
		!ROW_LEAVES_OUT.includes(name) &&
		!NOT_SENT.has(name) &&
		['text', 'json', 'blob'].includes(type),
);

export class ExchangeBlocks {
	/** How many rows so far were made of whole exchanges. */
	wholeRows = 0;
	/** The number of the next row. */
	next: number;
	readonly #redactor: Redactor | undefined;
	readonly #whole: (exchange: ExchangeRecord) => ExchangeRow;
	readonly #bodies: BodyChoice;
	readonly #memory = new BlockMemory();
	readonly #texts: TextPieces;
	readonly #lines: FieldLines;
	readonly #fields: FieldReader;
	readonly #target: TargetTexts;
	readonly #pieces: RowPieces;
	readonly #writer: BlockWriter;
	readonly #block = new BlockRows(MOST_ROWS);
	/** Where the block's own texts begin. */
	#start = 0;
	/** Characters of rows made of whole exchanges. */
	#wholeSize = 0;
	#rows = new RowLocator([]);
	#records: () => Records = () => {
		throw new Error('expected rows to read');
	};
	/** What redaction has found in the row. */
	readonly #secrets = new RowSecrets();

	/** `first`: the number of the next row. Without a redactor, nothing is redacted. */
	constructor(wanted: BlocksWanted, redactor: Redactor | undefined, first: number) {
		this.next = first;
		this.#redactor = redactor;
		this.#whole = createExchangeRow(wanted);
		this.#bodies = wanted.bodies;
		const { headers } = wanted;
		const texts = new TextPieces(this.#memory, redactor);
		this.#texts = texts;
		this.#lines = new FieldLines(texts, headers === undefined ? undefined : new Set(headers));
		this.#fields = new FieldReader(texts, this.#lines);
		this.#target = new TargetTexts(texts);
		this.#pieces = new RowPieces(texts, this.#lines);
		this.#writer = new BlockWriter(texts, wanted);
	}

	/** The rows so far, without those that were taken. */
	get rows(): number {
		return this.#block.count;
	}

	/** About how many bytes they will take before they are compressed. */
	get bytes(): number {
		return this.#memory.end - this.#start + this.#wholeSize + this.rows * ROW_BYTES;
	}

	/** Whether the rows so far have to be taken before the next one is added. */
	get isFull(): boolean {
		return this.rows === MOST_ROWS;
	}

	/** Reads from these rows from now on. */
	read(parts: readonly SegmentRows[], names: LazyNames): void {
		this.#rows = new RowLocator(parts);
		this.#pieces.use(names());
		let records: Records | undefined;
		this.#records = () => {
			records ??=
				this.#redactor === undefined
					? recordReader(parts, names, ROW_LEAVES_OUT)
					: redactedRecords(parts, names, this.#redactor, ROW_LEAVES_OUT);
			return records;
		};
	}

	/** Adds row `row` of those to read. */
	add(row: number): void {
		const inner = this.#rows.seek(row);
		const { segment } = this.#rows;
		this.next++;
		if (this.#addPlain(segment, inner)) return;
		this.wholeRows++;
		const whole = this.#whole(this.#records()(row));
		this.#block.addWhole(whole);
		for (const value of whole.values) if (typeof value === 'string') this.#wholeSize += value.length;
	}

	/** The rows since the last call; there must be some. The rows to read must still be there. */
	take(): RowBlock {
		const block = this.#block;
		const raw = this.#writer.write(block, this.next - block.count);
		const taken = rowBlock(raw, { first: this.next - block.count, rows: block.count, ...block.span() });
		this.#begin();
		return taken;
	}

	#begin(): void {
		this.#block.clear();
		this.#wholeSize = 0;
		if (this.#memory.end > MOST_KEPT || this.#texts.isFull) {
			this.#texts.forget();
			this.#lines.forget();
			this.#pieces.forget();
			this.#fields.forget();
			this.#target.forget();
			this.#writer.forget();
		} else this.#fields.begin();
		this.#start = this.#memory.end;
	}

	/** Adds a row from the columns of its segment. False if the exchange has to be redacted as a whole. */
	#addPlain(segment: Segment, row: number): boolean {
		const us = segment.f64.ts[row]!;
		const { req_body_length: request, res_body_length: response } = segment.u32;
		// What is secret in a held body is also redacted elsewhere.
		if (!(us >= 0 && us < MOST_US) || isHeld(request[row]!) || isHeld(response[row]!)) return false;
		if (HIDDEN.length > 0 || this.#sendsBodies(segment, row)) return false;
		const secrets = this.#secrets;
		secrets.count = 0;
		const req = this.#fields.read(segment, row, 'request');
		const res = this.#fields.read(segment, row, 'response');
		if ((request[row] === 0 || response[row] === 0) && (req.isForm || res.isForm)) return false;
		for (const each of req.secrets) secrets.add(each);
		for (const each of res.secrets) secrets.add(each);
		const pieces = this.#pieces;
		pieces.read(segment, row, req, res);
		this.#addSecrets(pieces.now);
		const target = this.#target;
		target.read(segment, row, secrets);
		if (secrets.count > 0 && !this.#isRedacted(req, res)) return false;
		this.#block.addPlain(segment, row, req, res, target, pieces.now);
		return true;
	}

	#sendsBodies({ f64, u16, u8 }: Segment, row: number): boolean {
		const bodies = this.#bodies;
		if (bodies.of === 'none') return false;
		const [id, status, state] = [f64.id[row]!, u16.status[row]!, STATES[u8.state[row]!]];
		return sendsBodies(bodies, { id, status: status === 0 ? null : status, state: state ?? null });
	}

	/** Whether no secret of the row is in another place of it. */
	#isRedacted(req: MessageFields, res: MessageFields): boolean {
		const secrets = this.#secrets;
		const limit = this.#look();
		if (limit < 0 || this.#fields.has(req, secrets, limit) || this.#fields.has(res, secrets, limit)) return false;
		const { now } = this.#pieces;
		for (let place = 0; place < now.length; place++)
			if (now[place] !== NULL && this.#texts.has(now[place]!, secrets, limit)) return false;
		return !this.#areInTarget();
	}

	#addSecrets(pieces: Int32Array): void {
		for (let place = 0; place < pieces.length; place++) {
			const secrets = pieces[place] === NULL ? undefined : this.#texts.secretsOf(pieces[place]!);
			if (secrets !== undefined) this.#secrets.add(secrets[0]);
		}
	}

	/** Enters the row's secrets into the index. Returns a number above all of theirs, or -1 if they are too many. */
	#look(): number {
		let [limit, texts] = [0, 0];
		const { items, count } = this.#secrets;
		for (let place = 0; place < count; place++) {
			const secrets = items[place]!;
			texts += secrets.texts.length;
			if (texts > MOST_SEARCHED) return -1;
			if (secrets.id < 0) this.#texts.index.add(secrets);
			if (secrets.id >= limit) limit = secrets.id + 1;
		}
		return limit;
	}

	/** A plain URL consists of the other columns. */
	#areInTarget(): boolean {
		const { path, query, url, isPlain } = this.#target;
		return this.#areInPlace(url) || (!isPlain && (this.#areInPlace(path) || this.#areInPlace(query)));
	}

	#areInPlace({ at, size }: Place): boolean {
		const hits = size <= 0 ? undefined : this.#texts.index.find(this.#memory.bytes, at, at + size, 0);
		return hits !== undefined && this.#secrets.areAmong(hits);
	}
}

function isHeld(length: number): boolean {
	return length !== ABSENT && length > 0;
}
