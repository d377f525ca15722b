// The result of one check of this machine. `tinytap doctor` prints a list of them.

export type CheckStatus = 'ok' | 'warning' | 'failed';

export type Check = {
	readonly name: string;
	/** `failed`: capture is impossible. `warning`: something is not seen, or tinytap is slower. */
	readonly status: CheckStatus;
	readonly detail: string;
	/** What the problem affects, and how to fix it. Absent if there is no problem. */
	readonly affects?: string;
	readonly fix?: string;
};
