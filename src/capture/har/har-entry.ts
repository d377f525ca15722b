// What an entry of a HAR file says, checked: any member may be missing or have the wrong type.

/** A body as far as the entry holds it. */
export type HarBody = {
	/** After content decoding; undefined if the entry does not hold it. */
	readonly bytes: Buffer | undefined;
	/** Its size if it is not held. */
	readonly size: number;
};

export type HarMessage = {
	readonly version: string;
	readonly headers: readonly (readonly [name: string, value: string])[];
	readonly body: HarBody;
};

export type HarEntry = {
	/** Milliseconds since 1970; NaN if unknown. */
	readonly startMs: number;
	readonly sendMs: number;
	readonly waitMs: number;
	readonly receiveMs: number;
	readonly method: string;
	readonly url: string;
	readonly request: HarMessage;
	/** Status 0: there was no response. */
	readonly status: number;
	readonly statusText: string;
	readonly response: HarMessage;
	/** The server's address without port; '' if unknown. */
	readonly serverIp: string;
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
	const timings = object(entry.timings);
	const before = ['blocked', 'dns', 'connect'].reduce((sum, name) => sum + duration(timings[name]), 0);
	const vias = text(entry._via);
	return {
		// The request is sent when the connection is there.
		startMs: possible(instantMs(text(entry.startedDateTime))) + before,
		sendMs: duration(timings.send),
		waitMs: duration(timings.wait),
		receiveMs: duration(timings.receive),
		method: text(request.method) || 'GET',
		url: text(request.url),
		request: { version: text(request.httpVersion), headers: headers(request.headers), body: requestBody(request) },
		status: integer(response.status, 999),
		statusText: text(response.statusText),
		response: { version: text(response.httpVersion), headers: headers(response.headers), body: responseBody(response) },
		serverIp: text(entry.serverIPAddress).replace(/^\[|\]$/g, ''),
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

function requestBody(request: Readonly<Record<string, unknown>>): HarBody {
	const data = object(request.postData);
	const size = byteCount(request.bodySize);
	if (typeof data.text === 'string' && (data.text !== '' || size === 0)) {
		const isBase64 = data._encoding === 'base64' || data.encoding === 'base64';
		return { bytes: Buffer.from(data.text, isBase64 ? 'base64' : 'utf8'), size };
	}
	const params = Array.isArray(data.params) ? data.params.map(object) : [];
	const isForm = /^application\/x-www-form-urlencoded/i.test(text(data.mimeType));
	if (params.length === 0 || !isForm) return { bytes: size === 0 ? Buffer.alloc(0) : undefined, size };
	const form = new URLSearchParams(params.map(({ name, value }): [string, string] => [text(name), text(value)]));
	return { bytes: Buffer.from(form.toString()), size };
}

function responseBody(response: Readonly<Record<string, unknown>>): HarBody {
	const content = object(response.content);
	const size = Math.max(byteCount(content.size), byteCount(response.bodySize));
	// Browsers leave out the text of what they do not keep, or write an empty one.
	if (typeof content.text !== 'string' || (content.text === '' && size > 0))
		return { bytes: size === 0 ? Buffer.alloc(0) : undefined, size };
	return { bytes: Buffer.from(content.text, content.encoding === 'base64' ? 'base64' : 'utf8'), size };
}

function headers(value: unknown): [string, string][] {
	if (!Array.isArray(value)) return [];
	return value.map(object).map(({ name, value: text_ }) => [text(name), text(text_)]);
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

function byteCount(value: unknown): number {
	const bytes = Math.round(positive(value));
	return bytes > SIZE_MAX ? 0 : bytes;
}

/** NaN for times that nanoseconds in 64 bits cannot count. */
function possible(ms: number): number {
	return ms >= 0 && ms < 9e12 ? ms : Number.NaN;
}

/** Longer phases are not believed: 30 days. */
const DURATION_MAX_MS = 30 * 86_400_000;

function duration(value: unknown): number {
	const ms = positive(value);
	return ms > DURATION_MAX_MS ? 0 : ms;
}

/** A number of milliseconds or bytes; -1 means unknown. */
function positive(value: unknown): number {
	return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0;
}

function integer(value: unknown, max: number): number {
	return Number.isInteger(value) && (value as number) > 0 && (value as number) <= max ? (value as number) : 0;
}
