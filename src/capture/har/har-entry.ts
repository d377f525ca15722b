// What an entry of a HAR file says, checked: any member may be missing or have the wrong type.
import { encodeText } from './encode-text.ts';
import { readSocketMessages, type SocketMessage } from './har-frames.ts';

/** A body as far as the entry holds it. */
export type HarBody = {
	/** After content decoding; undefined if the entry does not hold it. */
	readonly bytes: Buffer | undefined;
	/** Its size if it is not held; undefined if the entry does not tell. */
	readonly size: number | undefined;
};

export type HarMessage = {
	/** As the entry has it; '' if it does not tell. */
	readonly version: string;
	readonly headers: readonly (readonly [name: string, value: string])[];
	readonly body: HarBody;
};

export type HarEntry = {
	/** When the first and last byte of the request were sent, and those of the response came: milliseconds since 1970; NaN if unknown. */
	readonly requestMs: readonly [first: number, last: number];
	readonly responseMs: readonly [first: number, last: number];
	readonly method: string;
	readonly url: string;
	readonly request: HarMessage;
	/** Whether the entry tells about a response at all; k6 writes entries that do not. */
	readonly hasResponse: boolean;
	/** Status 0: there was no response. */
	readonly status: number;
	readonly statusText: string;
	readonly response: HarMessage;
	/** The server's address without port; '' if unknown. */
	readonly serverIp: string;
	/** Messages of a WebSocket, and how many more there are that cannot be read. */
	readonly socketMessages: readonly SocketMessage[];
	readonly unreadSocketMessages: number;
	/** Members that tinytap's own exports have. */
	readonly own: {
		readonly target: string | undefined;
		readonly isServer: boolean;
		readonly pid: number;
		readonly comm: string;
		readonly local: string;
		readonly remote: string;
		readonly vias: readonly string[];
	};
};

/** Undefined if the value is no object with a request. */
export function readEntry(value: unknown): HarEntry | undefined {
	const entry = object(value);
	if (entry.request === undefined) return undefined;
	const request = object(entry.request);
	const response = object(entry.response);
	const vias = text(entry._via);
	const status = integer(response.status, 999);
	const socket = readSocketMessages(entry._webSocketMessages);
	const isUpgraded = status === 101;
	return {
		...times(entry),
		method: text(request.method) || 'GET',
		url: text(request.url),
		request: { version: text(request.httpVersion), headers: headers(request.headers), body: requestBody(request) },
		hasResponse: typeof entry.response === 'object' && entry.response !== null,
		status,
		statusText: text(response.statusText),
		response: { version: text(response.httpVersion), headers: headers(response.headers), body: responseBody(response) },
		serverIp: text(entry.serverIPAddress).replace(/^\[|\]$/g, ''),
		socketMessages: isUpgraded ? socket.messages : [],
		unreadSocketMessages: socket.unread + (isUpgraded ? 0 : socket.messages.length),
		own: {
			target: typeof entry._target === 'string' ? entry._target : undefined,
			isServer: entry._side === 'server',
			pid: integer(entry._pid, 0xffffffff),
			comm: text(entry._comm),
			local: text(entry._local),
			remote: text(entry._remote),
			vias: vias === '' ? [] : vias.split('+'),
		},
	};
}

/** Phases that an entry does not tell, or gives as -1, are unknown: so are the instants that follow from them. */
function times(entry: Readonly<Record<string, unknown>>): Pick<HarEntry, 'requestMs' | 'responseMs'> {
	const timings = object(entry.timings);
	const startedMs = possible(instantMs(text(entry.startedDateTime)));
	const before = ['blocked', 'dns', 'connect'].map((name) => duration(timings[name])).filter((ms) => ms >= 0);
	// The request is sent when the connection is there.
	const first = startedMs + before.reduce((sum, ms) => sum + ms, 0);
	const wait = duration(timings.wait);
	const receive = duration(timings.receive);
	const send = duration(timings.send);
	// With the phases after it, sending took no time that was measured.
	const last = first + (Number.isNaN(send) && wait >= 0 ? 0 : send);
	const responseFirst = last + wait;
	const end = responseFirst + receive;
	const total = startedMs + duration(entry.time);
	return {
		requestMs: [first, last],
		responseMs: [responseFirst, Number.isNaN(end) && !(total < first) ? total : end],
	};
}

