// Finds secrets in a body while it arrives. What a scanner has not understood yet waits for more bytes; if it cannot
// wait any longer, it is blanked, because nobody knows what it would have become.
import { isUtf8 } from 'node:buffer';
import { charsetOf } from '../base/charset.ts';
import { charsetText } from '../decode/body-text.ts';
import { decodeContent } from '../decode/content-coding.ts';
import { mediaOf } from '../decode/media-kind.ts';
import { JsonSecrets } from './json-secrets.ts';
import { FORM_START } from './redaction.ts';
import { refitted } from './refitted-gzip.ts';
import { addPlaces, type Place, type SecretFinder, shifted } from './secret-finder.ts';
import { isSensitiveName } from './sensitive-names.ts';

/**
 * How much of the given bytes has to be decided: what is complete (`soft`), everything, with more to come (`hard`), or
 * everything, because the body ends here (`final`).
 */
export type Extent = 'soft' | 'hard' | 'final';

export type Scanned = {
	/** The number of bytes that are decided. */
	readonly decided: number;
	readonly places: readonly Place[];
	/** New bytes for all of them, as many as before. */
	readonly bytes?: Uint8Array;
};

export type BodyScanner = {
	/** Looks at the bytes that are not decided yet. `text`: the same as Latin-1. */
	scan(bytes: Uint8Array, text: string, extent: Extent): Scanned;
	/** Bytes are missing here. Everything before was decided. Returns the scanner for what follows. */
	afterGap(): BodyScanner;
};

type BodyKind = {
	readonly contentType: string | null;
	/** Content-Encoding and codings of Transfer-Encoding; null if there are none. */
	readonly coding: string | null;
};

/** The first bytes of a body tell more than its head. Fewer suffice at its end. */
export const BYTES_TO_CHOOSE = 512;

/** The scanner for a body that begins with these bytes. `places`: secrets known from other places. */
export function bodyScanner(
	kind: BodyKind,
	beginning: Uint8Array,
	finder: SecretFinder,
	known: (bytes: Uint8Array) => readonly Place[],
	overwrite: (bytes: Uint8Array, text: string, places: readonly Place[]) => void,
): BodyScanner {
	if (kind.coding !== null) return new CodedBody(kind, kind.coding, finder, known, overwrite);
	return contentScanner(kind.contentType, beginning, finder);
}

