// What the decoder remembers of items (rows of table `messages`): structs like those of state.ts, which passes them on.

/**
 * The items in one direction: of a body, or of a connection upgraded to WebSocket. An item is a row of table `messages`; it
 * has this name here, because a message is a request or a response.
 */
@unmanaged
export class Items {
	/** FORM_* of items/item.ts, and where it is: see the file of the form. */
	form: u8;
	state: u8;
	/** enum capture_direction. */
	direction: u8;
	/** The rest cannot be read, and a row has said so. */
	broken: bool;
	/** There was no memory for the row of an earlier item. */
	isMissing: bool;
	row: ItemRow;
	/** The item being read, and a control frame between its fragments. */
	main: Item;
	control: Item;
	/** The item that was read to its end. */
	done: Item;
	/** Bytes of a prefix or of a field name that have been read, and these bytes. */
	taken: u32;
	gathered0: u64;
	gathered1: u64;
	/** Bytes of the frame still to come. */
	left: u64;
	/** WebSocket: the frame's opcode, whether it ends its message, its masking key, and the place of the next byte in it. */
	opcode: u8;
	isLast: bool;
	isMasked: bool;
	mask: u32;
	maskAt: u32;
	/** FORM_CODED: what the decompressed bytes are. */
	coded: Coded;
	/** permessage-deflate may be in use; how messages of gRPC are compressed (MESSAGE_CODING_*). */
	mayDeflate: bool;
	coding: u8;
	/** The previous byte was a CR. */
	afterCr: bool;
	/** Nothing but the first line has been read; the current position is the beginning of a line. */
	isFirst: bool;
	atLine: bool;
	/** Events: the field whose value is being read. */
	field: u8;
	/** Name and id of an event, or boundary and line of a header of parts: two texts of NAME_MOST bytes. */
	names: usize;
	hasName: bool;
	hasId: bool;
	nameLength: u32;
	idLength: u32;
	/** Parts: length of the delimiter, at names + NAME_MOST * 2, and of the line at names + NAME_MOST. */
	delimiterLength: u32;
	lineLength: u32;
	lastByte: u8;
}

/** A body with items whose content is compressed. It may outlive its message, until the host has decompressed everything. */
@unmanaged
export class Coded {
	next: Coded;
	id: u32;
	/** MESSAGE_CODING_*. */
	coding: u8;
	/** Something has been handed to the host. */
	begun: bool;
	/** The items of the decompressed bytes. */
	items: Items;
}

/** One item. */
@unmanaged
export class Item {
	/** MESSAGE_KIND_*, MESSAGE_FLAG_*, MESSAGE_CODING_*. */
	kind: u8;
	flags: u32;
	coding: u8;
	/** Something of it has been read. */
	begun: bool;
	/** Its length so far; held bytes; bytes not held: beyond the limit, for lack of memory, not captured (UNHELD_*). */
	bytes: u64;
	data: usize;
	dataLength: u32;
	dataCapacity: u32;
	limited: u64;
	noMemory: u64;
	missing: u64;
	missingReason: u32;
}

/** What the items of an exchange have in common. It may outlive the exchange. */
@unmanaged
export class ItemRow {
	references: u32;
	/** The exchange's id; 0: it has none yet, and items wait. */
	id: u64;
	/** How many items there were. */
	count: u32;
	/** The exchange was dropped. */
	dropped: bool;
	/** The items belong to another exchange, as it turned out. */
	into: ItemRow;
	firstHeld: HeldItem;
	lastHeld: HeldItem;
	heldCount: u32;
}

/** A copy of an entry that waits for the exchange's id; the bytes follow the struct. */
@unmanaged
export class HeldItem {
	next: HeldItem;
	length: u32;
}

export const NO_ITEMS = changetype<Items>(0);
export const NO_CODED = changetype<Coded>(0);
export const NO_ITEM = changetype<Item>(0);
export const NO_ITEM_ROW = changetype<ItemRow>(0);
export const NO_HELD_ITEM = changetype<HeldItem>(0);