function requestBody(request: Readonly<Record<string, unknown>>): HarBody {
	const data = object(request.postData);
	const size = byteCount(request.bodySize);
	if (typeof data.text === 'string' && (data.text !== '' || size === 0)) {
		const isBase64 = data._encoding === 'base64' || data.encoding === 'base64';
		const type = field(request, 'content-type') || text(data.mimeType);
		return { bytes: isBase64 ? Buffer.from(data.text, 'base64') : encodeText(data.text, type), size };
	}
	const params = Array.isArray(data.params) ? data.params.map(object) : [];
	const isForm = /^application\/x-www-form-urlencoded/i.test(text(data.mimeType));
	if (params.length === 0 || !isForm)
		return unheld(size ?? declaredBytes(request, true) ?? (data.text === undefined ? 0 : undefined));
	const form = new URLSearchParams(params.map(({ name, value }): [string, string] => [text(name), text(value)]));
	return { bytes: Buffer.from(form.toString()), size };
}

function responseBody(response: Readonly<Record<string, unknown>>): HarBody {
	const content = object(response.content);
	const sizes = [byteCount(content.size), byteCount(response.bodySize)].filter((size) => size !== undefined);
	const size = sizes.length === 0 ? undefined : Math.max(...sizes);
	// Browsers leave out the text of what they do not keep, or write an empty one.
	if (typeof content.text !== 'string' || (content.text === '' && (size ?? 0) > 0))
		return unheld(size ?? declaredBytes(response, false));
	if (content.encoding === 'base64') return { bytes: Buffer.from(content.text, 'base64'), size };
	return { bytes: encodeText(content.text, field(response, 'content-type') || text(content.mimeType)), size };
}

function unheld(size: number | undefined): HarBody {
	return { bytes: size === 0 ? Buffer.alloc(0) : undefined, size };
}

/** The size that Content-Length gives; undefined without one. A request without Content-Length has no body. */
function declaredBytes(message: Readonly<Record<string, unknown>>, isRequest: boolean): number | undefined {
	const length = field(message, 'content-length').trim();
	if (/^\d{1,13}$/.test(length)) return byteCount(Number(length));
	return isRequest && field(message, 'transfer-encoding') === '' ? 0 : undefined;
}

function field(message: Readonly<Record<string, unknown>>, wanted: string): string {
	return headers(message.headers).find(([name]) => name.toLowerCase() === wanted)?.[1] ?? '';
}

function headers(value: unknown): [string, string][] {
	if (!Array.isArray(value)) return [];
	return value.map(object).flatMap(({ name, value: text_ }): [string, string][] => {
		// Chrome joins repeated fields by line feeds.
		const lines = /^set-cookie$/i.test(text(name)) ? text(text_).split('\n') : [text(text_)];
		return lines.map((line) => [text(name), line]);
	});
}

function object(value: unknown): Readonly<Record<string, unknown>> {
	return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function text(value: unknown): string {
	return typeof value === 'string' ? value : '';
}

/** Milliseconds since 1970 of an ISO 8601 time; NaN if it is none. Date keeps only whole ones. */
function instantMs(time: string): number {
	const finer = /\.\d{3}(\d+)/.exec(time)?.[1];
	return Date.parse(time) + (finer === undefined ? 0 : Number(`0.${finer}`));
}

/** Larger bodies are not believed. */
const SIZE_MAX = 2 ** 40;

/** Undefined if unknown (-1). */
function byteCount(value: unknown): number | undefined {
	const bytes = Math.round(notNegative(value));
	return bytes <= SIZE_MAX ? bytes : undefined;
}

/** NaN for times that nanoseconds in 64 bits cannot count. */
function possible(ms: number): number {
	return ms >= 0 && ms < 9e12 ? ms : Number.NaN;
}

/** Longer phases are not believed: 30 days. */
const DURATION_MAX_MS = 30 * 86_400_000;

/** NaN if unknown. */
function duration(value: unknown): number {
	const ms = notNegative(value);
	return ms <= DURATION_MAX_MS ? ms : Number.NaN;
}

/** A number of milliseconds or bytes; NaN if unknown (-1). */
function notNegative(value: unknown): number {
	return typeof value === 'number' && value >= 0 ? value : Number.NaN;
}

function integer(value: unknown, max: number): number {
	return Number.isInteger(value) && (value as number) > 0 && (value as number) <= max ? (value as number) : 0;
}
