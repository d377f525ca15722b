// What a measurement of two checkouts gives.

export type Sides<T> = { readonly mine: T; readonly theirs: T };

/** The speed of this checkout divided by the other's, part by part. */
export type Ratios = ReadonlyMap<string, number>;

/** One measurement of both checkouts. */
export type Comparison = {
	/** One round: both sides, the one first or the other. */
	round(mineFirst: boolean): Promise<Ratios>;
	/** The part that stands for the whole, where all parts alike do not. */
	readonly whole?: string;
	/** What else there is to say at the end, in Markdown. */
	report?(): string;
	end?(): Promise<void>;
};
