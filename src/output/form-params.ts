// The fields of a posted form, as HAR lists them.

import { base64 } from './cell-text.ts';

export type FormParam = {
	readonly name: string;
	readonly value: string;
	readonly fileName?: string;
	readonly contentType?: string;
	/** `base64` if the value is not text. HAR has no member for that. */
	readonly _encoding?: 'base64';
	readonly comment?: string;
};

/** The fields of a body of this type, as far as they are held; undefined if the type is not a form's. */
export function formParams(body: Uint8Array, contentType: string | null, isWhole: boolean): FormParam[] | undefined {
	if (contentType === null) return undefined;
	const type = contentType.split(';', 1)[0]!.trim().toLowerCase();
	if (type === 'application/x-www-form-urlencoded') return pairs(Buffer.from(body).toString('utf8'));
	if (type !== 'multipart/form-data') return undefined;
	const boundary = /;\s*boundary=(?:"([^"]{1,200})"|([^\s;]{1,200}))/i.exec(contentType);
	return boundary === null ? undefined : parts(Buffer.from(body), (boundary[1] ?? boundary[2])!, isWhole);
}

/** The decoded names and values of `a=b&c=d`. */
export function pairs(text: string): { name: string; value: string }[] {
	return text
		.split('&')
		.filter((pair) => pair !== '')
		.map((pair) => {
			const equals = pair.indexOf('=');
			const name = equals === -1 ? pair : pair.slice(0, equals);
			return { name: decoded(name), value: equals === -1 ? '' : decoded(pair.slice(equals + 1)) };
		});
}

function decoded(text: string): string {
	try {
		return decodeURIComponent(text.replaceAll('+', ' '));
	} catch {
		// Not percent-encoded UTF-8: kept as it was sent.
		return text;
	}
}

/** RFC 7578. */
function parts(body: Buffer, boundary: string, isWhole: boolean): FormParam[] {
	// In ISO-8859-1, each character is a byte.
	const text = body.toString('latin1');
	const escaped = boundary.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
	const delimiter = new RegExp(`(?:^|\\r?\\n)--${escaped}(--)?[ \\t]*(?:\\r?\\n|$)`, 'g');
	const params: FormParam[] = [];
	let start: number | undefined;
	for (const match of text.matchAll(delimiter)) {
		if (start !== undefined) params.push(...part(text.slice(start, match.index), true));
		start = match.index + match[0].length;
		if (match[1] !== undefined) return params;
	}
	if (start !== undefined) params.push(...part(text.slice(start), isWhole));
	return params;
}

/** The field of one part; none if the end is missing before its content. */
function part(text: string, isWhole: boolean): FormParam[] {
	const headEnd = /(?:^|\r?\n)\r?\n/.exec(text);
	if (headEnd === null) return [];
	const head = Buffer.from(text.slice(0, headEnd.index), 'latin1').toString('utf8');
	const disposition = /^content-disposition:(.*)$/im.exec(head)?.[1] ?? '';
	const contentType = /^content-type:(.*)$/im.exec(head)?.[1]?.trim();
	const fileName = parameter(disposition, 'filename');
	const bytes = Buffer.from(text.slice(headEnd.index + headEnd[0].length), 'latin1');
	const value = bytes.toString('utf8');
	const isText = Buffer.from(value).equals(bytes);
	return [
		{
			name: parameter(disposition, 'name') ?? '',
			value: isText ? value : base64(bytes),
			...(fileName === undefined ? {} : { fileName }),
			...(contentType === undefined ? {} : { contentType }),
			...(isText ? {} : { _encoding: 'base64' as const }),
			...(isWhole ? {} : { comment: 'the rest is not held' }),
		},
	];
}

/** A parameter of Content-Disposition, with the escapes that browsers and curl use. */
function parameter(disposition: string, name: string): string | undefined {
	const extended = new RegExp(`;\\s*${name}\\*=utf-8'[^']*'([^\\s;]*)`, 'i').exec(disposition)?.[1];
	if (extended !== undefined) return decoded(extended.replaceAll('+', '%2B'));
	const plain = new RegExp(`;\\s*${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s;]*))`, 'i').exec(disposition);
	if (plain === null) return undefined;
	return (plain[1] ?? plain[2] ?? '')
		.replaceAll('\\"', '"')
		.replaceAll(/%22/g, '"')
		.replaceAll(/%0D/gi, '\r')
		.replaceAll(/%0A/gi, '\n');
}
