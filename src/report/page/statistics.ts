// Percentiles and counts over the rows of a report.

/** The value below which the share `q` of sorted values lies, interpolated as by SQL's p95(); NaN without values. */
export function quantile(sorted: ArrayLike<number>, q: number): number {
	if (sorted.length === 0) return Number.NaN;
	const at = (sorted.length - 1) * q;
	const low = sorted[Math.floor(at)]!;
	const high = sorted[Math.ceil(at)]!;
	return low + (high - low) * (at - Math.floor(at));
}

/** The known values of a column at these rows, sorted. */
export function sortedValues(column: Float64Array, rows: readonly number[]): Float64Array {
	const values = new Float64Array(rows.length);
	let count = 0;
	for (const row of rows) {
		const value = column[row]!;
		if (!Number.isNaN(value)) values[count++] = value;
	}
	return values.subarray(0, count).sort();
}

/** Bins of equal size on a logarithmic axis. */
export type LogBins = { readonly from: number; readonly perDecade: number; readonly count: number };

/** Bins for sorted values, at least `least` of them; their borders are powers of ten and equal parts of a decade. */
export function logBins(sorted: ArrayLike<number>, perDecade: number): LogBins {
	const smallest = Math.max(sorted.length === 0 ? 1 : sorted[0]!, 0.001);
	const largest = Math.max(sorted.length === 0 ? 10 : sorted[sorted.length - 1]!, smallest);
	const first = Math.floor(Math.log10(smallest) * perDecade + 1e-9);
	const last = Math.floor(Math.log10(largest) * perDecade + 1e-9);
	// A single value would fill the whole axis.
	const extra = last - first < perDecade / 2 ? Math.ceil(perDecade / 4) : 0;
	return { from: (first - extra) / perDecade, perDecade, count: last - first + 1 + 2 * extra };
}

/** The number of the bin with this value; values below all bins are in the first one. */
export function logBinOf({ from, perDecade, count }: LogBins, value: number): number {
	const bin = Math.floor((Math.log10(Math.max(value, 0.001)) - from) * perDecade + 1e-9);
	return Math.min(count - 1, Math.max(0, bin));
}

/** The smaller border of a bin; for `count`, the larger one of the last bin. */
export function logBorder({ from, perDecade }: LogBins, bin: number): number {
	return 10 ** (from + bin / perDecade);
}

/** Groups rows by a column of codes; rows with a negative code are left out. Groups are in the order of first use. */
export function groupRows(codes: Int32Array, rows: Iterable<number>): Map<number, number[]> {
	const groups = new Map<number, number[]>();
	for (const row of rows) {
		const code = codes[row]!;
		if (code < 0) continue;
		const group = groups.get(code);
		if (group === undefined) groups.set(code, [row]);
		else group.push(row);
	}
	return groups;
}
