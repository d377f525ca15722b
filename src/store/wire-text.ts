// Decodes the text of message heads. RFC 9110 section 5.5 leaves bytes above 0x7F opaque; most senders mean UTF-8.

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** `bytes[start … end)` as text: UTF-8 if valid, else ISO-8859-1, so that nothing is lost. */
export function wireText(bytes: Buffer, start: number, end: number): string {
	for (let i = start; i < end; i++) {
		if (bytes[i]! >= 0x80) return nonAsciiText(bytes, start, end);
	}
	return latin1(bytes, start, end);
}

/** The bytes, unless they are the UTF-8 form of `text`, which is wireText() of them; then the text determines them. */
export function otherBytes(bytes: Buffer, start: number, end: number, text: string): Uint8Array | undefined {
	if (Buffer.byteLength(text) === end - start) return undefined;
	return new Uint8Array(Uint8Array.prototype.slice.call(bytes, start, end));
}

function nonAsciiText(bytes: Buffer, start: number, end: number): string {
	// A copy, because TextDecoder refuses shared memory.
	const copy = Uint8Array.prototype.slice.call(bytes, start, end);
	try {
		return utf8.decode(new Uint8Array(copy));
	} catch {
		// Not UTF-8: ISO-8859-1 maps every byte.
		return latin1(bytes, start, end);
	}
}

/** The internal function that toString('latin1') calls, without its overhead. */
function latin1(bytes: Buffer, start: number, end: number): string {
	return (bytes as Buffer & { latin1Slice(start: number, end: number): string }).latin1Slice(start, end);
}
