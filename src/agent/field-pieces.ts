// The field lines of exchanges as parts of lines. A segment keeps most of them once, so they are redacted once, too.
import { isQuiet } from '../output/redaction.ts';
import { isSensitiveName } from '../output/sensitive-names.ts';
import { FieldPlaces } from '../store/field-places.ts';
import type { Segment } from '../store/segment.ts';
import { wireText } from '../store/wire-text.ts';
import { jsonInside, Piece, type PieceMaker } from './pieces.ts';

/** A field line. */
export type FieldPiece = {
	readonly name: FieldName;
	/** Its value as a JSON string. */
	readonly value: Piece;
	/** The value as it was sent. */
	readonly text: string;
	readonly isTrailer: boolean;
	/** The columns that are made from this line. */
	columns: (Piece | undefined)[] | undefined;
};

type FieldName = {
	/** As a JSON string. */
	readonly json: string;
	readonly isSent: boolean;
	/** Its place in the list given to the constructor; -1 if it is not there. */
	readonly slot: number;
	/** The name does not say that the value is secret. */
	readonly isOrdinary: boolean;
};

/** The names of a message's fields. There are few such lists, because programs repeat them. */
type NameList = {
	readonly names: string;
	readonly piece: Piece;
	readonly longer: Map<FieldName, NameList>;
	/** The last name that was added, and the result. */
	last: FieldName | undefined;
	lastLonger: NameList | undefined;
};

/** The fields of one message. */
export type MessagePieces = {
	/** By the names given to the constructor: the first line with this name. */
	readonly slots: (FieldPiece | undefined)[];
	/** The first `count` of them are the lines that are sent. */
	readonly lines: FieldPiece[];
	count: number;
	trailers: number;
	/** The member with their names, and the beginning of the one with their values. */
	names: Piece;
};

/** The most names, and lists of names, to remember. */
const MOST_NAMES = 1000;
const MOST_LISTS = 4096;
/** Lines that have come more often than this are kept as long as the segment is read. */
const FEW_TIMES = 4;
const RECENT = 512;

export class FieldPieces {
	readonly #maker: PieceMaker;
	readonly #slots: readonly string[];
	readonly #wanted: ReadonlySet<string> | undefined;
	readonly #places = new FieldPlaces();
	readonly #names = new Map<string, FieldName>();
	#segment: Segment | undefined;
	/** By the code of the line in the segment, those that came several times, and how often each has come. */
	#lines: (FieldPiece | undefined)[] = [];
	#times = new Uint8Array(0);
	/** Others that came a short while ago, by the lowest bits of their codes. Many never come again. */
	readonly #recent = new Array<FieldPiece | undefined>(RECENT).fill(undefined);
	readonly #recentCodes = new Int32Array(RECENT);
	#lists = 0;
	#roots = newRoots();

	/**
	 * `slots`: names, in lower case, of fields from which columns are made. `wanted`: names of the fields that are sent;
	 * undefined: all.
	 */
	constructor(maker: PieceMaker, slots: readonly string[], wanted: ReadonlySet<string> | undefined) {
		this.#maker = maker;
		this.#slots = slots;
		this.#wanted = wanted;
	}

