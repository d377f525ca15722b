// The parts of a multipart body (RFC 2046).

export type Part = {
	/** The field lines, without the empty line after them. */
	readonly head: string;
	readonly content: Buffer;
	/** False if the end of the body is not held, or the part has no end. */
	readonly isWhole: boolean;
};

/** The parts of a body of this type, as far as they are held; undefined if the type is not multipart. */
export function multipartParts(body: Uint8Array, contentType: string | null, isWhole: boolean): Part[] | undefined {
	if (contentType === null || !/^\s*multipart\//i.test(contentType)) return undefined;
	const boundary = /;\s*boundary=(?:"([^"]{1,200})"|([^\s;]{1,200}))/i.exec(contentType);
	return boundary === null ? undefined : split(Buffer.from(body), (boundary[1] ?? boundary[2])!, isWhole);
}

function split(body: Buffer, boundary: string, isWhole: boolean): Part[] {
	// In ISO-8859-1, each character is a byte.
	const text = body.toString('latin1');
	const escaped = Buffer.from(boundary)
		.toString('latin1')
		.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
	const delimiter = new RegExp(`(?:^|\\r?\\n)--${escaped}(--)?[ \\t]*(?:\\r?\\n|$)`, 'g');
	const parts: Part[] = [];
	let start: number | undefined;
	for (const match of text.matchAll(delimiter)) {
		if (start !== undefined) parts.push(...part(text.slice(start, match.index), true));
		start = match.index + match[0].length;
		if (match[1] !== undefined) return parts;
	}
	if (start !== undefined) parts.push(...part(text.slice(start), isWhole));
	return parts;
}

/** One part; empty if the end is missing before its content. */
function part(text: string, isWhole: boolean): Part[] {
	const headEnd = /(?:^|\r?\n)\r?\n/.exec(text);
	if (headEnd === null) return [];
	return [
		{
			head: Buffer.from(text.slice(0, headEnd.index), 'latin1').toString('utf8'),
			content: Buffer.from(text.slice(headEnd.index + headEnd[0].length), 'latin1'),
			isWhole,
		},
	];
}
