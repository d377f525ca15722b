// The answer to one question about this machine: `tinytap doctor` prints a list of them.

export type CheckStatus = 'ok' | 'warning' | 'failed';

export type Check = {
	readonly name: string;
	/** `failed`: no capture is possible; `warning`: something is not seen, or slower. */
	readonly status: CheckStatus;
	readonly detail: string;
	/** What it affects, and how to fix it; absent when all is well. */
	readonly affects?: string;
	readonly fix?: string;
};
