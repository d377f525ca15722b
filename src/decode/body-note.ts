// The columns req_body_note and res_body_note, which explain why a body is not held in full.

import {
	UNHELD_BODY_LIMIT,
	UNHELD_CAPTURE_LIMIT,
	UNHELD_DISCARDED,
	UNHELD_FAULT,
	UNHELD_IOVEC_LIMIT,
	UNHELD_LOST,
	UNHELD_MEMORY,
	UNHELD_OTHER,
	UNHELD_SENDFILE,
	UNHELD_SPLICE,
	UNHELD_UNSEEN,
} from '../../decoder-as/assembly/wire/output-layout.ts';
import type { DecodedContent } from './content-coding.ts';

export type BodyAccount = {
	/** True length after transfer decoding; NaN if the message was not seen. */
	readonly total: number;
	/** How many of these bytes are held. */
	readonly captured: number;
	/** Bytes not held, by UNHELD_* of output-layout.ts. */
	readonly unheld: ArrayLike<number>;
	/** Whether the held bytes are the beginning of the body. */
	readonly prefix: boolean;
	/** The held bytes after content decoding. */
	readonly content?: DecodedContent | null;
	/** Whether the body has ended. */
	readonly ended?: boolean;
};

/**
 * Null if the whole body is held and can be read, else one line:
 *
 *     body: 51200 bytes via sendfile — content not captured
 *     body: first 512 of 51200 bytes; 50688 via sendfile — content not captured
 *     body: first 65536 of 1048576 bytes (body limit)
 *     body: 40000 of 51200 bytes; 11200 lost (ring full)
 *     body: first 100 of 1000 bytes; 500 cut (body limit); 400 cut (iovec limit)
 *
 *     body: 1234 bytes, not decoded (gzip: damaged data)
 *     body: 1234 bytes, decoded in part (gzip: unexpected end)
 *
 * `first` is missing if there is a gap before or between the held bytes. A single limit has no count, because the
 * count is the rest; if there are several limits, each has its own.
 */
export function bodyNote(body: BodyAccount): string | null {
	const { total, captured } = body;
	if (!(total > captured)) return undecodedNote(body);
	const bytes = (why: number): number => body.unheld[why] ?? 0;
	let accounted = captured;
	for (let why = 0; why < body.unheld.length; why++) accounted += bytes(why);
	const unexplained = bytes(UNHELD_OTHER) + Math.max(0, total - accounted);

	if (captured === 0) {
		for (const [why, name] of ZERO_COPY) {
			if (bytes(why) >= total) return `body: ${total} bytes via ${name} — content not captured`;
		}
	}
	const limits = LIMITS.filter(([why]) => bytes(why) > 0);
	const parts: string[] = [];
	for (const [why, name] of ZERO_COPY) {
		if (bytes(why) > 0) parts.push(`${bytes(why)} via ${name} — content not captured`);
	}
	if (limits.length > 1) for (const [why, name] of limits) parts.push(`${bytes(why)} cut (${name})`);
	for (const [why, what] of MISHAPS) if (bytes(why) > 0) parts.push(`${bytes(why)} ${what}`);
	if (unexplained > 0) parts.push(`${unexplained} not captured`);
	// The body is incomplete anyway, so an unfinished coding is not mentioned.
	if (typeof body.content?.stopped === 'string') parts.push(undecoded(body.content, body.content.stopped));

	// If nothing is held, `first 0 of …` makes sense only if a limit is the cause.
	const first = captured > 0 ? body.prefix : limits.length > 0 && bytes(UNHELD_LOST) + bytes(UNHELD_UNSEEN) === 0;
	const head = `body: ${first ? 'first ' : ''}${captured} of ${total} bytes`;
	const limit = limits.length === 1 ? ` (${limits[0]?.[1]})` : '';
	return [head + limit, ...parts].join('; ');
}

function undecodedNote({ total, content, ended }: BodyAccount): string | null {
	const why = content?.stopped ?? (ended === true ? content?.unended : null) ?? null;
	if (why === null) return null;
	return `body: ${total === 1 ? '1 byte' : `${total} bytes`}, ${undecoded(content!, why)}`;
}

function undecoded({ applied }: DecodedContent, why: string): string {
	return `${applied.length === 0 ? 'not decoded' : 'decoded in part'} (${why})`;
}

const ZERO_COPY: readonly (readonly [why: number, name: string])[] = [
	[UNHELD_SENDFILE, 'sendfile'],
	[UNHELD_SPLICE, 'splice'],
];

/** Limits set by the user or by tinytap. */
const LIMITS: readonly (readonly [why: number, name: string])[] = [
	[UNHELD_BODY_LIMIT, 'body limit'],
	[UNHELD_CAPTURE_LIMIT, 'call limit'],
	[UNHELD_IOVEC_LIMIT, 'iovec limit'],
	[UNHELD_MEMORY, 'memory limit'],
];

const MISHAPS: readonly (readonly [why: number, what: string])[] = [
	[UNHELD_FAULT, 'lost (unreadable memory)'],
	[UNHELD_LOST, 'lost (ring full)'],
	[UNHELD_UNSEEN, 'lost (unseen)'],
	[UNHELD_DISCARDED, 'discarded by the program (MSG_TRUNC)'],
];
