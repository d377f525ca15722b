// A second parser for messages inside streams, written for plainness: it sees one whole direction, as a list of bytes in which
// -1 stands for one that was not captured. The decoder's rows are compared with what it finds.
import * as layout from '../decoder-as/assembly/wire/output-layout.ts';

export type StreamForm = 'websocket' | 'grpc' | 'events' | 'lines' | 'parts';

/** What the decoder's row of a message must say. */
export type ReferenceMessage = {
	readonly kind: string | null;
	readonly data: string | null;
	readonly bytes: number | null;
	readonly limited: number;
	readonly missing: number;
	readonly flags: number;
	readonly event: string | null;
	readonly eventId: string | null;
};

export type ReferenceOptions = {
	readonly bodyLimit: number;
	/** Whether the end of the stream is that of its body. */
	readonly endsProperly: boolean;
	readonly boundary?: string;
	readonly mayDeflate?: boolean;
};

/** Some of the bytes of a message, one after another. */
class Content {
	known = '';
	missing = 0;
	/** How many known bytes come before the first missing one. */
	before = Number.POSITIVE_INFINITY;

	add(byte: number): void {
		if (byte >= 0) this.known += String.fromCharCode(byte);
		else if (this.missing++ === 0) this.before = this.known.length;
	}
}

class Rows {
	readonly rows: ReferenceMessage[] = [];
	readonly #limit: number;

	constructor(limit: number) {
		this.#limit = limit;
	}

