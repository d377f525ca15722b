// How large a report may become. docs/report.md tells people these numbers, and the page says what it leaves out.

/** Maximum number of exchanges in a page: the latest ones. */
export const MOST_EXCHANGES = 50_000;
/** Maximum bytes of all bodies together, and of one. */
export const ALL_BODIES_BYTES = 16 * 1024 * 1024;
export const BODY_BYTES = 256 * 1024;
/** Maximum characters of all field lines and other texts together, and of the field lines of one message. */
export const ALL_HEADS_CHARACTERS = 24 * 1024 * 1024;
export const HEAD_CHARACTERS = 16 * 1024;
/** Maximum number of messages inside all exchanges, and inside one: its first and its last ones. */
export const ALL_ITEMS = 50_000;
export const FIRST_ITEMS = 400;
export const LAST_ITEMS = 100;
/** Maximum bytes of a message inside an exchange. */
export const ITEM_BYTES = 16 * 1024;
/** Maximum characters of a path or another text in the table. */
export const CELL_CHARACTERS = 500;

/**
 * The limit for each of these sizes with which their sum is at most `total`: short bodies stay whole, and long ones
 * are cut alike. At most `most`.
 */
export function fairLimit(sizes: readonly number[], total: number, most: number): number {
	const sorted = sizes.map((size) => Math.min(size, most)).sort((a, b) => a - b);
	let left = total;
	for (const [index, size] of sorted.entries()) {
		const share = Math.floor(left / (sorted.length - index));
		if (size > share) return share;
		left -= size;
	}
	return most;
}
