// Bytes of streams whose messages are rows of table `messages`: frames of WebSocket, messages of gRPC.
import { deflateRawSync, constants as zlib } from 'node:zlib';

export const CONTINUATION = 0;
export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

export type FrameOptions = {
	/** The masking key; clients mask their frames. */
	readonly mask?: number;
	/** False: further fragments follow. */
	readonly isLast?: boolean;
	readonly isCompressed?: boolean;
	/** Bytes that the length takes, if not as few as possible. */
	readonly lengthBytes?: 0 | 2 | 8;
};

export function socketFrame(opcode: number, payload: string | Uint8Array, options: FrameOptions = {}): Buffer {
	const body = Buffer.from(payload as Uint8Array);
	const fits = body.length < 126 ? 0 : body.length < 65_536 ? 2 : 8;
	const lengthBytes = options.lengthBytes ?? fits;
	const header = Buffer.alloc(2 + lengthBytes);
	header[0] = opcode | (options.isLast === false ? 0 : 128) | (options.isCompressed === true ? 64 : 0);
	header[1] =
		(lengthBytes === 0 ? body.length : lengthBytes === 2 ? 126 : 127) | (options.mask === undefined ? 0 : 128);
	if (lengthBytes === 2) header.writeUInt16BE(body.length, 2);
	if (lengthBytes === 8) header.writeBigUInt64BE(BigInt(body.length), 2);
	if (options.mask === undefined) return Buffer.concat([header, body]);
	const key = Buffer.alloc(4);
	key.writeUInt32BE(options.mask);
	return Buffer.concat([header, key, Buffer.from(body.map((byte, index) => byte ^ key[index & 3]!))]);
}

export function closeFrame(code: number, reason = '', options: FrameOptions = {}): Buffer {
	const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
	payload.writeUInt16BE(code);
	payload.write(reason, 2);
	return socketFrame(CLOSE, payload, options);
}

/** Compresses messages one after another, each with what came before as its window (RFC 7692). */
export class MessageDeflater {
	#window = Buffer.alloc(0);
	readonly #keepsWindow: boolean;

	constructor(keepsWindow = true) {
		this.#keepsWindow = keepsWindow;
	}

	deflate(payload: string | Uint8Array): Buffer {
		const body = Buffer.from(payload as Uint8Array);
		const dictionary = this.#keepsWindow && this.#window.length > 0 ? { dictionary: this.#window } : {};
		const deflated = deflateRawSync(body, { finishFlush: zlib.Z_SYNC_FLUSH, ...dictionary });
		this.#window = Buffer.concat([this.#window, body]).subarray(-32_768);
		// Without the empty block that a flush ends with.
		return deflated.subarray(0, -4);
	}
}

export function grpcMessage(payload: string | Uint8Array, flags = 0): Buffer {
	const body = Buffer.from(payload as Uint8Array);
	const prefix = Buffer.alloc(5);
	prefix[0] = flags;
	prefix.writeUInt32BE(body.length, 1);
	return Buffer.concat([prefix, body]);
}
