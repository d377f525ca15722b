// Rows as complete lines of JSON, as they are written to the spool.

/** A row without the members that all rows have: the rest of its JSON object, and its time in microseconds since 1970. */
export type Row = readonly [members: string, tsUs: number];

export type RowLines = {
	/** The number of the first row: 1, 2, 3 … within the run. */
	readonly first: number;
	readonly rows: number;
	readonly bytes: Uint8Array;
	/** Where each line ends. */
	readonly ends: Uint32Array;
	/** The time of each row, in microseconds since 1970. */
	readonly times: Float64Array;
};

/** Lines of some rows. `origin`: the members that all rows have, without braces. */
export function rowLines(origin: string, first: number, rows: readonly Row[]): RowLines {
	const lines = rows.map(([members], index) => Buffer.from(`{${origin},"seq":${first + index},${members}}\n`));
	let end = 0;
	return {
		first,
		rows: rows.length,
		bytes: Buffer.concat(lines),
		ends: Uint32Array.from(lines, ({ byteLength }) => {
			end += byteLength;
			return end;
		}),
		times: Float64Array.from(rows, ([, us]) => us),
	};
}