	add(
		kind: string | null,
		content: Content,
		flags = 0,
		names: { readonly event?: string | null; readonly eventId?: string | null } = {},
	): void {
		const { known, missing, before } = content;
		const isUnknown = kind === null || (flags & layout.MESSAGE_FLAG_LOST) !== 0;
		const data = known.slice(0, this.#limit);
		this.rows.push({
			kind,
			data: data === '' && (known.length + missing > 0 || isUnknown) ? null : data,
			bytes: isUnknown ? null : known.length + missing,
			limited: known.length - data.length,
			missing,
			flags: flags | (data.length > before ? layout.MESSAGE_FLAG_GAPPED : 0),
			event: names.event ?? null,
			eventId: names.eventId ?? null,
		});
	}
}

export function referenceMessages(
	form: StreamForm,
	stream: readonly number[],
	options: ReferenceOptions,
): ReferenceMessage[] {
	const rows = new Rows(options.bodyLimit);
	if (form === 'websocket') readFrames(stream, rows, options.mayDeflate === true);
	else if (form === 'grpc') readGrpc(stream, rows);
	else if (form === 'events') readEvents(stream, rows);
	else if (form === 'lines') readLines(stream, rows, options.endsProperly);
	else readParts(stream, rows, options.boundary ?? '', options.endsProperly);
	return rows.rows;
}

const { MESSAGE_FLAG_INVALID, MESSAGE_FLAG_LOST, MESSAGE_FLAG_UNENDED } = layout;
const NOTHING = new Content();

function readFrames(stream: readonly number[], rows: Rows, mayDeflate: boolean): void {
	let at = 0;
	let message: { readonly kind: string; readonly content: Content } | undefined;
	const stop = (flag: number) => {
		if (message !== undefined) rows.add(message.kind, message.content, MESSAGE_FLAG_UNENDED);
		if (flag !== 0) rows.add(null, NOTHING, flag);
	};
	for (;;) {
		// The header: two bytes, the rest of the length, the key.
		const header: number[] = [];
		let needed = 2;
		while (header.length < needed) {
			if (at === stream.length) {
				stop(0);
				return;
			}
			const byte = stream[at++]!;
			if (byte < 0) {
				stop(MESSAGE_FLAG_LOST);
				return;
			}
			header.push(byte);
			if (header.length === 2) {
				const length = header[1]! & 127;
				needed += (length === 126 ? 2 : length === 127 ? 8 : 0) + (header[1]! & 128 ? 4 : 0);
			}
		}
		const short = header[1]! & 127;
		const lengthEnd = short === 126 ? 4 : short === 127 ? 10 : 2;
		const length =
			short < 126 ? BigInt(short) : header.slice(2, lengthEnd).reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
		const key = header[1]! & 128 ? header.slice(lengthEnd) : [0, 0, 0, 0];
		const opcode = header[0]! & 15;
		const isLast = (header[0]! & 128) !== 0;
		const isCompressed = (header[0]! & 64) !== 0;
		const kind = { 1: 'text', 2: 'binary', 8: 'close', 9: 'ping', 10: 'pong' }[opcode];
		const isControl = opcode >= 8;
		const isValid =
			length < 1n << 63n &&
			(header[0]! & 48) === 0 &&
			(kind !== undefined || opcode === 0) &&
			(isControl
				? isLast && length <= 125n && !isCompressed
				: (opcode === 0) === (message !== undefined) && (!isCompressed || (mayDeflate && opcode !== 0)));
		if (!isValid) {
			stop(MESSAGE_FLAG_INVALID);
			return;
		}
		const content = isControl ? new Content() : (message?.content ?? new Content());
		if (!isControl) message ??= { kind: kind!, content };
		for (let i = 0n; i < length; i++) {
			if (at === stream.length) {
				if (isControl) rows.add(kind!, content, MESSAGE_FLAG_UNENDED);
				stop(0);
				return;
			}
			const byte = stream[at++]!;
			content.add(byte < 0 ? byte : byte ^ key[Number(i % 4n)]!);
		}
		if (isControl) rows.add(kind!, content);
		else if (isLast) {
			rows.add(message!.kind, content);
			message = undefined;
		}
	}
}

function readGrpc(stream: readonly number[], rows: Rows): void {
	for (let at = 0; at < stream.length; ) {
		const prefix = stream.slice(at, at + 5);
		if (prefix.includes(-1)) {
			rows.add(null, NOTHING, MESSAGE_FLAG_LOST);
			return;
		}
		if (prefix.length < 5) return;
		if ((prefix[0]! & 126) !== 0) {
			rows.add(null, NOTHING, MESSAGE_FLAG_INVALID);
			return;
		}
		const length = prefix.slice(1).reduce((sum, byte) => sum * 256 + byte, 0);
		const content = new Content();
		const payload = stream.slice(at + 5, at + 5 + length);
		for (const byte of payload) content.add(byte);
		const flags = (prefix[0]! & 128) !== 0 ? layout.MESSAGE_FLAG_TRAILERS : 0;
		rows.add('grpc', content, payload.length < length ? flags | MESSAGE_FLAG_UNENDED : flags);
		at += 5 + length;
	}
}

/** Calls `known` for each run of captured bytes, and `gap` with the number of bytes that are missing before the next one. */
function eachRun(stream: readonly number[], known: (text: string) => void, gap: (missing: number) => void): void {
	for (let at = 0; at < stream.length; ) {
		const isMissing = stream[at]! < 0;
		let end = at;
		while (end < stream.length && stream[end]! < 0 === isMissing) end++;
		if (isMissing) gap(end - at);
		else known(String.fromCharCode(...stream.slice(at, end)));
		at = end;
	}
}

function contentOf(text: string, missing = 0): Content {
	const content = new Content();
	content.known = text;
	content.missing = missing;
	return content;
}

function readEvents(stream: readonly number[], rows: Rows): void {
	let data: string[] | undefined;
	let event: string | null = null;
	let eventId: string | null = null;
	let rest = '';
	let isFirst = true;
	/** After a gap: 'line' in a line that is not known, 'start' at the beginning of one. */
	let lost: 'no' | 'line' | 'start' = 'no';
	const field = (line: string): [name: string, value: string] => {
		const text = isFirst ? line.replace(/^\xef\xbb\xbf/, '') : line;
		const colon = text.indexOf(':');
		if (colon < 0) return [text, ''];
		return [text.slice(0, colon), text.slice(colon + 1).replace(/^ /, '')];
	};
	const forget = () => {
		[data, event, eventId] = [undefined, null, null];
	};
	const takeLine = (line: string) => {
		if (lost !== 'no') {
			lost = line === '' && lost === 'start' ? 'no' : 'start';
			if (lost === 'no') isFirst = false;
			return;
		}
		if (line === '') {
			if (data !== undefined) rows.add('event', contentOf(data.join('\n')), 0, { event, eventId });
			forget();
		} else {
			const [name, value] = field(line);
			if (name === 'data') data = [...(data ?? []), value];
			else if (name === 'event') event = value;
			else if (name === 'id') eventId = value.includes('\0') ? null : value;
		}
		isFirst = false;
	};
	/** The beginning of a line that does not go on. */
	const takePartly = () => {
		if (lost !== 'no' || !rest.includes(':')) return;
		const [name, value] = field(rest);
		if (name === 'data') data = [...(data ?? []), value];
		else if (name === 'event') event = null;
		else if (name === 'id') eventId = null;
	};
	eachRun(
		stream,
		(text) => {
			const lines = text.split(/\r\n|\r|\n/);
			rest = lines.pop()!;
			for (const line of lines) takeLine(line);
		},
		(missing) => {
			takePartly();
			const before = data === undefined ? '' : data.join('\n');
			rows.add('event', contentOf(before, missing), MESSAGE_FLAG_LOST, { event, eventId });
			forget();
			rest = '';
			lost = 'line';
		},
	);
	takePartly();
	if (data !== undefined) rows.add('event', contentOf(data.join('\n')), MESSAGE_FLAG_UNENDED, { event, eventId });
}

function readLines(stream: readonly number[], rows: Rows, endsProperly: boolean): void {
	let rest = '';
	let isLost = false;
	eachRun(
		stream,
		(text) => {
			const lines = text.split('\n');
			rest = lines.pop()!;
			for (const line of lines) {
				const whole = line.replace(/\r$/, '');
				if (!isLost && whole !== '') rows.add('text', contentOf(whole));
				isLost = false;
			}
		},
		(missing) => {
			rows.add('text', contentOf(isLost ? '' : rest, missing), MESSAGE_FLAG_LOST);
			rest = '';
			isLost = true;
		},
	);
	if (!isLost && rest !== '') rows.add('text', contentOf(rest), endsProperly ? 0 : MESSAGE_FLAG_UNENDED);
}

function readParts(stream: readonly number[], rows: Rows, boundary: string, endsProperly: boolean): void {
	const delimiter = `--${boundary}`;
	let state = 'outside' as 'outside' | 'head' | 'content' | 'over';
	let content = '';
	let event: string | null = null;
	let rest = '';
	/** The current line is not known from its beginning. */
	let isLost = false;
	const takeLine = (line: string) => {
		if (state === 'over') return;
		if (!isLost && state !== 'head' && line.startsWith(delimiter)) {
			if (state === 'content') rows.add('part', contentOf(content.replace(/\r?\n$/, '')), 0, { event });
			state = line.startsWith('--', delimiter.length) ? 'over' : 'head';
			[content, event] = ['', null];
		} else if (state === 'head') {
			const type = /^content-type:[ \t]*(.*?)[ \t]*\r?\n$/is.exec(line);
			if (/^\r?\n$/.test(line)) state = 'content';
			else if (type !== null) event = type[1]!;
		} else if (state === 'content') content += line;
		isLost = false;
	};
	/** The end of what is known of a line. */
	const takePartly = () => {
		if (state === 'over' || rest === '') return;
		if (!isLost && state !== 'head' && rest.startsWith(delimiter)) {
			if (state === 'content') rows.add('part', contentOf(content.replace(/\r?\n$/, '')), 0, { event });
			[content, event] = ['', null];
			state = rest.startsWith('--', delimiter.length) ? 'over' : 'outside';
		} else if (state === 'content') content += rest;
	};
	eachRun(
		stream,
		(text) => {
			const lines = text.split(/(?<=\n)/);
			rest = lines.at(-1)!.endsWith('\n') ? '' : lines.pop()!;
			for (const line of lines) takeLine(line);
		},
		(missing) => {
			takePartly();
			if (state !== 'over') {
				rows.add('part', contentOf(state === 'content' ? content : '', missing), MESSAGE_FLAG_LOST, { event });
				state = 'outside';
			}
			[content, event, rest, isLost] = ['', null, '', true];
		},
	);
	takePartly();
	if (state === 'content') rows.add('part', contentOf(content), endsProperly ? 0 : MESSAGE_FLAG_UNENDED, { event });
}
