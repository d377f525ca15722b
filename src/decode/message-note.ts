// The column `note` of table `messages`: why a message is not held in full, or what is not known.
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';
import { bodyNote } from './body-note.ts';

export type MessageAccount = {
	/** MESSAGE_KIND_*, MESSAGE_FLAG_*, MESSAGE_CODING_*. */
	readonly kind: number;
	readonly flags: number;
	/** How the held bytes are still compressed. */
	readonly coding: number;
	/** Bytes that are held, and those that are not: beyond the limit, for lack of memory, not captured (UNHELD_*). */
	readonly captured: number;
	readonly limited: number;
	readonly noMemory: number;
	readonly missing: number;
	readonly missingReason: number;
};

/** By MESSAGE_CODING_*. */
const CODINGS: readonly string[] = ['', 'permessage-deflate', 'gzip', 'deflate', 'unknown encoding', 'br', 'zstd'];

/**
 * Null if the whole message is held and known, else one line, in the words of body notes:
 *
 *     first 65536 of 1048576 bytes (body limit)
 *     5 of 108 bytes; 103 lost (ring full); the rest of this message and others may be in them
 */
export function messageNote(message: MessageAccount): string | null {
	const { kind, flags, coding, captured, limited, noMemory, missing, missingReason } = message;
	if (kind === layout.MESSAGE_KIND_UNKNOWN) {
		if ((flags & layout.MESSAGE_FLAG_CODED) !== 0) return 'the content coding is not undone: messages are not read';
		return (flags & layout.MESSAGE_FLAG_INVALID) !== 0
			? 'invalid framing: the rest of this direction is not read'
			: 'bytes lost between messages: the rest of this direction cannot be told apart';
	}
	const unheld = new Array<number>(layout.UNHELD_MAX).fill(0);
	unheld[layout.UNHELD_BODY_LIMIT] = limited;
	unheld[layout.UNHELD_MEMORY] = noMemory;
	unheld[missingReason] = (unheld[missingReason] ?? 0) + missing;
	const total = captured + limited + noMemory + missing;
	const prefix = (flags & layout.MESSAGE_FLAG_GAPPED) === 0;
	const parts: string[] = [];
	const held = bodyNote({ total, captured, unheld, prefix });
	if (held !== null) parts.push(held.replace(/^body: /, ''));
	if ((flags & layout.MESSAGE_FLAG_LOST) !== 0) {
		if (held === null) parts.push('bytes lost');
		parts.push('the rest of this message and others may be in them');
	}
	if ((flags & layout.MESSAGE_FLAG_UNENDED) !== 0) parts.push('ended early');
	if ((flags & layout.MESSAGE_FLAG_TRAILERS) !== 0) parts.push('trailers');
	if (coding !== layout.MESSAGE_CODING_NONE) parts.push(`not decompressed (${CODINGS[coding]})`);
	return parts.length === 0 ? null : parts.join('; ');
}
