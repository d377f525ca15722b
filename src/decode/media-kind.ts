// Finds the kind of a body by its content type or, if that is too general, by its first bytes.

import { charsetOf } from '../base/charset.ts';

export type MediaKind =
	| 'empty'
	| 'json'
	| 'text'
	| 'image'
	| 'audio'
	| 'video'
	| 'font'
	| 'archive'
	| 'document'
	| 'binary';

export type Media = {
	readonly kind: MediaKind;
	/** The media type without parameters, declared or recognised; null if there is none. */
	readonly type: string | null;
};

/** `content` is a body without its content coding, or the beginning of one. */
export function mediaOf(contentType: string | null, content: Uint8Array): Media {
	const declared = contentType === null ? '' : (contentType.split(';', 1)[0] as string).trim().toLowerCase();
	const kind = KINDS.find(([pattern]) => pattern.test(declared))?.[1] ?? null;
	if (content.length === 0) return { kind: 'empty', type: declared || null };
	if (kind === 'json' || kind === 'text') {
		return { kind: hasBinaryControls(content, contentType) ? 'binary' : kind, type: declared };
	}
	if (kind !== null) return { kind, type: declared };
	const magic = SIGNATURES.find(({ at, bytes }) => startsWith(content, at, bytes));
	// A general type such as application/octet-stream says less than the bytes.
	if (magic !== undefined) return { kind: magic.kind, type: magic.type };
	if (looksBinary(content, contentType)) return { kind: 'binary', type: declared || null };
	return { kind: 'text', type: declared || null };
}

const KINDS: readonly (readonly [pattern: RegExp, kind: MediaKind])[] = [
	[/^(?:application|text)\/(?:[\w.-]+\+)?json$/, 'json'],
	[/^text\//, 'text'],
	[/^image\/svg\+xml$|^application\/(?:[\w.-]+\+)?(?:xml|yaml)$/, 'text'],
	[
		/^application\/(?:x-)?(?:javascript|ecmascript|yaml|toml|sql|graphql|ndjson|jsonlines|json-seq|sh|httpd-php)$/,
		'text',
	],
	[/^application\/(?:x-www-form-urlencoded|xhtml\+xml)$/, 'text'],
	[/^image\//, 'image'],
	[/^audio\//, 'audio'],
	[/^video\//, 'video'],
	[/^font\/|^application\/(?:x-)?font-/, 'font'],
	[
		/^application\/(?:(?:x-)?(?:zip|gzip|bzip2?|xz|zstd|tar|gtar|7z-compressed|rar|rar-compressed|compress|zip-compressed|lzip|lzma)|vnd\.rar|java-archive|vnd\.debian\.binary-package|x-rpm|x-debian-package)$/,
		'archive',
	],
	[/^application\/(?:pdf|postscript|msword|vnd\.(?:ms-|openxmlformats-|oasis\.).*)$/, 'document'],
];

type Signature = { readonly at: number; readonly bytes: string; readonly kind: MediaKind; readonly type: string };

/** Bytes as Latin-1 text. */
const SIGNATURES: readonly Signature[] = [
	{ at: 0, bytes: '\x89PNG\r\n\x1a\n', kind: 'image', type: 'image/png' },
	{ at: 0, bytes: '\xff\xd8\xff', kind: 'image', type: 'image/jpeg' },
	{ at: 0, bytes: 'GIF87a', kind: 'image', type: 'image/gif' },
	{ at: 0, bytes: 'GIF89a', kind: 'image', type: 'image/gif' },
	{ at: 8, bytes: 'WEBPVP8', kind: 'image', type: 'image/webp' },
	{ at: 4, bytes: 'ftypavif', kind: 'image', type: 'image/avif' },
	{ at: 4, bytes: 'ftyp', kind: 'video', type: 'video/mp4' },
	{ at: 0, bytes: '\x1a\x45\xdf\xa3', kind: 'video', type: 'video/webm' },
	{ at: 0, bytes: 'OggS', kind: 'audio', type: 'audio/ogg' },
	{ at: 0, bytes: 'wOF2', kind: 'font', type: 'font/woff2' },
	{ at: 0, bytes: 'wOFF', kind: 'font', type: 'font/woff' },
	{ at: 0, bytes: '%PDF-', kind: 'document', type: 'application/pdf' },
	{ at: 0, bytes: 'PK\x03\x04', kind: 'archive', type: 'application/zip' },
	{ at: 0, bytes: 'PK\x05\x06', kind: 'archive', type: 'application/zip' },
	{ at: 0, bytes: '\x1f\x8b\x08', kind: 'archive', type: 'application/gzip' },
	{ at: 0, bytes: 'BZh', kind: 'archive', type: 'application/x-bzip2' },
	{ at: 0, bytes: '\xfd7zXZ\0', kind: 'archive', type: 'application/x-xz' },
	{ at: 0, bytes: '7z\xbc\xaf\x27\x1c', kind: 'archive', type: 'application/x-7z-compressed' },
	{ at: 0, bytes: '\x28\xb5\x2f\xfd', kind: 'archive', type: 'application/zstd' },
	{ at: 0, bytes: 'Rar!\x1a\x07', kind: 'archive', type: 'application/vnd.rar' },
	{ at: 257, bytes: 'ustar', kind: 'archive', type: 'application/x-tar' },
];

function startsWith(content: Uint8Array, at: number, bytes: string): boolean {
	if (content.length < at + bytes.length) return false;
	for (let i = 0; i < bytes.length; i++) if (content[at + i] !== bytes.charCodeAt(i)) return false;
	return true;
}

const LOOKED_AT = 2048;

/** Whether the first bytes contain NUL or other control characters that texts do not have. */
function hasBinaryControls(content: Uint8Array, contentType: string | null): boolean {
	// In UTF-16, every other byte may be NUL.
	if (isUtf16(content, contentType)) return false;
	let controls = 0;
	const end = Math.min(content.length, LOOKED_AT);
	for (let i = 0; i < end; i++) {
		const byte = content[i] as number;
		if (byte === 0) return true;
		if ((byte < 0x20 && (byte < 0x09 || byte > 0x0d) && byte !== 0x1b) || byte === 0x7f) controls++;
	}
	return controls * 10 > end;
}

/** For content without a declared text type: also true if many bytes are not valid UTF-8. */
function looksBinary(content: Uint8Array, contentType: string | null): boolean {
	if (hasBinaryControls(content, contentType)) return true;
	if (isUtf16(content, contentType)) return false;
	if (contentType !== null && charsetOf(contentType) !== null) return false;
	const text = Buffer.from(content.subarray(0, LOOKED_AT)).toString('utf8');
	// Begins at -1, because the last character may be cut.
	let broken = -1;
	for (const character of text) if (character === '\ufffd') broken++;
	return broken * 10 > text.length;
}

function isUtf16(content: Uint8Array, contentType: string | null): boolean {
	const [first, second] = content;
	if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) return true;
	return contentType !== null && charsetOf(contentType)?.startsWith('utf-16') === true;
}
