// Bytes that calls moved, in the memory of records that wait until it is known what of them is secret.

/** Bytes that a call moved, in memory that may be overwritten. */
export type Piece = {
	readonly bytes: Uint8Array;
	/** Called when so many more of the bytes are as they will be recorded. */
	readonly decided: (bytes: number) => void;
};

/** Their bytes; of a single piece, the bytes themselves. */
export function joined(pieces: readonly Piece[]): Buffer {
	const [first] = pieces;
	if (pieces.length !== 1 || first === undefined) return Buffer.concat(pieces.map(({ bytes }) => bytes));
	const { buffer, byteOffset, byteLength } = first.bytes;
	return Buffer.from(buffer, byteOffset, byteLength);
}

/** Writes bytes back to where they came from. */
export function spread(bytes: Uint8Array, pieces: readonly Piece[]): void {
	let at = 0;
	for (const piece of pieces) {
		const part = bytes.subarray(at, at + piece.bytes.length);
		if (part.buffer !== piece.bytes.buffer || part.byteOffset !== piece.bytes.byteOffset) piece.bytes.set(part);
		at += piece.bytes.length;
	}
}

export function decide(pieces: readonly Piece[]): void {
	for (const { bytes, decided } of pieces) decided(bytes.length);
}

/** Decides the first bytes; returns the others. */
export function decideFirst(pieces: readonly Piece[], bytes: number): Piece[] {
	let left = bytes;
	return pieces.flatMap((piece) => {
		const used = Math.min(left, piece.bytes.length);
		left -= used;
		if (used > 0) piece.decided(used);
		return used === piece.bytes.length ? [] : [after(piece, used)];
	});
}

export function before({ bytes, decided }: Piece, at: number): Piece {
	return { bytes: bytes.subarray(0, at), decided };
}

export function after({ bytes, decided }: Piece, at: number): Piece {
	return { bytes: bytes.subarray(at), decided };
}
