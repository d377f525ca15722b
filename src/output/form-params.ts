// The fields of a posted form, as HAR lists them.

import { base64 } from './cell-text.ts';
import { multipartParts, type Part } from './multipart.ts';

export type FormParam = {
	readonly name: string;
	readonly value: string;
	readonly fileName?: string;
	readonly contentType?: string;
	/** `base64` if the value is not text. HAR has no member for that. */
	readonly _encoding?: 'base64';
	readonly comment?: string;
};

/** The fields of a body of this type, as far as they are held; undefined if the type is not that of a form. */
export function formParams(body: Uint8Array, contentType: string | null, isWhole: boolean): FormParam[] | undefined {
	if (contentType === null) return undefined;
	const type = contentType.split(';', 1)[0]!.trim().toLowerCase();
	if (type === 'application/x-www-form-urlencoded') return pairs(Buffer.from(body).toString('utf8'));
	if (type !== 'multipart/form-data') return undefined;
	return multipartParts(body, contentType, isWhole)?.map(formParam);
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
function formParam({ head, content, isWhole }: Part): FormParam {
	const disposition = /^content-disposition:(.*)$/im.exec(head)?.[1] ?? '';
	const contentType = /^content-type:(.*)$/im.exec(head)?.[1]?.trim();
	const fileName = parameter(disposition, 'filename');
	const value = content.toString('utf8');
	const isText = Buffer.from(value).equals(content);
	return {
		name: parameter(disposition, 'name') ?? '',
		value: isText ? value : base64(content),
		...(fileName === undefined ? {} : { fileName }),
		...(contentType === undefined ? {} : { contentType }),
		...(isText ? {} : { _encoding: 'base64' as const }),
		...(isWhole ? {} : { comment: 'the rest is not held' }),
	};
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
