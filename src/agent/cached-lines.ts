// Exchanges as lines for a store, made from parts that are kept (pieces.ts), straight from the columns of a segment. A
// line is the same as createExchangeLine() makes of the redacted exchange; where that is not certain, there is none.

import { HARMLESS_COLUMNS } from '../output/redacted-exchange.ts';
import type { Redactor } from '../output/redaction.ts';
import { EXCHANGE_COLUMNS } from '../store/exchange-table.ts';
import { isGrpcType } from '../store/grpc.ts';
import { NO_NAMES, type RemoteNames } from '../store/remote-names.ts';
import { ABSENT, type Segment } from '../store/segment.ts';
import type { SqlValue } from '../store/table.ts';
import { formatTimestamp } from '../store/timestamp.ts';
import { LINE_LEAVES_OUT, type LineSettings } from './exchange-line.ts';
import { FieldPieces, type MessagePieces } from './field-pieces.ts';
import type { LineBuffer } from './line-buffer.ts';
import { jsonInside, NULL, Piece, PieceMaker, type Secrets } from './pieces.ts';
import { microsecondsOf, NOT_SENT, SENT_COLUMNS } from './store-tables.ts';
import { TargetPieces } from './target-pieces.ts';

type SentColumn = (typeof SENT_COLUMNS)[number];
type Numbers = Float64Array | Uint32Array | Uint16Array;

/** A column of the current segment. */
type Cell = {
	/** The member's name, with the comma before it. */
	readonly key: Piece;
	/** Whether the value is the same as in the row `before`, of which `past` is known. */
	same(row: number, before: number, past: Row): boolean;
	/** Writes the value. */
	write(row: number): void;
};

/** A line in the buffer, with which the next one of its kind is compared. */
type Row = {
	row: number;
	/** In which lines of the buffer it is. */
	lines: number;
	/** Where each column's member begins; then where the fields begin. */
	readonly starts: Int32Array;
	/** The pieces of columns that are made from texts. */
	readonly pieces: (Piece | undefined)[];
	path: string;
	query: string;
	url: string;
	prefix: Piece | undefined;
	readonly req: MessagePieces;
	readonly res: MessagePieces;
	/** Where each value of a field ends: those of the request, then those of the response. */
	readonly fieldEnds: number[];
	/** Where the fields of the response begin. */
	resStart: number;
};

/** With more secrets in one line, they are searched for in each value instead. */
const MOST_SECRETS = 100;
/** The most values to remember for a column whose values are in no dictionary. */
const MOST_VALUES = 1000;

/** Columns made from the request's first field with this name. */
const TRACE_COLUMNS: ReadonlySet<string> = new Set(['trace_id', 'span_id']);
const TRACE_FIELD = 'traceparent';
/** NULL unless one of the content types is that of gRPC. */
const GRPC_COLUMNS: ReadonlySet<string> = new Set(['grpc_service', 'grpc_method', 'grpc_status', 'grpc_message']);
const TYPE_FIELD = 'content-type';
const FORM_TYPE = /^\s*multipart\/form-data\b/i;

/** Fields from which columns are made. */
const SLOTS = [
	...new Set([
		...SENT_COLUMNS.flatMap(({ field }) => (field === undefined ? [] : [field.name])),
		...[TRACE_FIELD, TYPE_FIELD],
	]),
];
const TYPE_SLOT = SLOTS.indexOf(TYPE_FIELD);

/** Columns that are not sent, but may have secrets that are elsewhere, too. */
const HIDDEN = EXCHANGE_COLUMNS.filter(
	({ name, type }) =>
		!SENT_COLUMNS.some((sent) => sent.name === name) &&
		!LINE_LEAVES_OUT.includes(name) &&
		!NOT_SENT.has(name) &&
		['text', 'json', 'blob'].includes(type),
);

