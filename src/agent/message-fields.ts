// The fields of messages, made of lines in memory. Both sides of an exchange have the same lines, so those of the second one
// are found as a whole.
import { FieldPlaces, type Message } from '../store/field-places.ts';
import { ABSENT, type Segment } from '../store/segment.ts';
import {
	type FieldLines,
	type FieldName,
	LINE_FORM,
	LINE_GRPC,
	LINE_TRAILER,
	SLOTS,
	TYPE_SLOT,
} from './field-lines.ts';
import type { RowSecrets, Secrets } from './secret-index.ts';
import type { TextPieces } from './text-pieces.ts';

/** The names of a message's fields. There are few such lists, because programs repeat them. */
type NameList = {
	readonly names: readonly string[];
	/** The names in memory, one after the other. */
	readonly at: number;
	readonly size: number;
	readonly longer: Map<FieldName, NameList>;
	/** The last name that was added, and the result. */
	last: FieldName | undefined;
	lastLonger: NameList | undefined;
	searched: number;
	hits: Set<number> | undefined;
};

const NO_SECRETS: readonly Secrets[] = [];

/** The fields of one message. */
export class MessageFields {
	/** Where its list of lines is. */
	segment: Segment | undefined;
	start = 0;
	length = 0;
	/** By place in SLOTS: the first line with this name; 0 if there is none. */
	readonly slots = new Int32Array(SLOTS.length);
	/** The first `count` of them are the lines that are sent. */
	lines = new Int32Array(16);
	count = 0;
	trailers = 0;
	names: NameList;
	/** The values in memory, one after the other. */
	at = 0;
	size = 0;
	/** What redaction has found in its lines. */
	secrets: readonly Secrets[] = NO_SECRETS;
	isGrpc = false;
	isForm = false;
	/** None of the secrets with numbers below this is in its values. */
	clean = 0;

	constructor(names: NameList) {
		this.names = names;
	}
}

/** The most lists of names to remember. */
const MOST_LISTS = 4096;
/** How many messages are remembered, by the lowest bits of the hashes of their lists. */
const REMEMBERED = 1024;

export class FieldReader {
	readonly #pieces: TextPieces;
	readonly #lines: FieldLines;
	readonly #places = new FieldPlaces();
	#segment: Segment | undefined;
	/** Lines by their code in the segment. */
	#known = new Int32Array(0);
	#lists = 0;
	#root: NameList;
	/** The messages of the block, the first `#used` of which are in use. */
	readonly #messages: MessageFields[] = [];
	#used = 0;
	readonly #remembered = new Array<MessageFields | undefined>(REMEMBERED).fill(undefined);

	constructor(pieces: TextPieces, lines: FieldLines) {
		this.#pieces = pieces;
		this.#lines = lines;
		this.#root = this.#newList([]);
	}

	/** Begins a block; messages of the one before are no longer used. */
	begin(): void {
		this.#used = 0;
		this.#remembered.fill(undefined);
	}

	/** Forgets everything in memory. */
	forget(): void {
		this.begin();
		this.#segment = undefined;
		this.#lists = 0;
		this.#root = this.#newList([]);
	}

	/** The fields of a message of a row. */
	read(segment: Segment, row: number, message: Message): MessageFields {
		const { u32, arena } = segment;
		const isRequest = message === 'request';
		const requestLength = u32.req_headers_length[row]!;
		const given = isRequest ? requestLength : u32.res_headers_length[row]!;
		const length = given === ABSENT ? 0 : given;
		let start = u32.arena_offset[row]!;
		if (!isRequest && requestLength !== ABSENT) start += requestLength;
		let hash = length;
		for (let at = start; at < start + length; at++) hash = (Math.imul(hash, 31) + arena[at]!) | 0;
		const slot = (hash ^ (hash >>> 15)) & (REMEMBERED - 1);
		const known = this.#remembered[slot];
		if (known !== undefined && known.segment === segment && known.length === length) {
			let at = 0;
			while (at < length && arena[known.start + at] === arena[start + at]) at++;
			if (at === length) return known;
		}
		const fields = this.#next();
		fields.segment = segment;
		fields.start = start;
		fields.length = length;
		this.#remembered[slot] = fields;
		this.#fill(fields, segment, row, message);
		return fields;
	}

