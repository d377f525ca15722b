// Delivers requests to a collector by the rules of OTLP: which answers mean that a request is to be repeated, and when.
import { randomInt } from 'node:crypto';
import { wait } from '../base/wait.ts';
import type { Signal, UploadCounts } from './upload-counts.ts';
import type { Answer } from './uploader.ts';

/** What became of a request. `rejected`: how many of its spans or points the collector refused. */
export type Outcome =
	| { readonly what: 'accepted'; readonly rejected: number; readonly message: string }
	| { readonly what: 'failed'; readonly message: string };

const REPEATED: ReadonlySet<number> = new Set([429, 502, 503, 504]);
/** The first pause, on average, and the longest one. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** A collector cannot ask for a longer pause. */
const RETRY_AFTER_MAX_MS = 300_000;
/** After this time, a request is given up, because its content may be the reason. */
const GIVE_UP_MS = 300_000;

export type DeliveryWays = {
	readonly post: (body: Buffer) => Promise<Answer>;
	readonly counts: UploadCounts['requests'][Signal];
	/** Called before each pause, with the reason. */
	readonly onRepeat: (reason: string) => void;
	/** Ends pauses. The request that follows is the last one. */
	readonly hurry: AbortSignal;
};

/** Sends the body until it is accepted, refused for good, or given up. */
export async function deliver(body: Buffer, { post, counts, onRepeat, hurry }: DeliveryWays): Promise<Outcome> {
	const startMs = performance.now();
	for (let attempt = 0; ; attempt++) {
		const isLast = hurry.aborted;
		const answer = await post(body);
		if ('status' in answer && answer.status >= 200 && answer.status < 300) {
			counts.accepted++;
			return { what: 'accepted', ...partialSuccess(answer.body) };
		}
		const reason = 'problem' in answer ? answer.problem : `it answered ${answer.status}${detail(answer.body)}`;
		const mayRepeat = 'problem' in answer || REPEATED.has(answer.status);
		if (!mayRepeat || isLast || performance.now() - startMs > GIVE_UP_MS) {
			counts.failed++;
			return { what: 'failed', message: reason };
		}
		counts.repeated++;
		onRepeat(reason);
		const asked = 'status' in answer ? answer.retryAfterMs : undefined;
		await wait(asked === undefined ? pause(attempt) : Math.min(asked, RETRY_AFTER_MAX_MS), hurry);
	}
}

/** Twice as long after each attempt, from half to one and a half times that, so that not all clients return at once. */
function pause(attempt: number): number {
	return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(attempt, 16)) * (randomInt(500, 1500) / 1000);
}

/** What a collector says about a request that it accepted only in part, or with a warning. */
function partialSuccess(body: string): { rejected: number; message: string } {
	const answer = parsed(body);
	const partial = member(answer, 'partialSuccess');
	const rejected = Number(member(partial, 'rejectedSpans') ?? member(partial, 'rejectedDataPoints') ?? 0);
	const message = member(partial, 'errorMessage');
	return {
		rejected: Number.isSafeInteger(rejected) && rejected > 0 ? rejected : 0,
		message: typeof message === 'string' ? message : '',
	};
}

/** The message of an error: a Status of google.rpc. */
function detail(body: string): string {
	const message = member(parsed(body), 'message');
	return typeof message === 'string' && message !== '' ? `: ${message}` : '';
}

function parsed(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		// The answer of a proxy, for example, is not JSON.
		return undefined;
	}
}

function member(value: unknown, name: string): unknown {
	return value !== null && typeof value === 'object' && Object.hasOwn(value, name)
		? (value as Record<string, unknown>)[name]
		: undefined;
}
