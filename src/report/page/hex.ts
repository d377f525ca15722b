// Bytes as lines of hexadecimal digits and ASCII.

const BYTES_A_LINE = 16;

/** An offset, sixteen bytes and their printable ASCII in each line, at most `limit` bytes. */
export function hexLines(bytes: Uint8Array, limit: number): string {
	const shown = Math.min(bytes.length, limit);
	const lines: string[] = [];
	for (let at = 0; at < shown; at += BYTES_A_LINE) {
		const line = bytes.subarray(at, Math.min(at + BYTES_A_LINE, shown));
		const digits = Array.from(line, (byte) => byte.toString(16).padStart(2, '0'));
		const ascii = Array.from(line, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.'));
		const [left, right] = [digits.slice(0, 8).join(' '), digits.slice(8).join(' ')];
		lines.push(`${at.toString(16).padStart(8, '0')}  ${left.padEnd(23)}  ${right.padEnd(23)}  |${ascii.join('')}|`);
	}
	const more = bytes.length - shown;
	return lines.join('\n') + (more === 0 ? '' : `\n… and ${more} more bytes`);
}

export function bytesOfBase64(text: string): Uint8Array {
	return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
