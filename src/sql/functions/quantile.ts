// Quantiles by quickselect, which is like quicksort but continues only with the part that contains the wanted position.

/**
 * The value at fraction `q` (0 to 1) of the sorted values, interpolated between the two nearest; null if there are no
 * values. Reorders the values, which must not be NaN. `poll` is called once per pass.
 */
export function quantile(values: Float64Array, q: number, poll: () => void): number | null {
	if (values.length === 0) return null;
	const at = q * (values.length - 1);
	const low = Math.floor(at);
	const below = moveToPlace(values, low, poll);
	if (at === low) return below;
	// All later values are at least as large as the one at `low`.
	let above = Number.POSITIVE_INFINITY;
	for (let index = low + 1; index < values.length; index++) if (values[index]! < above) above = values[index]!;
	return below === above ? below : below + (above - below) * (at - low);
}

/** Ranges shorter than this are sorted. */
const SHORT_RANGE = 600;

/** Moves the value that sorts at `place` to this position, with no larger ones before it, and returns it. */
function moveToPlace(values: Float64Array, place: number, poll: () => void): number {
	let from = 0;
	let to = values.length - 1;
	// The limit is far above the usual number. Only values chosen to make this slow reach it; then the rest is sorted.
	for (let passes = 0; passes < 100 && to - from >= SHORT_RANGE; passes++) {
		poll();
		const pivot = middleOf(ninth(values, from, to, 1), ninth(values, from, to, 4), ninth(values, from, to, 7));
		let left = from;
		let right = to;
		while (left <= right) {
			while (values[left]! < pivot) left++;
			while (values[right]! > pivot) right--;
			if (left > right) break;
			const value = values[left]!;
			values[left++] = values[right]!;
			values[right--] = value;
		}
		if (place <= right) to = right;
		else if (place >= left) from = left;
		else return pivot;
	}
	values.subarray(from, to + 1).sort();
	return values[place]!;
}

/** The median of three values around `eighth` eighths of the range. */
function ninth(values: Float64Array, from: number, to: number, eighth: number): number {
	const step = (to - from) / 8;
	const value = (eighths: number) => values[from + Math.floor(step * eighths)]!;
	return middleOf(value(eighth - 1), value(eighth), value(eighth + 1));
}

function middleOf(a: number, b: number, c: number): number {
	return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}
