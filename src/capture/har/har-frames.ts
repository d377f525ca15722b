// The messages of a WebSocket in a HAR entry (`_webSocketMessages`), written as frames (RFC 6455).

/** Text, binary, close, ping, pong. */
const OPCODES: ReadonlySet<number> = new Set([1, 2, 8, 9, 10]);
const TEXT = 1;
const LAST_FRAME = 0x80;
const MASKED = 0x80;
const MASK_BYTES = 4;
/** Larger messages are not believed. */
const SIZE_MAX = 2 ** 40;

export type SocketMessage = {
	/** The client sent it. */
	readonly isSent: boolean;
	/** Milliseconds since 1970; NaN if unknown. */
	readonly ms: number;
	readonly opcode: number;
	/** The held content, and the bytes of the whole one. */
	readonly bytes: Buffer;
	readonly size: number;
};

/** The messages in the order of their times, and how many cannot be read. */
export function readSocketMessages(value: unknown): {
	readonly messages: readonly SocketMessage[];
	readonly unread: number;
} {
	const all = Array.isArray(value) ? value : [];
	const messages = all.map(readMessage).filter((message) => message !== undefined);
	// Stable: messages without a time stay where they are.
	const sorted = messages.some(({ ms }) => Number.isNaN(ms)) ? messages : messages.sort((a, b) => a.ms - b.ms);
	return { messages: sorted, unread: all.length - messages.length };
}

function readMessage(value: unknown): SocketMessage | undefined {
	if (typeof value !== 'object' || value === null) return undefined;
	const { type, time, opcode, data, _encoding: encoding, _bytes: size } = value as Readonly<Record<string, unknown>>;
	if ((type !== 'send' && type !== 'receive') || typeof opcode !== 'number' || !OPCODES.has(opcode)) return undefined;
	if (typeof data !== 'string') return undefined;
	// Chrome writes texts as they are, and everything else in base64.
	const isText = opcode === TEXT && encoding !== 'base64';
	const bytes = Buffer.from(data, isText ? 'utf8' : 'base64');
	const isLonger = typeof size === 'number' && Number.isInteger(size) && size > bytes.length && size <= SIZE_MAX;
	return {
		isSent: type === 'send',
		ms: typeof time === 'number' && time > 0 && time < 9e9 ? time * 1000 : Number.NaN,
		opcode,
		bytes,
		size: isLonger ? size : bytes.length,
	};
}

/** The frame as far as its content is held. A client's is masked, with zeros, as the file has what was sent. */
export function socketFrame({ isSent, opcode, bytes, size }: SocketMessage): Buffer {
	const mask = isSent ? MASKED : 0;
	const first = LAST_FRAME | opcode;
	const length = size < 126 ? Buffer.of(first, mask | size) : size < 0x10000 ? Buffer.alloc(4) : Buffer.alloc(10);
	if (length.length > 2) {
		length[0] = first;
		length[1] = mask | (length.length === 4 ? 126 : 127);
		if (length.length === 4) length.writeUInt16BE(size, 2);
		else length.writeBigUInt64BE(BigInt(size), 2);
	}
	return Buffer.concat([length, Buffer.alloc(isSent ? MASK_BYTES : 0), bytes]);
}
