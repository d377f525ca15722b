// Reads heads of HTTP/1 for redaction: their framing, and where their secrets are.
import { addPlaces, type Place, type SecretFinder, shifted } from './secret-finder.ts';

export type Field = { readonly name: string; readonly value: string; readonly trailer: boolean };

export type ReadHead = {
	/** Of a request. */
	readonly method?: string;
	/** Of a response. */
	readonly status?: number;
	/** A request of HTTP/0.9. */
	readonly isSimple: boolean;
	readonly fields: readonly Field[];
	readonly isChunked: boolean;
	/** Bytes of the body; undefined if no field says. */
	readonly length?: number;
	/** The lines contradict each other, or some are no fields, so the body may end anywhere. */
	readonly isUncertain: boolean;
	/** A transfer coding that cannot be undone. */
	readonly hasUnknownCoding: boolean;
};

const RESPONSE = /^\s*HTTP\/\d(?:\.\d+)?[ \t]+(\d{3})/i;
const REQUEST = /^\s*([!#$%&'*+.^_`|~\w-]+)[ \t]+(\S.*?)[ \t]+HTTP\/\d/i;
const SIMPLE_REQUEST = /^\s*(GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH)[ \t]+(\/\S*|http:\/\/\S*)[ \t]*\r?$/i;
/** Enough for a long target. */
const START_BYTES = 64 << 10;

/** Whether bytes begin with a start line. They may end within it. */
export function isStart(bytes: Uint8Array): boolean {
	const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, START_BYTES));
	const line = /^[\r\n]*([^\n]*)(\n?)/.exec(buffer.toString('latin1'))!;
	const text = line[1]!;
	if (RESPONSE.test(text) || REQUEST.test(text) || SIMPLE_REQUEST.test(text)) return true;
	return line[2] === '' && /^[A-Z]{3,20}[ \t]+[/*\w]\S*$/.test(text.trimEnd());
}

/** Whether bytes begin with a start line that names a version of HTTP. */
export function isWholeStart(bytes: Uint8Array): boolean {
	const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, START_BYTES));
	const line = buffer.toString('latin1').trimStart().split('\n', 1)[0]!;
	return RESPONSE.test(line) || REQUEST.test(line);
}

/** Whether these bytes can be the first of a head, or line ends before one. */
export function maybeStart(bytes: Uint8Array): boolean {
	return /^[\r\n]*(?:$|[ \t]*[!#$%&'*+.^_`|~\w-])/.test(Buffer.from(bytes.subarray(0, 16)).toString('latin1'));
}

/** A line of a head together with the folded ones after it, without its line end. */
type Line = { readonly start: number; readonly text: string; readonly colon: number };

/** The lines that are not empty. `text`: whole lines. */
function linesOf(text: string): Line[] {
	const lines: Line[] = [];
	for (let at = 0; at < text.length; ) {
		const start = at;
		let end: number;
		do {
			const lineFeed = text.indexOf('\n', at);
			end = lineFeed === -1 ? text.length : lineFeed;
			at = end + 1;
		} while (isFolded(text, at));
		if (text[end - 1] === '\r') end--;
		const line = text.slice(start, Math.max(start, end));
		if (line.trim() !== '') lines.push({ start, text: line, colon: line.indexOf(':') });
	}
	return lines;
}

function isFolded(text: string, at: number): boolean {
	return (text[at] === ' ' || text[at] === '\t') && /^[ \t]+[^\s]/.test(text.slice(at, at + 256));
}

/** Lines that say where the body ends and how it is coded. Nothing in them is a secret. */
const FRAMING = /^(?:content-length|transfer-encoding|content-encoding|connection|upgrade)$/;

/** A head with the places of its secrets, and those that must stay as they are. */
export type HeadSecrets = { readonly places: readonly Place[]; readonly framing: readonly Place[] };

/** The secrets of a head (`hasStartLine`) or of trailers. `text`: whole lines. */
export function headSecrets(text: string, finder: SecretFinder, hasStartLine: boolean): HeadSecrets {
	return secretsOfLines(linesOf(text), finder, hasStartLine);
}

function secretsOfLines(lines: readonly Line[], finder: SecretFinder, hasStartLine: boolean): HeadSecrets {
	const places: Place[] = [];
	const framing: Place[] = [];
	for (const [i, line] of lines.entries()) {
		const { start, text, colon } = line;
		if (i === 0 && hasStartLine) addPlaces(places, startLineSecrets(text, finder), start);
		else if (colon > 0 && FRAMING.test(text.slice(0, colon).trim().toLowerCase()))
			framing.push({ start, end: start + text.length });
		else addPlaces(places, fieldSecrets(line, finder), start);
	}
	return { places, framing };
}

/** Reads a head. `text`: all of its lines. */
export function readHead(text: string, finder: SecretFinder): ReadHead & HeadSecrets {
	const all = linesOf(text);
	const [first = { text: '' }, ...lines] = all;
	const status = RESPONSE.exec(first.text)?.[1];
	const method = status === undefined ? REQUEST.exec(first.text)?.[1] : undefined;
	const fields: Field[] = lines.map(({ text: line, colon }) => ({
		name: line.slice(0, colon).trim().toLowerCase(),
		value: line.slice(colon + 1).trim(),
		trailer: false,
	}));
	const valuesOf = (name: string): string[] =>
		fields.flatMap((field) => (field.name === name ? field.value.toLowerCase().split(',') : []));
	const codings = valuesOf('transfer-encoding')
		.map((coding) => coding.split(';', 1)[0]!.trim())
		.filter((coding) => coding !== '' && coding !== 'identity');
	const lengths = valuesOf('content-length').map((length) => length.trim());
	const length = /^\d{1,15}$/.test(lengths[0] ?? '') && codings.length === 0 ? Number(lengths[0]) : undefined;
	return {
		...(method === undefined ? {} : { method: method.toUpperCase() }),
		...(status === undefined ? {} : { status: Number(status) }),
		isSimple: status === undefined && method === undefined,
		fields,
		isChunked: codings.includes('chunked'),
		isUncertain: lines.some(({ colon }) => colon < 1) || lengths.some((other) => other !== lengths[0]),
		...(length === undefined ? {} : { length }),
		hasUnknownCoding: codings.some((coding) => !KNOWN_CODINGS.test(coding)),
		...secretsOfLines(all, finder, true),
	};
}

const KNOWN_CODINGS = /^(?:chunked|trailers|x?-?gzip|deflate)$/;

function startLineSecrets(line: string, finder: SecretFinder): Place[] {
	const target = RESPONSE.test(line) ? undefined : (REQUEST.exec(line) ?? SIMPLE_REQUEST.exec(line))?.[2];
	if (target === undefined) return finder.freeText(line);
	return shifted(finder.url(target), line.indexOf(target, line.search(/\S\s/) + 1));
}

function fieldSecrets({ text, colon }: Line, finder: SecretFinder): Place[] {
	if (colon === -1) return finder.freeText(text).length === 0 ? [] : [{ start: 0, end: text.length, secret: null }];
	const after = text.slice(colon + 1);
	const value = after.trim();
	if (value === '') return [];
	return shifted(finder.header(text.slice(0, colon).trim(), value), colon + 1 + after.indexOf(value));
}
