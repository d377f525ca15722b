// The charset of a text: the one in Content-Type, or the one that a page declares itself. Reads meta elements and the XML
// declaration as browsers do (WHATWG HTML, 13.2.3.2; XML 1.0, appendix F).

/** The number of bytes that browsers search. */
const LOOKED_AT = 1024;

/** The charset parameter of a content type, in lower case; null if there is none. */
export function charsetOf(contentType: string): string | null {
	const found = /;\s*charset\s*=\s*"?([^\s";,]+)/i.exec(contentType);
	return found === null ? null : (found[1] as string).toLowerCase();
}

/** The label in lower case; null if the content is not HTML or XML, or declares no charset. */
export function markupCharset(bytes: Uint8Array, contentType: string | null): string | null {
	const type = contentType === null ? '' : contentType.split(';', 1)[0]!.trim().toLowerCase();
	const isXml = /^(?:application|text)\/xml$|\+xml$/.test(type);
	const isHtml = type === 'text/html' || type === 'application/xhtml+xml';
	if (!isXml && !isHtml && type !== '') return null;
	const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, LOOKED_AT)).toString('latin1');
	if (type === '' && !/^\s*<(?:!doctype\s+html|html|head|\?xml)[\s>]/i.test(head)) return null;
	if (head.startsWith('<\0?\0')) return 'utf-16le';
	if (head.startsWith('\0<\0?')) return 'utf-16be';
	const label = declaredEncoding(head) ?? (isXml && !isHtml ? null : metaCharset(head));
	// A page whose meta elements are readable as ASCII is not in UTF-16.
	if (label?.startsWith('utf-16') === true) return 'utf-8';
	return label === 'x-user-defined' ? 'windows-1252' : label;
}

/** `<?xml version="1.0" encoding="ISO-8859-1"?>` */
function declaredEncoding(head: string): string | null {
	const declaration = /^<\?xml\s([^>]*)>/i.exec(head)?.[1];
	if (declaration === undefined) return null;
	return attributesOf(declaration, 0).get('encoding')?.toLowerCase() ?? null;
}

function metaCharset(head: string): string | null {
	const tags = /<!--|<meta(?=[\s/])/gi;
	for (let tag = tags.exec(head); tag !== null; tag = tags.exec(head)) {
		if (tag[0] === '<!--') {
			const end = head.indexOf('-->', tag.index + 2);
			if (end === -1) return null;
			tags.lastIndex = end + 3;
			continue;
		}
		const attributes = attributesOf(head, tags.lastIndex);
		const charset = attributes.get('charset') ?? charsetOfPragma(attributes);
		if (charset !== undefined && charset.trim() !== '') return charset.trim().toLowerCase();
	}
	return null;
}

/** `http-equiv="Content-Type" content="text/html; charset=…"` */
function charsetOfPragma(attributes: ReadonlyMap<string, string>): string | undefined {
	if (attributes.get('http-equiv')?.trim().toLowerCase() !== 'content-type') return undefined;
	return /charset\s*=\s*["']?([^\s"';]+)/i.exec(attributes.get('content') ?? '')?.[1];
}

/** The attributes from `at` to the end of the tag, names in lower case. If a name repeats, the first one counts. */
function attributesOf(text: string, at: number): Map<string, string> {
	const attributes = new Map<string, string>();
	const attribute = /[\s/]*([^\s/>=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+)))?/y;
	attribute.lastIndex = at;
	for (let found = attribute.exec(text); found !== null; found = attribute.exec(text)) {
		const name = found[1]!.toLowerCase();
		if (!attributes.has(name)) attributes.set(name, found[2] ?? found[3] ?? found[4] ?? '');
	}
	return attributes;
}
