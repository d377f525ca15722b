// The difference of two texts, line by line (E. W. Myers, An O(ND) Difference Algorithm and Its Variations).

export type DiffLine = { readonly kind: 'same' | 'old' | 'new'; readonly text: string };

/** If more lines differ, the rest counts as completely different, because the search takes quadratic time. */
const MOST_EDITS = 2000;

export function diffLines(before: readonly string[], after: readonly string[]): DiffLine[] {
	let start = 0;
	while (start < before.length && start < after.length && before[start] === after[start]) start++;
	let end = 0;
	const least = Math.min(before.length, after.length) - start;
	while (end < least && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
	const same = (text: string): DiffLine => ({ kind: 'same', text });
	return [
		...before.slice(0, start).map(same),
		...edits(before.slice(start, before.length - end), after.slice(start, after.length - end)),
		...before.slice(before.length - end).map(same),
	];
}

function edits(before: readonly string[], after: readonly string[]): DiffLine[] {
	const most = Math.min(MOST_EDITS, before.length + after.length);
	/** For each number of edits: how far each diagonal reaches in `before`. */
	const reached: Int32Array[] = [];
	let last = new Int32Array(2 * most + 3);
	for (let count = 0; count <= most; count++) {
		const next = last.slice();
		for (let diagonal = -count; diagonal <= count; diagonal += 2) {
			const at = diagonal + most + 1;
			const isDown = diagonal === -count || (diagonal !== count && last[at - 1]! < last[at + 1]!);
			let x = isDown ? last[at + 1]! : last[at - 1]! + 1;
			while (x < before.length && x - diagonal < after.length && before[x] === after[x - diagonal]) x++;
			next[at] = x;
			if (x >= before.length && x - diagonal >= after.length) return walkBack(before, after, [...reached, last], most);
		}
		reached.push(last);
		last = next;
	}
	return [
		...before.map((text): DiffLine => ({ kind: 'old', text })),
		...after.map((text): DiffLine => ({ kind: 'new', text })),
	];
}

/** The edits from the end to the beginning; `reached[n]` is the state before edit n. */
function walkBack(
	before: readonly string[],
	after: readonly string[],
	reached: readonly Int32Array[],
	most: number,
): DiffLine[] {
	const lines: DiffLine[] = [];
	let x = before.length;
	let y = after.length;
	for (let count = reached.length - 1; count >= 0; count--) {
		const last = reached[count]!;
		const diagonal = x - y;
		const at = diagonal + most + 1;
		const isDown = diagonal === -count || (diagonal !== count && last[at - 1]! < last[at + 1]!);
		const fromX = count === 0 ? 0 : isDown ? last[at + 1]! : last[at - 1]!;
		const fromY = count === 0 ? 0 : fromX - (isDown ? diagonal + 1 : diagonal - 1);
		while (x > fromX && y > fromY) {
			x--;
			y--;
			lines.push({ kind: 'same', text: before[x]! });
		}
		if (count === 0) break;
		if (isDown) lines.push({ kind: 'new', text: after[--y]! });
		else lines.push({ kind: 'old', text: before[--x]! });
	}
	return lines.reverse();
}
