// Programs send nearly the same fields with each message. The parsed fields of some recent heads are kept with their bytes;
// if a new head has the same bytes, its fields are known without parsing. This is only a shortcut: parsing gives the same
// result.
import { copyBytes } from '../memory/bytes';
import { headerCountLimit } from '../memory/settings';
import { Message } from '../memory/state';
import { HEADER_BYTES, HEADER_FLAGS, HEADER_NAME_OFFSET } from '../wire/output-layout';
import { FIELD_OTHER, readMeaning, roomForFields } from './head';

/** Number of heads kept; a head's slot depends on the number of bytes in the record from the first field on. */
const SLOTS: u32 = 64;
const MOST_BYTES: u32 = 1024;
const MOST_FIELDS: u32 = 32;
// A slot: u32 length (including the empty line at the end), u32 number of fields, u32 number of misses, padding to 16,
// the bytes, then the fields as in a message, with offsets from the first byte, and in HEADER_FLAGS whether the name
// may have a meaning.
const SLOT_FIELDS_AT: u32 = 4;
const SLOT_MISSES_AT: u32 = 8;
const SLOT_HEADER: u32 = 16;
const SLOT_LIST: u32 = SLOT_HEADER + MOST_BYTES;
const SLOT_BYTES: u32 = SLOT_LIST + MOST_FIELDS * HEADER_BYTES;
const slots = memory.data(<i32>(SLOTS * SLOT_BYTES), 16);
/** A slot that keeps missing is refilled only every KEPT_EVERY misses. */
const KEPT_EVERY: u32 = 8;

/** The slot of the head looked up last. */
let slot: usize = 0;
/** All field lines were known, and the empty line after them is present. */
export let whole: bool = false;

/**
 * Adds the field lines in [from, end) that are known, from `from` on, to a message without fields whose head begins at
 * `base`. Returns where the first unknown line begins or, if `whole`, where the head ends.
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

/** Keeps the fields of the message, all those in [from, end), in the slot looked up last. */
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

/** Whether a name of this length may be one that `readMeaning` knows. */
function mayDecide(nameLength: u32): bool {
	return nameLength <= 17 && ((1 << nameLength) & ((1 << 4) | (1 << 6) | (1 << 7) | (1 << 10) | (1 << 14) | (1 << 17))) != 0;
}

/** How many of `length` bytes (at least 16) are equal, counted from the first. */
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
