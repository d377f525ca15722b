/**
 * Lines of an offset, sixteen bytes and their printable ASCII, like those of `hexdump -C`. At most `limit` bytes are
 * shown; a last line then says how many more there are.
 */
export function hexDump(bytes: Uint8Array, limit: number): string {
	const shown = Math.min(bytes.length, limit);
	let dump = '';
	for (let at = 0; at < shown; at += BYTES_A_LINE) {
		const line = bytes.subarray(at, Math.min(at + BYTES_A_LINE, shown));
		let hex = '';
		let ascii = '';
		for (let i = 0; i < BYTES_A_LINE; i++) {
			if (i === BYTES_A_LINE / 2) hex += ' ';
			const byte = line[i];
			hex += byte === undefined ? '   ' : `${byte.toString(16).padStart(2, '0')} `;
			if (byte !== undefined) ascii += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.';
		}
		dump += `${at.toString(16).padStart(8, '0')}  ${hex} |${ascii}|\n`;
	}
	const more = bytes.length - shown;
	return more === 0 ? dump : `${dump}… and ${more} more ${more === 1 ? 'byte' : 'bytes'}\n`;
}

const BYTES_A_LINE = 16;
