// The result of judging one case of a corpus.

/** `why`: what was found instead, if `got` and `want` differ. */
export type Outcome = {
	readonly name: string;
	readonly got: number;
	readonly want: number;
	readonly why?: string | undefined;
};