	/** Room for the fields of a message. */
	message(): MessagePieces {
		return { slots: this.#slots.map(() => undefined), lines: [], count: 0, trailers: 0, names: this.#roots.req.piece };
	}

	/** Reads the fields of a row. Calls `found` for those with secrets. */
	read(segment: Segment, row: number, req: MessagePieces, res: MessagePieces, found: (piece: Piece) => void): void {
		if (segment !== this.#segment) {
			this.#segment = segment;
			this.#lines = new Array<FieldPiece | undefined>(segment.lineOffset.length + 1).fill(undefined);
			this.#times = new Uint8Array(segment.lineOffset.length + 1);
			this.#recentCodes.fill(0);
		}
		if (this.#lists > MOST_LISTS) {
			this.#lists = 0;
			this.#roots = newRoots();
		}
		const places = this.#places;
		places.find(segment, row);
		this.#readMessage(segment, 'req', 0, places.requestCount, req, found);
		this.#readMessage(segment, 'res', places.requestCount, places.count, res, found);
	}

	#readMessage(
		segment: Segment,
		message: 'req' | 'res',
		from: number,
		to: number,
		into: MessagePieces,
		found: (piece: Piece) => void,
	): void {
		const { code } = this.#places;
		const { slots, lines } = into;
		for (let slot = 0; slot < slots.length; slot++) slots[slot] = undefined;
		let count = 0;
		let trailers = 0;
		let list = this.#roots[message];
		for (let index = from; index < to; index++) {
			const line = this.#lines[code[index]!] ?? this.#rareLine(segment, index);
			const { name } = line;
			if (line.value.secrets !== undefined) found(line.value);
			if (name.slot >= 0) slots[name.slot] ??= line;
			if (!name.isSent) continue;
			list = list.last === name ? list.lastLonger! : this.#longer(list, message, name);
			lines[count++] = line;
			if (line.isTrailer) trailers++;
		}
		into.count = count;
		into.trailers = trailers;
		into.names = list.piece;
	}

	#longer(list: NameList, message: 'req' | 'res', name: FieldName): NameList {
		const { names, longer } = list;
		let found = longer.get(name);
		if (found === undefined) {
			this.#lists++;
			found = newList(message, names === '' ? name.json : `${names},${name.json}`);
			longer.set(name, found);
		}
		list.last = name;
		list.lastLonger = found;
		return found;
	}

	#rareLine(segment: Segment, index: number): FieldPiece {
		const code = this.#places.code[index]!;
		if (code === 0) return this.#newLine(segment, index);
		const place = code % RECENT;
		const line = this.#recentCodes[place] === code ? this.#recent[place]! : this.#newLine(segment, index);
		if (++this.#times[code]! > FEW_TIMES) this.#lines[code] = line;
		this.#recent[place] = line;
		this.#recentCodes[place] = code;
		return line;
	}

	#newLine(segment: Segment, index: number): FieldPiece {
		const { nameStart, nameEnd, valueEnd, isTrailer } = this.#places;
		const nameText = wireText(segment.arena, nameStart[index]!, nameEnd[index]!);
		const text = wireText(segment.arena, nameEnd[index]!, valueEnd[index]!);
		const name = this.#names.get(nameText) ?? this.#newName(nameText);
		return {
			name,
			value: this.#value(name, nameText, text),
			text,
			isTrailer: isTrailer[index] === 1,
			columns: undefined,
		};
	}

	#value(name: FieldName, nameText: string, text: string): Piece {
		if (name.isOrdinary && isQuiet(text)) return new Piece(`"${jsonInside(text)}"`);
		const { json, secrets } = this.#maker.text((scope) => scope.header(nameText, text), text);
		return new Piece(`"${json}"`, secrets);
	}

	#newName(text: string): FieldName {
		const lower = text.toLowerCase();
		const name: FieldName = {
			json: `"${jsonInside(text)}"`,
			isSent: this.#wanted === undefined || this.#wanted.has(lower),
			// As fieldValuePlace() compares names: only ASCII letters have two cases.
			slot: isAscii(text) ? this.#slots.indexOf(lower) : -1,
			isOrdinary: !isSensitiveName(text) && !/authorization$|cookie2?$/.test(lower),
		};
		if (this.#names.size >= MOST_NAMES) this.#names.clear();
		this.#names.set(text, name);
		return name;
	}
}

function newRoots(): Record<'req' | 'res', NameList> {
	return { req: newList('req', ''), res: newList('res', '') };
}

function newList(message: 'req' | 'res', names: string): NameList {
	const text = `,"${message}_header_names":[${names}],"${message}_header_values":[`;
	return { names, piece: new Piece(text), longer: new Map(), last: undefined, lastLonger: undefined };
}

function isAscii(text: string): boolean {
	for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= 0x80) return false;
	return true;
}