	/** Whether one of these secrets, whose numbers are below `limit`, is in a name or a value of the message. */
	has(fields: MessageFields, secrets: RowSecrets, limit: number): boolean {
		const { names, lines, count } = fields;
		const pieces = this.#pieces;
		const { index, memory } = pieces;
		if (names.searched < limit) {
			const found = index.find(memory.bytes, names.at, names.at + names.size, names.searched);
			if (found !== undefined) names.hits = new Set([...(names.hits ?? []), ...found]);
			names.searched = index.count;
		}
		if (names.hits !== undefined && secrets.areAmong(names.hits)) return true;
		if (fields.clean >= limit) return false;
		let clean = index.count;
		for (let place = 0; place < count; place++) {
			const value = this.#lines.value[lines[place]!]!;
			if (pieces.has(value, secrets, limit)) return true;
			clean = Math.min(clean, pieces.cleanBelow(value));
		}
		fields.clean = clean;
		return false;
	}

	#next(): MessageFields {
		let fields = this.#messages[this.#used];
		if (fields === undefined) {
			fields = new MessageFields(this.#root);
			this.#messages.push(fields);
		}
		this.#used++;
		return fields;
	}

	#fill(fields: MessageFields, segment: Segment, row: number, message: Message): void {
		if (segment !== this.#segment) {
			this.#segment = segment;
			this.#known = new Int32Array(segment.lineOffset.length + 1);
		}
		if (this.#lists > MOST_LISTS) {
			this.#lists = 0;
			this.#root = this.#newList([]);
		}
		const pieces = this.#pieces;
		const { slots } = fields;
		let secrets = NO_SECRETS;
		const places = this.#places;
		places.findIn(segment, row, message);
		const { code, count } = places;
		if (count > fields.lines.length) fields.lines = new Int32Array(count * 2);
		const { lines } = fields;
		slots.fill(0);
		let sent = 0;
		let trailers = 0;
		let size = 0;
		let list = this.#root;
		for (let place = 0; place < count; place++) {
			const line = this.#known[code[place]!]! || this.#newLine(segment, place);
			const all = this.#lines;
			const name = all.names[line]!;
			const found = all.secretsOf(line);
			if (found !== undefined) {
				// Mostly there is one line with a secret, or none.
				secrets = secrets === NO_SECRETS ? found : [...secrets, ...found];
			}
			if (name.slot >= 0 && slots[name.slot] === 0) slots[name.slot] = line;
			if (!name.isSent) continue;
			list = list.last === name ? list.lastLonger! : this.#longer(list, name);
			lines[sent++] = line;
			size += pieces.size[all.value[line]!]!;
			if ((all.flags[line]! & LINE_TRAILER) !== 0) trailers++;
		}
		const { memory } = pieces;
		memory.reserve(size);
		fields.at = memory.end;
		fields.size = size;
		const { value, flags } = this.#lines;
		for (let place = 0; place < sent; place++) pieces.again(value[lines[place]!]!);
		fields.secrets = secrets;
		fields.count = sent;
		fields.trailers = trailers;
		fields.names = list;
		const type = flags[slots[TYPE_SLOT]!]!;
		fields.isGrpc = (type & LINE_GRPC) !== 0;
		fields.isForm = (type & LINE_FORM) !== 0;
		fields.clean = 0;
	}

	/** Line 0 stands for none, so codes of lines that were not read yet, and of lines without a code, lead here. */
	#newLine(segment: Segment, place: number): number {
		const { code, nameStart, nameEnd, valueEnd, isTrailer } = this.#places;
		const line = this.#lines.add(
			segment.arena,
			nameStart[place]!,
			nameEnd[place]!,
			valueEnd[place]!,
			isTrailer[place] === 1,
		);
		if (code[place]! > 0) this.#known[code[place]!] = line;
		return line;
	}

	#longer(list: NameList, name: FieldName): NameList {
		const { names, longer } = list;
		let found = longer.get(name);
		if (found === undefined) {
			this.#lists++;
			found = this.#newList([...names, name.text]);
			longer.set(name, found);
		}
		list.last = name;
		list.lastLonger = found;
		return found;
	}

	#newList(names: readonly string[]): NameList {
		const { memory } = this.#pieces;
		const at = memory.end;
		for (const name of names) memory.string(name);
		const size = memory.end - at;
		return {
			...{ names, at, size, longer: new Map<FieldName, NameList>() },
			...{ last: undefined, lastLonger: undefined, searched: 0, hits: undefined },
		};
	}
}
