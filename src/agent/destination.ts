// Where an agent sends its batches: a store, or a directory of files.
import type { SpoolItem } from './spool.ts';

/** What became of a batch. `why` is a sentence without a full stop, for the user. */
export type Outcome =
	/** The destination has it, and keeps it. */
	| { readonly what: 'done' }
	/** Send it again, not before `afterMs` if that is given. */
	| { readonly what: 'retry'; readonly why: string; readonly afterMs?: number }
	/** The destination will never accept it. */
	| { readonly what: 'rejected'; readonly why: string };

export type Destination = {
	/** For messages: without credentials. */
	readonly name: string;
	/** Sends a batch. Sending one twice stores its rows once. Never rejects because of the destination. */
	deliver(item: SpoolItem, signal: AbortSignal): Promise<Outcome>;
	close(): void;
};
