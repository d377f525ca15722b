// Field lines that came before: programs send nearly the same fields with each message. What was read of some recent heads is
// kept with their bytes; as far as a head has the same bytes again its fields are known without reading them. Only a shortcut:
// a head that is not recalled is read, with the same result.
import { copyBytes } from '../memory/bytes';
import { headerCountLimit } from '../memory/settings';
import { Message } from '../memory/state';
import { HEADER_BYTES, HEADER_FLAGS, HEADER_NAME_OFFSET } from '../wire/output-layout';
import { FIELD_OTHER, readMeaning, roomForFields } from './head';

/** Heads kept; each has its place by the number of bytes that the record holds from the first field on. */
const SLOTS: u32 = 64;
const MOST_BYTES: u32 = 1024;
const MOST_FIELDS: u32 = 32;
// A slot: u32 length (the empty line at the end included), u32 number of fields, u32 times it was of no use, padding to 16,
// the bytes, the fields as in a message with offsets from the first byte and in HEADER_FLAGS whether the name may be one
// that decides something.
const SLOT_FIELDS_AT: u32 = 4;
const SLOT_MISSES_AT: u32 = 8;
const SLOT_HEADER: u32 = 16;
const SLOT_LIST: u32 = SLOT_HEADER + MOST_BYTES;
const SLOT_BYTES: u32 = SLOT_LIST + MOST_FIELDS * HEADER_BYTES;
const slots = memory.data(<i32>(SLOTS * SLOT_BYTES), 16);
/** What differs every time is not worth being kept every time. */
const KEPT_EVERY: u32 = 8;

/** The place of the head that was looked for last. */
let slot: usize = 0;
/** All of its field lines were known, and the empty line after them is there. */
export let whole: bool = false;

/**
 * Adds the known ones of the field lines that begin at `from`, as far as they lie in [from, end), to a message without
 * fields whose head begins at `base`. Answers where the first line begins that is not known; when `whole`, where the head ends.
 */
export function recallFields(message: Message, base: usize, from: usize, end: usize): usize {
	const available = <u32>(end - from);
	slot = slots + ((available * 2 + (message.isResponse ? 1 : 0)) % SLOTS) * SLOT_BYTES;
	const length = load<u32>(slot);
	const count = load<u32>(slot, SLOT_FIELDS_AT);
	whole = false;
	if (length == 0 || length > available || count > headerCountLimit || !roomForFields(message, count)) return from;
	const same = sameBytes(slot + SLOT_HEADER, from, length);
	whole = same == length;
	const delta = <u32>(from - base);
	const moved = i32x4.replace_lane(i32x4.replace_lane(i32x4.splat(0), 0, delta), 2, delta);
	let field = slot + SLOT_LIST;
	const last = field + count * HEADER_BYTES;
	let to = message.fields;
	let at: u32 = 0;
	while (field < last) {
		const next = field + HEADER_BYTES < last ? load<u32>(field + HEADER_BYTES, HEADER_NAME_OFFSET) : length - 2;
		if (next > same) break;
		const places = v128.load(field);
		v128.store(to, i32x4.add(places, moved));
		store<u32>(to, 0, HEADER_FLAGS);
		message.fieldCount++;
		message.lastField = FIELD_OTHER;
		if (load<u32>(field, HEADER_FLAGS) != 0) {
			const name = from + i32x4.extract_lane(places, 0);
			const value = from + i32x4.extract_lane(places, 2);
			readMeaning(
				message, base, name, name + i32x4.extract_lane(places, 1), value, value + i32x4.extract_lane(places, 3), true,
			);
		}
		at = next;
		field += HEADER_BYTES;
		to += HEADER_BYTES;
	}
	return from + (whole ? length : at);
}

/** Keeps the fields of the message, which are all that lie in [from, end), in the place that was looked at last. */
export function keepFields(message: Message, base: usize, from: usize, end: usize): void {
	const length = <u32>(end - from);
	const misses = load<u32>(slot, SLOT_MISSES_AT);
	store<u32>(slot, misses + 1, SLOT_MISSES_AT);
	const count = message.fieldCount;
	if (misses % KEPT_EVERY != 0 || length < 16 || length > MOST_BYTES || count > MOST_FIELDS) return;
	store<u32>(slot, length);
	store<u32>(slot, count, SLOT_FIELDS_AT);
	copyBytes(slot + SLOT_HEADER, from, length);
	const delta = <u32>(from - base);
	const moved = i32x4.replace_lane(i32x4.replace_lane(i32x4.splat(0), 0, delta), 2, delta);
	for (let i: u32 = 0; i < count; i++) {
		const places = v128.load(message.fields + i * HEADER_BYTES);
		const to = slot + SLOT_LIST + i * HEADER_BYTES;
		v128.store(to, i32x4.sub(places, moved));
		store<u32>(to, mayDecide(i32x4.extract_lane(places, 1)) ? 1 : 0, HEADER_FLAGS);
	}
}

/** Is it as long as a name that `readMeaning` knows? */
function mayDecide(nameLength: u32): bool {
	return nameLength <= 17 && ((1 << nameLength) & ((1 << 4) | (1 << 6) | (1 << 7) | (1 << 10) | (1 << 14) | (1 << 17))) != 0;
}

/** How many of `length` bytes, at least 16, are the same from the first on. */
function sameBytes(a: usize, b: usize, length: u32): u32 {
	let i: u32 = 0;
	while (i + 16 <= length) {
		const other = ~i8x16.bitmask(i8x16.eq(v128.load(a + i), v128.load(b + i))) & 0xffff;
		if (other != 0) return i + ctz<u32>(other);
		i += 16;
	}
	if (i == length) return length;
	i = length - 16;
	const other = ~i8x16.bitmask(i8x16.eq(v128.load(a + i), v128.load(b + i))) & 0xffff;
	return other != 0 ? i + ctz<u32>(other) : length;
}
