// Quantiles without sorting: only the part of the values that contains the wanted place is examined further.

/**
 * The value at `q` (0 to 1) of the way through the values in order, linear between the two nearest; null when there are
 * none. The values (no NaN among them) are put into another order. `poll` is called once a pass.
 */
export function quantile(values: Float64Array, q: number, poll: () => void): number | null {
	if (values.length === 0) return null;
	const at = q * (values.length - 1);
	const low = Math.floor(at);
	const below = moveToPlace(values, low, poll);
	if (at === low) return below;
	// Values after the place are not smaller.
	let above = Number.POSITIVE_INFINITY;
	for (let index = low + 1; index < values.length; index++) if (values[index]! < above) above = values[index]!;
	return below === above ? below : below + (above - below) * (at - low);
}

/** Ranges shorter than this are sorted. */
const SHORT_RANGE = 600;

/** The value that stands at `place` in order; afterwards it stands there, with no larger one before it. */
function moveToPlace(values: Float64Array, place: number, poll: () => void): number {
	let from = 0;
	let to = values.length - 1;
	// Values that were chosen to make it slow: about so many passes are enough by far for others.
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

/** The middle one of three values, about `eighth` eighths of the way. */
function ninth(values: Float64Array, from: number, to: number, eighth: number): number {
	const step = (to - from) / 8;
	const value = (eighths: number) => values[from + Math.floor(step * eighths)]!;
	return middleOf(value(eighth - 1), value(eighth), value(eighth + 1));
}

function middleOf(a: number, b: number, c: number): number {
	return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}