/** Lines of exchanges of which no bodies are sent or held. */
export class CachedLines {
	readonly #buffer: LineBuffer;
	readonly #maker: PieceMaker;
	readonly #fields: FieldPieces;
	readonly #target: TargetPieces;
	/** The end of the note of a body that is not sent. */
	readonly #noteEnd: Piece;
	/** What redaction has found in the row. */
	readonly #secrets: Secrets[] = [];
	readonly #swept: Piece[] = [];
	/** By column and code of a word, which mean the same in every segment. */
	readonly #words = new Map<string, Map<number, Piece>>();
	/** By everything that `remote_name` depends on, for the current names and segment. */
	readonly #remoteNames = new Map<number, Piece>();
	#names: RemoteNames = NO_NAMES;
	#segment: Segment | undefined;
	#cells: readonly Cell[] = [];
	/** The columns by what they are compared with; `others`: by themselves. */
	#codes16: { readonly index: number; readonly codes: Uint16Array }[] = [];
	#codes8: { readonly index: number; readonly codes: Uint8Array }[] = [];
	#numbers: { readonly index: number; readonly numbers: Float64Array }[] = [];
	#others: readonly number[] = [];
	readonly #differs = new Uint8Array(SENT_COLUMNS.length + HIDDEN.length + 1);
	/** The row that is being written, and the last row of each kind. */
	#now: Row;
	readonly #past = new Map<number, Row>();
	/** What will be copied from the earlier line: where it begins, and how much. */
	#from = 0;
	#length = 0;
	/** Whole seconds of the last time, and their text up to the point. */
	#second = Number.NaN;
	#secondText = NULL;
	#secondPiece = NULL;
	/** Where the line has them. */
	#microsecondsAt = 0;
	readonly #found = ({ secrets }: Piece): void => {
		if (secrets !== undefined) this.#secrets.push(secrets);
	};

	/** Without a redactor, nothing is redacted. */
	constructor({ headers, bodiesText }: LineSettings, redactor: Redactor | undefined, buffer: LineBuffer) {
		this.#buffer = buffer;
		this.#maker = new PieceMaker(redactor);
		this.#fields = new FieldPieces(this.#maker, SLOTS, headers === undefined ? undefined : new Set(headers));
		this.#target = new TargetPieces(this.#maker);
		this.#noteEnd = new Piece(` bytes not sent (--bodies ${jsonInside(bodiesText)})"`);
		this.#now = this.#newRow();
	}

	/** The names for the rows that follow. */
	use(names: RemoteNames): void {
		this.#names = names;
		this.#remoteNames.clear();
	}

	/** The time of a row whose line was written, in microseconds since 1970. */
	tsUs(segment: Segment, row: number): number {
		return Math.floor(segment.f64.ts[row]!);
	}

	/**
	 * Writes the members of a row's line. False if the exchange has to be redacted as a whole; then the line has to be taken
	 * back.
	 */
	write(segment: Segment, row: number): boolean {
		const us = segment.f64.ts[row]!;
		const { req_body_length: request, res_body_length: response } = segment.u32;
		// What is secret in a held body is also redacted elsewhere.
		if (!(us >= 0 && us < MOST_US) || isHeld(request[row]!) || isHeld(response[row]!)) return false;
		if (segment !== this.#segment) this.#open(segment);
		const now = this.#now;
		if (this.#secrets.length > 0) this.#secrets.length = 0;
		this.#fields.read(segment, row, now.req, now.res, this.#found);
		if ((request[row] === 0 || response[row] === 0) && (isForm(now.req) || isForm(now.res))) return false;
		this.#target.read(segment, row, this.#secrets);
		({ path: now.path, query: now.query, url: now.url, prefix: now.prefix } = this.#target);
		now.row = row;
		const kind = segment.u8.side[row]! * 0x10000 + segment.text.method[row]!;
		const past = this.#past.get(kind);
		const isUsable = past?.lines === this.#buffer.lines;
		this.#writeCells(row, isUsable ? past : undefined);
		this.#writeFields('req', now.req, isUsable ? past : undefined, 0);
		this.#writeFields('res', now.res, isUsable ? past : undefined, now.req.count);
		this.#copy();
		if (!this.#isRedacted()) return false;
		now.lines = this.#buffer.lines;
		this.#past.set(kind, now);
		this.#now = past ?? this.#newRow();
		return true;
	}

	#newRow(): Row {
		return {
			row: 0,
			lines: 0,
			starts: new Int32Array(SENT_COLUMNS.length + HIDDEN.length + 2),
			pieces: [],
			path: '',
			query: '',
			url: '',
			prefix: undefined,
			req: this.#fields.message(),
			res: this.#fields.message(),
			fieldEnds: [],
			resStart: 0,
		};
	}

	/** Copies what is the same as in the earlier line. */
	#copy(): void {
		if (this.#length > 0) this.#buffer.repeat(this.#from, this.#length);
		this.#length = 0;
	}

	/** The same `length` bytes are at `from` in the earlier line. */
	#again(from: number, length: number): void {
		if (this.#length > 0 && this.#from + this.#length === from) {
			this.#length += length;
			return;
		}
		this.#copy();
		this.#from = from;
		this.#length = length;
	}

	#writeCells(row: number, past: Row | undefined): void {
		const buffer = this.#buffer;
		const cells = this.#cells;
		const { starts, pieces } = this.#now;
		if (past === undefined) {
			for (let index = 0; index < cells.length; index++) {
				const cell = cells[index]!;
				starts[index] = buffer.length;
				buffer.piece(cell.key);
				cell.write(row);
			}
			starts[cells.length] = buffer.length;
			return;
		}
		for (const index of PIECE_COLUMNS) pieces[index] = past.pieces[index];
		const differs = this.#compared(row, past);
		/** What is the same in the earlier line, and not copied yet, begins here. */
		let from = past.starts[0]!;
		let shift = buffer.length - from;
		for (let index = 0; index < cells.length; index++) {
			const start = past.starts[index]!;
			starts[index] = start + shift;
			if (differs[index] === 0) continue;
			const cell = cells[index]!;
			const end = start + cell.key.length;
			if (end > from) buffer.repeat(from, end - from);
			cell.write(row);
			from = past.starts[index + 1]!;
			shift = buffer.length - from;
		}
		const end = past.starts[cells.length]!;
		starts[cells.length] = end + shift;
		this.#from = from;
		this.#length = end - from;
	}

	/** By column: 1 if the value is not the same as in the earlier row. */
	#compared(row: number, past: Row): Uint8Array {
		const differs = this.#differs;
		const before = past.row;
		for (const { index, codes } of this.#codes16) differs[index] = codes[row] === codes[before] ? 0 : 1;
		for (const { index, codes } of this.#codes8) differs[index] = codes[row] === codes[before] ? 0 : 1;
		for (const { index, numbers } of this.#numbers) differs[index] = isSame(numbers[row]!, numbers[before]!) ? 0 : 1;
		for (const index of this.#others) differs[index] = this.#cells[index]!.same(row, before, past) ? 0 : 1;
		return differs;
	}

	#writeFields(message: 'req' | 'res', fields: MessagePieces, past: Row | undefined, first: number): void {
		const buffer = this.#buffer;
		const { fieldEnds } = this.#now;
		const { names, lines, count, trailers } = fields;
		const before = past?.[message];
		// Then there are as many lines.
		const isAlike = before !== undefined && before.names === names && before.trailers === trailers;
		const pastFirst = message === 'req' || past === undefined ? 0 : past.req.count;
		let from = 0;
		if (past !== undefined && isAlike) {
			from = message === 'req' ? past.starts[this.#cells.length]! : past.resStart;
			this.#again(from, names.length);
			from += names.length;
		} else {
			this.#copy();
			buffer.piece(names);
		}
		for (let index = 0; index < count; index++) {
			const { value } = lines[index]!;
			if (index > 0) {
				if (isAlike) this.#again(from++, 1);
				else buffer.piece(COMMA);
			}
			const end = past?.fieldEnds[pastFirst + index] ?? 0;
			if (isAlike && before.lines[index]!.value === value) this.#again(from, end - from);
			else {
				this.#copy();
				buffer.piece(value);
			}
			from = end;
			fieldEnds[first + index] = buffer.length + this.#length;
		}
		const ending = ENDS[message];
		if (isAlike) this.#again(from, ending.text.length + (trailers < 10 ? 1 : String(trailers).length));
		else {
			buffer.piece(ending);
			buffer.number(trailers);
		}
		if (message === 'req') this.#now.resStart = buffer.length + this.#length;
	}

	/** Whether no secret of the row is in another place of it. */
	#isRedacted(): boolean {
		const { pieces, req, res } = this.#now;
		const swept = this.#swept;
		let count = 0;
		for (const index of TEXT_COLUMNS) {
			const piece = pieces[index];
			if (piece === undefined) continue;
			swept[count++] = piece;
			if (piece.secrets !== undefined) this.#secrets.push(piece.secrets);
		}
		if (this.#secrets.length === 0) return true;
		let searched = 0;
		for (const { texts } of this.#secrets) searched += texts.length;
		if (searched > MOST_SECRETS) return false;
		swept[count++] = req.names;
		for (let i = 0; i < req.count; i++) swept[count++] = req.lines[i]!.value;
		swept[count++] = res.names;
		for (let i = 0; i < res.count; i++) swept[count++] = res.lines[i]!.value;
		const line = { pieces: swept, count, target: this.#targetText, text: this.#lineText };
		for (const secrets of this.#secrets) if (secrets.areInLine(line)) return false;
		return true;
	}

	readonly #targetText = (): string => {
		const { path, query, url, prefix } = this.#now;
		// A secret has no line ends, so it cannot begin in one of the columns and end in another one.
		if (prefix === undefined) return `${path}\n${query}\n${url}`;
		return query === 'null' ? `${prefix.text}${path.slice(1)}` : `${prefix.text}${path.slice(1, -1)}?${query.slice(1)}`;
	};

	readonly #lineText = (): string => {
		const { bytes, start, length } = this.#buffer;
		return bytes.toString('utf8', start, length);
	};

	#open(segment: Segment): void {
		this.#segment = segment;
		this.#remoteNames.clear();
		this.#past.clear();
		const sent = SENT_COLUMNS.map((column, index) => ({ key: KEYS[index]!, ...this.#cell(segment, column, index) }));
		const time = {
			key: TS_US,
			same: () => false,
			write: (row: number) => {
				if (this.#second === 0) {
					this.#buffer.number(this.tsUs(segment, row));
					return;
				}
				this.#buffer.piece(this.#secondPiece);
				this.#buffer.repeat(this.#microsecondsAt, 6);
			},
		};
		const hidden = HIDDEN.map(({ name, value }, index): Cell => {
			const pieceOf = this.#valuesOf(name);
			const place = SENT_COLUMNS.length + 1 + index;
			const write = (row: number): void => {
				this.#now.pieces[place] = pieceOf(value(segment, row, this.#names));
			};
			return { key: NOTHING, same: () => false, write };
		});
		this.#cells = [...sent, time, ...hidden];
		this.#compareBy(segment);
	}

	/** Which columns can be compared by the arrays of the segment. */
	#compareBy(segment: Segment): void {
		this.#codes16 = [];
		this.#codes8 = [];
		this.#numbers = [];
		const plain = new Set<number>();
		for (const [index, { name, array, words, dictionary }] of SENT_COLUMNS.entries()) {
			const isOther = name === 'ts' || /^(?:req|res)_captured_bytes$/.test(name);
			const codes = dictionary === undefined ? (words ?? array)?.of(segment) : segment.text[dictionary];
			if (isOther || codes === undefined) continue;
			plain.add(index);
			if (codes instanceof Uint16Array) this.#codes16.push({ index, codes });
			else if (codes instanceof Uint8Array) this.#codes8.push({ index, codes });
			else if (codes instanceof Float64Array) this.#numbers.push({ index, numbers: codes });
			else plain.delete(index);
		}
		this.#others = this.#cells.flatMap((_, index) => (plain.has(index) ? [] : [index]));
	}

	#cell(segment: Segment, column: SentColumn, index: number): Omit<Cell, 'key'> {
		const { name, array, words, dictionary, field } = column;
		const body = /^(req|res)_(body|captured_bytes|body_note)$/.exec(name);
		if (body !== null) return this.#bodyCell(segment, body[1] as 'req' | 'res', body[2]!);
		if (name === 'ts') return this.#timeCell(segment);
		if (name === 'path') return this.#textCell(name);
		if (name === 'url') return this.#urlCell();
		if (name === 'anomalies') return this.#anomalyCell(segment, column, index);
		if (name === 'query_string') return this.#textCell('query');
		if (array !== undefined) return this.#numberCell(array.of(segment), array.zeroIsNull);
		if (words !== undefined) return this.#codeCell(segment, column, index, words.of(segment), this.#wordsOf(name));
		if (dictionary !== undefined) return this.#codeCell(segment, column, index, segment.text[dictionary], new Map());
		if (field !== undefined) return this.#fieldCell(segment, column, index, field.message, field.name);
		if (TRACE_COLUMNS.has(name)) return this.#fieldCell(segment, column, index, 'request', TRACE_FIELD);
		if (column.needsNames === true) return this.#nameCell(segment, column, index);
		return this.#anyCell(segment, column, index);
	}

	/** A column of codes of texts, each of which is redacted once. */
	#codeCell(
		segment: Segment,
		{ name, value }: SentColumn,
		index: number,
		codes: Uint8Array | Uint16Array,
		known: Map<number, Piece>,
	): Omit<Cell, 'key'> {
		return {
			same: (row, before) => codes[row] === codes[before],
			write: (row) => {
				const code = codes[row]!;
				let piece = known.get(code);
				if (piece === undefined) {
					piece = this.#maker.sharedColumn(name, value(segment, row, this.#names));
					known.set(code, piece);
				}
				this.#now.pieces[index] = piece;
				this.#buffer.piece(piece);
			},
		};
	}

	#wordsOf(name: string): Map<number, Piece> {
		let pieces = this.#words.get(name);
		if (pieces === undefined) {
			pieces = new Map();
			this.#words.set(name, pieces);
		}
		return pieces;
	}

	/** A column made from the first field of this name, and from nothing else. */
	#fieldCell(
		segment: Segment,
		column: SentColumn,
		index: number,
		message: 'request' | 'response',
		field: string,
	): Omit<Cell, 'key'> {
		const slot = SLOTS.indexOf(field);
		// Of the columns from the same field.
		const place = column.name === 'span_id' ? 1 : 0;
		const short = message === 'request' ? 'req' : 'res';
		const pieceOf = (row: number): Piece => {
			const line = this.#now[short].slots[slot];
			if (line === undefined) return NULL;
			let piece = line.columns?.[place];
			if (piece === undefined) {
				piece = this.#maker.column(column.name, column.value(segment, row, this.#names));
				// The same bytes are in the list of the fields.
				if (piece.text === line.value.text && piece.secrets === undefined) piece = line.value;
				line.columns ??= [undefined, undefined];
				line.columns[place] = piece;
			}
			return piece;
		};
		return this.#pieceCell(index, pieceOf);
	}

	/** A column whose pieces are kept elsewhere, so that the same value is the same piece. */
	#pieceCell(index: number, pieceOf: (row: number) => Piece): Omit<Cell, 'key'> {
		return {
			same: (row, _, { pieces }) => pieceOf(row) === pieces[index],
			write: (row) => {
				const piece = pieceOf(row);
				this.#now.pieces[index] = piece;
				this.#buffer.piece(piece);
			},
		};
	}

	/** `remote_name`, which depends only on these members of a row and on the names. */
	#nameCell(segment: Segment, column: SentColumn, index: number): Omit<Cell, 'key'> {
		const { text, u8, f64, u32, arena } = segment;
		const pieceOf = this.#valuesOf(column.name);
		return this.#pieceCell(index, (row) => {
			const length = u32.target_length[row]!;
			const first = length === ABSENT || length === 0 ? 0 : arena[u32.target_offset[row]!]!;
			const isTunnel = this.#names.isTunnel(f64.conn[row]!);
			const kind = (first * 256 + u8.side[row]!) * 2 + (isTunnel ? 1 : 0);
			const place = (kind * 0x10000 + text.host[row]!) * 0x10000 + text.remote[row]!;
			let piece = this.#remoteNames.get(place);
			if (piece === undefined) {
				piece = pieceOf(column.value(segment, row, this.#names));
				this.#remoteNames.set(place, piece);
			}
			return piece;
		});
	}

	/** Any other column. */
	#anyCell(segment: Segment, { name, value }: SentColumn, index: number): Omit<Cell, 'key'> {
		const pieceOf = this.#valuesOf(name);
		const isOfGrpc = GRPC_COLUMNS.has(name);
		return this.#pieceCell(index, (row) => {
			if (isOfGrpc && !this.#isGrpc()) return NULL;
			return pieceOf(value(segment, row, this.#names));
		});
	}

	#isGrpc(): boolean {
		const { req, res } = this.#now;
		return isGrpcType(req.slots[TYPE_SLOT]?.text ?? '') || isGrpcType(res.slots[TYPE_SLOT]?.text ?? '');
	}

	/** Pieces by the value of a column. */
	#valuesOf(name: string): (value: SqlValue) => Piece {
		const known = new Map<SqlValue, Piece>();
		return (value) => {
			if (value === null) return NULL;
			let piece = known.get(value);
			if (piece === undefined) {
				piece = this.#maker.column(name, value);
				if (known.size >= MOST_VALUES) known.clear();
				known.set(value, piece);
			}
			return piece;
		};
	}

	#textCell(part: 'path' | 'query'): Omit<Cell, 'key'> {
		return {
			same: (_, __, past) => this.#now[part] === past[part],
			write: () => this.#buffer.text(this.#now[part]),
		};
	}

	/** Mostly it consists of what is in the columns before. */
	#urlCell(): Omit<Cell, 'key'> {
		const buffer = this.#buffer;
		// Without its quotes.
		const again = (index: number, text: string) =>
			buffer.repeat(this.#now.starts[index]! + KEYS[index]!.length + 1, text.length - 2);
		return {
			same: (_, __, past) => {
				const { prefix, path, query, url } = this.#now;
				return prefix === past.prefix && url === past.url && path === past.path && query === past.query;
			},
			write: () => {
				const { prefix, path, query, url } = this.#now;
				if (prefix === undefined) {
					buffer.text(url);
					return;
				}
				buffer.piece(prefix);
				again(PATH, path);
				if (query !== 'null') {
					buffer.text('?');
					again(QUERY, query);
				}
				buffer.text('"');
			},
		};
	}

	/** `anomalies`, which depends only on these members of a row. */
	#anomalyCell({ u32 }: Segment, column: SentColumn, index: number): Omit<Cell, 'key'> {
		const { anomalies_low: low, anomalies_high: high } = u32;
		const { write } = this.#anyCell(this.#segment!, column, index);
		return {
			same: (row, before) => low[row] === low[before] && high[row] === high[before],
			write,
		};
	}

	#numberCell(numbers: Numbers, zeroIsNull: boolean): Omit<Cell, 'key'> {
		return {
			same: (row, before) => isSame(numbers[row]!, numbers[before]!),
			write: (row) => {
				const number = numbers[row]!;
				if (!Number.isFinite(number) || (zeroIsNull && number === 0)) this.#buffer.piece(NULL);
				else this.#buffer.number(number);
			},
		};
	}

	/** A column of a body that is not sent; nothing of it is held. */
	#bodyCell(segment: Segment, message: 'req' | 'res', what: string): Omit<Cell, 'key'> {
		const bytes = segment.f64[`${message}_body_bytes`];
		const captured = segment.f64[`${message}_captured_bytes`];
		const lengths = segment.u32[`${message}_body_length`];
		const number = this.#numberCell(captured, false);
		const buffer = this.#buffer;
		const same: Cell['same'] = (row, before) =>
			isSame(bytes[row]!, bytes[before]!) &&
			lengths[row] === lengths[before] &&
			isSame(captured[row]!, captured[before]!);
		if (what === 'captured_bytes')
			return { same, write: (row) => (bytes[row]! > 0 ? buffer.piece(ZERO) : number.write(row)) };
		if (what === 'body')
			return { same, write: (row) => buffer.piece(bytes[row]! > 0 || lengths[row] !== 0 ? NULL : EMPTY) };
		return {
			same,
			write: (row) => {
				if (!(bytes[row]! > 0)) {
					buffer.piece(NULL);
					return;
				}
				buffer.piece(NOTE);
				buffer.number(bytes[row]!);
				buffer.piece(this.#noteEnd);
			},
		};
	}

	/** The time, as formatTimestamp() writes it. */
	#timeCell(segment: Segment): Omit<Cell, 'key'> {
		const times = segment.f64.ts;
		const buffer = this.#buffer;
		return {
			same: () => false,
			write: (row) => {
				const us = times[row]!;
				const second = Math.floor(us / 1e6);
				if (second !== this.#second) {
					const text = formatTimestamp(second * 1e6) ?? '';
					this.#second = second;
					this.#secondText = new Piece(`"${text.slice(0, -'000000Z'.length)}`);
					this.#secondPiece = new Piece(String(second));
				}
				buffer.piece(this.#secondText);
				this.#microsecondsAt = buffer.length;
				buffer.digits(Math.floor(us - second * 1e6), 6);
				buffer.piece(TIME_END);
			},
		};
	}
}

