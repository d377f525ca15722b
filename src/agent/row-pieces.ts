// The texts of a row that may be secret, or that are made of its fields, as pieces.
import type { RemoteNames } from '../store/remote-names.ts';
import { ABSENT, type Segment, type TextMember } from '../store/segment.ts';
import { type FieldLines, SLOTS, TRACE_SLOT } from './field-lines.ts';
import type { MessageFields } from './message-fields.ts';
import { PIECE_COLUMNS, type SentColumn } from './sent-columns.ts';
import { NULL, type TextPieces } from './text-pieces.ts';

/** NULL unless one of the content types is that of gRPC. */
const GRPC_COLUMNS: ReadonlySet<string> = new Set(['grpc_service', 'grpc_method', 'grpc_message']);
/** The most values to remember for a column whose values are in no dictionary. */
const MOST_VALUES = 1000;

/** Reads one column of a row. */
type Read = (row: number, req: MessageFields, res: MessageFields) => number;

export class RowPieces {
	/** Those of the row read last, in the order of PIECE_COLUMNS. */
	readonly now = new Int32Array(PIECE_COLUMNS.length);
	readonly #pieces: TextPieces;
	readonly #lines: FieldLines;
	#segment: Segment | undefined;
	#names: RemoteNames | undefined;
	#reads: readonly Read[] = [];
	/** By code of the other end's address: what else its name depends on, and the name. */
	#remoteKeys = new Float64Array(0);
	#remoteNames = new Int32Array(0);

	constructor(pieces: TextPieces, lines: FieldLines) {
		this.#pieces = pieces;
		this.#lines = lines;
	}

	/** The names for the rows that follow. */
	use(names: RemoteNames): void {
		this.#names = names;
		this.#remoteKeys.fill(-1);
	}

	/** Forgets what is in memory. */
	forget(): void {
		this.#segment = undefined;
	}

	/** Reads a row. */
	read(segment: Segment, row: number, req: MessageFields, res: MessageFields): void {
		if (segment !== this.#segment) {
			this.#segment = segment;
			this.#remoteKeys = new Float64Array(segment.dictionaryOffset.length + 1).fill(-1);
			this.#remoteNames = new Int32Array(segment.dictionaryOffset.length + 1);
			this.#reads = PIECE_COLUMNS.map((column) => this.#readOf(segment, column));
		}
		const { now } = this;
		const reads = this.#reads;
		for (let place = 0; place < reads.length; place++) now[place] = reads[place]!(row, req, res);
	}

	#readOf(segment: Segment, column: SentColumn): Read {
		const { name, dictionary, field } = column;
		if (dictionary !== undefined) return this.#codeRead(segment, column, dictionary);
		const lines = this.#lines;
		// Line 0 is none, and has no columns.
		if (field !== undefined) {
			const slot = SLOTS.indexOf(field.name);
			if (field.message === 'request') return (_, req) => lines.column[req.slots[slot]!]!;
			return (_, __, res) => lines.column[res.slots[slot]!]!;
		}
		if (name === 'trace_id') return (_, req) => lines.column[req.slots[TRACE_SLOT]!]!;
		if (name === 'span_id') return (_, req) => lines.second[req.slots[TRACE_SLOT]!]!;
		if (column.needsNames === true) return this.#nameRead(segment, column);
		const value = (row: number) => column.value(segment, row, this.#names!) as string | null;
		const pieceOf = this.#valuesOf(name);
		if (name === 'anomalies') {
			const { anomalies_low: low, anomalies_high: high } = segment.u32;
			return (row) => (low[row] === 0 && high[row] === 0 ? NULL : pieceOf(value(row)));
		}
		if (GRPC_COLUMNS.has(name)) return (row, req, res) => (req.isGrpc || res.isGrpc ? pieceOf(value(row)) : NULL);
		return (row) => pieceOf(value(row));
	}

	/** A column of codes of texts, each of which is redacted once. */
	#codeRead(segment: Segment, { name, value }: SentColumn, dictionary: TextMember): Read {
		const codes = segment.text[dictionary];
		const known = new Int32Array(segment.dictionaryOffset.length + 1);
		return (row) => {
			const code = codes[row]!;
			let piece = known[code]!;
			if (piece === NULL && code > 0) {
				piece = this.#pieces.column(name, value(segment, row, this.#names!) as string | null);
				known[code] = piece;
			}
			return piece;
		};
	}

	/** `remote_name`, which depends only on these members of a row and on the names. */
	#nameRead({ text, u8, f64, u32, arena }: Segment, column: SentColumn): Read {
		const pieceOf = this.#valuesOf(column.name);
		const segment = this.#segment!;
		return (row) => {
			const length = u32.target_length[row]!;
			const first = length === ABSENT || length === 0 ? 0 : arena[u32.target_offset[row]!]!;
			const isTunnel = this.#names!.isTunnel(f64.conn[row]!);
			const kind = (first * 256 + u8.side[row]!) * 2 + (isTunnel ? 1 : 0);
			const key = kind * 0x10000 + text.host[row]!;
			const remote = text.remote[row]!;
			if (this.#remoteKeys[remote] !== key) {
				this.#remoteKeys[remote] = key;
				this.#remoteNames[remote] = pieceOf(column.value(segment, row, this.#names!) as string | null);
			}
			return this.#remoteNames[remote]!;
		};
	}

	/** Pieces by the value of a column. */
	#valuesOf(name: string): (value: string | null) => number {
		const known = new Map<string, number>();
		return (value) => {
			if (value === null) return NULL;
			let piece = known.get(value);
			if (piece === undefined) {
				piece = this.#pieces.column(name, value);
				if (known.size >= MOST_VALUES) known.clear();
				known.set(value, piece);
			}
			return piece;
		};
	}
}