export function contentScanner(contentType: string | null, beginning: Uint8Array, finder: SecretFinder): BodyScanner {
	const type = contentType?.trim().toLowerCase() ?? '';
	const text = latin1(beginning);
	if (type.startsWith('application/x-www-form-urlencoded')) return new FormBody(finder);
	if (/^application\/grpc(?:-web)?(?![a-z0-9-])/.test(type)) return new GrpcBody(finder);
	if (type.startsWith('multipart/form-data') || FORM_START.test(text)) return new MultipartBody(finder);
	const { kind } = mediaOf(contentType, beginning);
	if (kind !== 'json' && kind !== 'text') return new BinaryBody();
	if (isWide(contentType, beginning)) return new WideBody(contentType, finder);
	if (/\bjson\b/.test(type) || /^\s*[[{]\s*["{[\]}\d]/.test(text)) return new JsonBody(finder);
	if (type === '' && /^[\w.~%[\]-]{1,64}=[^\s]*$/.test(text)) return new FormBody(finder);
	return new LinesBody(finder);
}

function latin1(bytes: Uint8Array): string {
	return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** Texts in which ASCII characters are not single bytes of the same value. */
function isWide(contentType: string | null, beginning: Uint8Array): boolean {
	const [first, second] = beginning;
	if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) return true;
	return (
		contentType !== null &&
		/^(?:utf-?(?:16|32|7)|ucs-?[24]|iso-10646|csunicode|hz-gb|iso-2022)/.test(charsetOf(contentType) ?? '')
	);
}

/** Overwrites everything. */
export class BlankBody implements BodyScanner {
	scan(bytes: Uint8Array): Scanned {
		return { decided: bytes.length, places: [{ start: 0, end: bytes.length, secret: null }] };
	}

	afterGap(): BodyScanner {
		return this;
	}
}

/** Images and the like: only secrets known from other places are looked for. */
class BinaryBody implements BodyScanner {
	scan(bytes: Uint8Array): Scanned {
		return { decided: bytes.length, places: [] };
	}

	afterGap(): BodyScanner {
		return this;
	}
}

/** Parts of a text that end with the same character, each with its own secrets. */
abstract class PartedBody implements BodyScanner {
	readonly finder: SecretFinder;
	/** The end of a part that was blanked. */
	#isCut = false;

	constructor(finder: SecretFinder, isCut = false) {
		this.finder = finder;
		this.#isCut = isCut;
	}

	protected abstract readonly end: string;
	protected abstract places(text: string): Place[];
	abstract afterGap(): BodyScanner;

	scan(_: Uint8Array, text: string, extent: Extent): Scanned {
		const blanked: Place[] = [];
		let from = 0;
		if (this.#isCut) {
			const end = text.indexOf(this.end);
			this.#isCut = end === -1;
			from = this.#isCut ? text.length : end;
			blanked.push({ start: 0, end: from, secret: null });
		}
		const whole = extent === 'final' ? text.length : text.lastIndexOf(this.end) + 1;
		const to = Math.max(from, whole);
		const places = [...blanked, ...shifted(this.places(text.slice(from, to)), from)];
		if (extent !== 'hard' || to === text.length) return { decided: to, places };
		this.#isCut = true;
		return { decided: text.length, places: [...places, { start: to, end: text.length, secret: null }] };
	}
}

class FormBody extends PartedBody {
	protected readonly end = '&';

	protected places(text: string): Place[] {
		return this.finder.form(text);
	}

	afterGap(): BodyScanner {
		return new FormBody(this.finder, true);
	}
}

/** Any other text: lines, of which some may be JSON. */
class LinesBody extends PartedBody {
	protected readonly end = '\n';

	protected places(text: string): Place[] {
		return linePlaces(text, this.finder);
	}

	afterGap(): BodyScanner {
		return new LinesBody(this.finder, true);
	}
}

/** A line of JSON, also as an event of an event stream. */
const JSON_LINE = /^(?:data:)?[ \t]*[[{]\s*["{[\]}\d].*$/gm;

function linePlaces(text: string, finder: SecretFinder): Place[] {
	const places: Place[] = [];
	let from = 0;
	for (const { 0: line, index } of text.matchAll(JSON_LINE)) {
		addPlaces(places, finder.freeText(text.slice(from, index)), from);
		addPlaces(places, new JsonSecrets(finder).scan(line, 'final').places, index);
		from = index + line.length;
	}
	return [...places, ...shifted(finder.freeText(text.slice(from)), from)];
}

class JsonBody implements BodyScanner {
	readonly #json: JsonSecrets;

	constructor(finder: SecretFinder) {
		this.#json = new JsonSecrets(finder);
	}

	scan(_: Uint8Array, text: string, extent: Extent): Scanned {
		return this.#json.scan(text, extent);
	}

	afterGap(): BodyScanner {
		return new BlankBody();
	}
}

/** multipart/form-data: parts with a sensitive name are secret, the others are texts or files. */
class MultipartBody implements BodyScanner {
	readonly #finder: SecretFinder;
	#delimiter: string | undefined;
	#state: 'head' | 'text' | 'file' | 'secret' = 'text';
	#isCut = false;

	constructor(finder: SecretFinder) {
		this.#finder = finder;
	}

	scan(_: Uint8Array, text: string, extent: Extent): Scanned {
		const places: Place[] = [];
		let at = 0;
		while (at < text.length) {
			const lineFeed = text.indexOf('\n', at);
			if (lineFeed === -1 && extent === 'soft') break;
			const end = lineFeed === -1 ? text.length : lineFeed + 1;
			const isCutHere = lineFeed === -1 && extent === 'hard';
			const line = text.slice(at, end);
			if (this.#isCut || isCutHere) places.push({ start: at, end: at + line.trimEnd().length, secret: null });
			else addPlaces(places, this.#line(line), at);
			this.#isCut = isCutHere || (this.#isCut && lineFeed === -1);
			at = end;
		}
		return { decided: at, places };
	}

	afterGap(): BodyScanner {
		return new BlankBody();
	}

	#line(line: string): Place[] {
		const content = line.trimEnd();
		if (this.#delimiter === undefined && /^--[^\r\n]{1,200}$/.test(content)) this.#delimiter = content;
		if (this.#delimiter !== undefined && content.startsWith(this.#delimiter)) {
			this.#state = 'head';
			this.#next = 'text';
			return [];
		}
		if (this.#state === 'head') {
			if (content === '') {
				this.#state = this.#next;
				return [];
			}
			const name = /^content-disposition:.*\bname="?([^";\r\n]{1,200})/i.exec(content)?.[1];
			if (name !== undefined && isSensitiveName(name)) this.#next = 'secret';
			else if (
				/^content-type:(?!\s*(?:text\/|application\/(?:.*json|.*xml|x-www)))/i.test(content) &&
				this.#next === 'text'
			)
				this.#next = 'file';
			return this.#finder.freeText(content);
		}
		if (this.#state === 'file' && !isUtf8(Buffer.from(content, 'latin1'))) return [];
		if (this.#state !== 'secret') return linePlaces(content, this.#finder);
		const start = content.length - content.trimStart().length;
		return shifted(this.#finder.whole(content.slice(start)), start);
	}

	/** What the current part is after its head. */
	#next: 'text' | 'file' | 'secret' = 'text';
}

/** Prefix of a message of gRPC: a flag that it is compressed, and its length. */
const GRPC_PREFIX = 5;

/** Messages of gRPC: their texts are looked through as they are in protobuf; compressed ones are blanked. */
class GrpcBody implements BodyScanner {
	readonly #finder: SecretFinder;
	/** Bytes of a blanked message that are still to come. */
	#blank = 0;

	constructor(finder: SecretFinder) {
		this.#finder = finder;
	}

	scan(bytes: Uint8Array, text: string, extent: Extent): Scanned {
		const places: Place[] = [];
		let at = Math.min(this.#blank, bytes.length);
		this.#blank -= at;
		if (at > 0) places.push({ start: 0, end: at, secret: null });
		while (at + GRPC_PREFIX <= bytes.length) {
			const length = new DataView(bytes.buffer, bytes.byteOffset + at + 1).getUint32(0);
			const start = at + GRPC_PREFIX;
			const end = start + length;
			if (end > bytes.length && extent === 'soft') break;
			if (end <= bytes.length && bytes[at]! % 2 === 0)
				addPlaces(places, linePlaces(text.slice(start, end), this.#finder), start);
			else places.push({ start, end: Math.min(end, bytes.length), secret: null });
			this.#blank = Math.max(0, end - bytes.length);
			at = Math.min(end, bytes.length);
		}
		if (extent === 'soft' || at === bytes.length) return { decided: at, places };
		// Part of a prefix.
		return { decided: bytes.length, places: [...places, { start: at, end: bytes.length, secret: null }] };
	}

	afterGap(): BodyScanner {
		return new BlankBody();
	}
}

/** A text in UTF-16 and the like is inspected as a whole, and blanked if it contains a secret. */
class WideBody implements BodyScanner {
	readonly #contentType: string | null;
	readonly #finder: SecretFinder;

	constructor(contentType: string | null, finder: SecretFinder) {
		this.#contentType = contentType;
		this.#finder = finder;
	}

	scan(bytes: Uint8Array, text: string, extent: Extent): Scanned {
		if (extent === 'soft') return { decided: 0, places: [] };
		const plain = Buffer.from(charsetText(bytes, this.#contentType));
		const places =
			extent === 'final'
				? contentScanner(null, plain.subarray(0, BYTES_TO_CHOOSE), this.#finder).scan(plain, latin1(plain), 'final')
						.places
				: null;
		if (places?.length === 0) return { decided: text.length, places: [] };
		return { decided: text.length, places: [{ start: 0, end: text.length, secret: null }] };
	}

	afterGap(): BodyScanner {
		return new BlankBody();
	}
}

/** What exceeds these cannot be inspected. */
const LIMITS = { outputBytes: 8 << 20, ratio: 2048, layers: 5, milliseconds: 1000 };

/** Bytes with a content coding: inspected as a whole, and left alone if they contain no secret. */
class CodedBody implements BodyScanner {
	readonly #kind: BodyKind;
	readonly #coding: string;
	readonly #finder: SecretFinder;
	readonly #known: (bytes: Uint8Array) => readonly Place[];
	readonly #overwrite: (bytes: Uint8Array, text: string, places: readonly Place[]) => void;
	#isBlank = false;

	constructor(
		kind: BodyKind,
		coding: string,
		finder: SecretFinder,
		known: (bytes: Uint8Array) => readonly Place[],
		overwrite: (bytes: Uint8Array, text: string, places: readonly Place[]) => void,
	) {
		this.#kind = kind;
		this.#coding = coding;
		this.#finder = finder;
		this.#known = known;
		this.#overwrite = overwrite;
	}

	scan(bytes: Uint8Array, _: string, extent: Extent): Scanned {
		if (extent === 'soft' && !this.#isBlank) return { decided: 0, places: [] };
		const blanked = { decided: bytes.length, places: [{ start: 0, end: bytes.length, secret: null }] };
		if (this.#isBlank || extent === 'hard') {
			this.#isBlank = true;
			return blanked;
		}
		const { bytes: content, stopped, applied, unended } = decodeContent(bytes, this.#coding, LIMITS);
		// Nobody can say what is in a body that cannot be decoded.
		if (stopped !== null) return blanked;
		const text = latin1(content);
		const beginning = content.subarray(0, BYTES_TO_CHOOSE);
		const scanned = contentScanner(this.#kind.contentType, beginning, this.#finder).scan(content, text, 'final');
		const places = [...scanned.places, ...this.#known(content)];
		if (places.length === 0) return { decided: bytes.length, places: [] };
		if (unended !== null || applied.join() !== 'gzip') return blanked;
		const redacted = new Uint8Array(content);
		this.#overwrite(redacted, text, places);
		const fitted = refitted(redacted, bytes.length);
		return fitted === undefined ? blanked : { decided: bytes.length, places: [], bytes: fitted };
	}

	afterGap(): BodyScanner {
		return new BlankBody();
	}
}