const KEYS = SENT_COLUMNS.map(({ name }) => new Piece(`${name === 'id' ? '' : ','}"${name}":`));
const [PATH, QUERY] = ['path', 'query_string'].map((wanted) =>
	SENT_COLUMNS.findIndex(({ name }) => name === wanted),
) as [number, number];
const TS_US = new Piece(`,"${microsecondsOf('ts')}":`);
const ENDS = { req: new Piece('],"req_trailers":'), res: new Piece('],"res_trailers":') } as const;
const [NOTHING, EMPTY, ZERO] = ['', '""', '0'].map((text) => new Piece(text)) as [Piece, Piece, Piece];
const [COMMA, NOTE, TIME_END] = [',', '"body: ', 'Z"'].map((text) => new Piece(text)) as [Piece, Piece, Piece];

/** Columns that can be pieces. */
const PIECE_COLUMNS = [...SENT_COLUMNS.keys(), ...HIDDEN.map((_, index) => SENT_COLUMNS.length + 1 + index)];

/** Columns whose pieces can have secrets. */
const TEXT_COLUMNS = [
	...SENT_COLUMNS.flatMap(({ name, type }, index) => (type === 'text' && !HARMLESS_COLUMNS.has(name) ? [index] : [])),
	...HIDDEN.map((_, index) => SENT_COLUMNS.length + 1 + index),
];

/** Times for which dividing by a million is exact enough: until the year 2096. */
const MOST_US = 4e15;

/** NaN is the same as NaN. Zeros of both signs are: JSON has only one. */
function isSame(one: number, other: number): boolean {
	// biome-ignore lint/suspicious/noSelfCompare: a function call would be slower
	return one === other || (one !== one && other !== other);
}

function isHeld(length: number): boolean {
	return length !== ABSENT && length > 0;
}

function isForm({ slots }: MessagePieces): boolean {
	return FORM_TYPE.test(slots[TYPE_SLOT]?.text ?? '');
}
