// Says in the blind spots of TLS why the plaintext of a process is not read.
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';
import { entryBytes } from './row-writer.ts';

/**
 * The same entries of the decoder; to the evidence of each blind spot `tls`, what `reasonOf` says about its process is added.
 * The reasons are ASCII.
 */
export function withTlsReasons(entries: ArrayBuffer, reasonOf: (pid: number) => string | undefined): ArrayBuffer {
	const { u32, bytes } = entryBytes(entries);
	const pieces: Uint8Array[] = [];
	for (let at = 0; at < entries.byteLength; at += u32[at >> 2]!) {
		const entry = bytes.subarray(at, at + u32[at >> 2]!);
		const isSpot = u32[(at + layout.ENTRY_TYPE) >> 2] === layout.ENTRY_BLIND_SPOT;
		const reason =
			isSpot && u32[(at + layout.BLIND_SPOT_WHAT) >> 2] === layout.BLIND_TLS
				? reasonOf(u32[(at + layout.BLIND_SPOT_PID) >> 2]!)
				: undefined;
		pieces.push(reason === undefined ? entry : longerEntry(entry, `; not read: ${reason}`));
	}
	const all = Buffer.concat(pieces);
	return all.buffer.slice(all.byteOffset, all.byteOffset + all.byteLength);
}

/** A copy of the blind spot, whose evidence comes last, with `text` after it. */
function longerEntry(entry: Uint8Array, text: string): Uint8Array {
	const before = new DataView(entry.buffer, entry.byteOffset, entry.byteLength);
	const from = before.getUint32(layout.BLIND_SPOT_EVIDENCE, true);
	const length = before.getUint32(layout.BLIND_SPOT_EVIDENCE + 4, true);
	const copy = Buffer.alloc((from + length + text.length + 7) & ~7);
	copy.set(entry.subarray(0, from + length));
	copy.write(text, from + length, 'latin1');
	copy.writeUInt32LE(copy.length, layout.ENTRY_SIZE);
	copy.writeUInt32LE(length + text.length, layout.BLIND_SPOT_EVIDENCE + 4);
	return copy;
}
