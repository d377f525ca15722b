// The result of judging one case of a corpus.

/** `why`: what was found instead, if the two differ. */
export type Outcome = {
	readonly name: string;
	readonly got: number;
	readonly want: number;
	readonly why?: string | undefined;
};
