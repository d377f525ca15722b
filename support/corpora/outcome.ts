// What judging a case of a corpus comes to.

/** `why`: what was found instead, where the two differ. */
export type Outcome = {
	readonly name: string;
	readonly got: number;
	readonly want: number;
	readonly why?: string | undefined;
};
