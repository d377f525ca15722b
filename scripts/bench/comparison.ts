// The types of a measurement of two checkouts.

export type Sides<T> = { readonly mine: T; readonly theirs: T };

/** The speed of this checkout divided by the other's, by name of the part. */
export type Ratios = ReadonlyMap<string, number>;

/** One measurement of both checkouts. */
export type Comparison = {
	/** Measures both sides once. `mineFirst`: whether this checkout comes first. */
	round(mineFirst: boolean): Promise<Ratios>;
	/** The part that counts as the result. Without one, the result is the mean of all parts. */
	readonly whole?: string;
	/** Additional Markdown to print at the end. */
	report?(): string;
	end?(): Promise<void>;
};
