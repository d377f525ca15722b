// Names of columns where each name must occur only once.

/** The same names; a repeated one gets a number: `id`, `id_2`. Names that differ only in case count as repeated. */
export function distinctNames(names: readonly string[]): string[] {
	const seen = new Set<string>();
	return names.map((name) => {
		let distinct = name;
		for (let number = 2; seen.has(distinct.toLowerCase()); number++) distinct = `${name}_${number}`;
		seen.add(distinct.toLowerCase());
		return distinct;
	});
}
