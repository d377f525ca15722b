// Summarises figures of several rounds, and formats them for tables.

/** The median, the smallest and the largest of some measurements. */
export type Spread = { readonly median: number; readonly min: number; readonly max: number };

/** The spread of at least one number. */
export function spreadOf(list: readonly number[]): Spread {
	const sorted = [...list].sort((a, b) => a - b);
	const middle = sorted.length >> 1;
	const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
	return { median, min: sorted[0]!, max: sorted.at(-1)! };
}

/** A number with three significant digits, as people write it. */
export function figure(value: number): string {
	if (value >= 100) return Math.round(value).toLocaleString('en-US');
	return value >= 10 ? value.toFixed(1) : value >= 0.1 ? value.toFixed(2) : value.toFixed(3);
}

/** `12.3 (11.9–14.0)` */
export function spreadText({ median, min, max }: Spread): string {
	return `${figure(median)} (${figure(min)}–${figure(max)})`;
}

/** Lines of a Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
	const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
	return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}
