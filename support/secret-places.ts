// An exchange for each place where a secret can be, for tests that look for it in whatever leaves tinytap.

/** A secret, in characters that encodings change. */
export const CANARY = 'c4n4ry-S3cr3t/7+x=Zq';
const OTHER_LENGTH = 'Content-Length: ';

export function urlForm(text: string): string {
	return encodeURIComponent(text);
}

/** Every form in which the canary must not be found, at each of the three positions within base64. */
export function canaryForms(): string[] {
	const cores = [0, 1, 2].flatMap((before) => {
		const text = Buffer.concat([Buffer.alloc(before, 'a'), Buffer.from(CANARY)]).toString('base64');
		const core = text.slice(Math.ceil((before * 4) / 3), Math.floor(((before + CANARY.length) * 4) / 3));
		return [core, core.replaceAll('+', '-').replaceAll('/', '_')];
	});
	return [CANARY, urlForm(CANARY), urlForm(CANARY).toLowerCase(), 'c4n4ry-S3cr3t', ...cores];
}

function message(start: string, fields: readonly string[], body: string): string {
	const framing = body === '' ? [] : [`${OTHER_LENGTH}${body.length}`];
	return [start, 'Host: shop', 'X-Kept: kept value', ...fields, ...framing, '', body].join('\r\n');
}

export function request(target: string, fields: readonly string[] = [], body = '', method = 'POST'): string {
	return message(`${method} ${target} HTTP/1.1`, fields, body);
}

export function response(fields: readonly string[] = [], body = 'ok'): string {
	return message('HTTP/1.1 200 OK', fields, body);
}

export function chunked(body: string, size: number): string {
	let text = '';
	for (let at = 0; at < body.length; at += size) {
		const part = body.slice(at, at + size);
		text += `${part.length.toString(16)};ext=1\r\n${part}\r\n`;
	}
	return `${text}0\r\nX-Trailer-Token: ${CANARY}\r\n\r\n`;
}

/** Where the canary is, and what has to be left of the exchange around it in a recording. */
export const PLACES: readonly {
	readonly name: string;
	readonly request: string;
	readonly response?: string;
	readonly kept: readonly (string | RegExp)[];
}[] = [
	{
		name: 'Authorization: Bearer',
		request: request('/a', [`Authorization: Bearer ${CANARY}`]),
		kept: [/\r\nAuthorization: Bearer REDACTED-[0-9a-f]{8}-{3}\r\n/],
	},
	{
		name: 'Authorization: Basic, in base64',
		request: request('/a', [`Authorization: Basic ${Buffer.from(`user:${CANARY}`).toString('base64')}`]),
		kept: [/\r\nAuthorization: Basic REDACTED-[0-9a-f]{8}-+\r\n/],
	},
	{
		name: 'another header, and the path, where nothing marks it',
		request: request(`/a/${urlForm(CANARY)}/b`, [`X-Api-Key: ${CANARY}`, `X-Note: seen ${CANARY} here`]),
		kept: [/^POST \/a\/REDACTED-[0-9a-f]{8}-+\/b HTTP/, /X-Note: seen REDACTED-[0-9a-f]{8}--- here\r\n/],
	},
	{
		name: 'a cookie, and its copy in base64 in another field',
		request: request('/a', [
			`Cookie: theme=x; sid=${CANARY}; z=1`,
			`X-State: ${Buffer.from(`{"a":1,"s":"${CANARY}"}`).toString('base64')}`,
		]),
		kept: ['\r\nCookie: theme=', /; sid=REDACTED-[0-9a-f]{8}---; z=/, '\r\nX-State: eyJ'],
	},
	{
		name: 'the query',
		request: request(`/a?page=2&token=${urlForm(CANARY)}&sort=up`),
		kept: ['POST /a?page=2&token=', '&sort=up HTTP/1.1\r\n'],
	},
	{
		name: 'a URL within the query',
		request: request(`/a?next=${urlForm(`https://x/?access_token=${CANARY}&a=1`)}&sort=up`),
		kept: ['POST /a?next=', '&sort=up HTTP/1.1\r\n'],
	},
	{
		name: 'a form',
		request: request(
			'/a',
			['Content-Type: application/x-www-form-urlencoded'],
			`user=bob&password=${urlForm(CANARY)}&a=1`,
		),
		kept: ['\r\n\r\nuser=bob&password=', '&a=1'],
	},
	{
		name: 'a form in chunks, and a trailer',
		request: `${request('/a', ['Content-Type: application/x-www-form-urlencoded', 'Transfer-Encoding: chunked'])}${chunked(
			`user=bob&password=${urlForm(CANARY)}&a=1`,
			7,
		)}`,
		kept: [
			'7;ext=1\r\nuser=bo\r\n7;ext=1\r\nb&passw\r\n',
			/\r\n0\r\nX-Trailer-Token: REDACTED-[0-9a-f]{8}---\r\n\r\n$/,
		],
	},
	{
		name: 'a multipart form',
		request: request(
			'/a',
			['Content-Type: multipart/form-data; boundary=XX'],
			`--XX\r\nContent-Disposition: form-data; name="a"\r\n\r\nkept\r\n--XX\r\nContent-Disposition: form-data; name="password"\r\n\r\n${CANARY}\r\n--XX\r\nContent-Disposition: form-data; name="f"; filename="f.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n\x1a\n\0\0\n${CANARY}\r\n--XX--\r\n`,
		),
		kept: ['name="a"\r\n\r\nkept\r\n--XX\r\n', '\x89PNG\r\n\x1a\n\0\0\n', '\r\n--XX--\r\n'],
	},
	{
		name: 'JSON, also in numbers, nested and escaped',
		request: request(
			'/a',
			['Content-Type: application/json'],
			JSON.stringify({
				a: 'kept',
				password: CANARY,
				credentials: { list: [CANARY, 123456, { x: CANARY }], n: null },
				url: `https://u:${urlForm(CANARY)}@x/?a=1`,
				b: [1, 2.5, 'kept too'],
			}).replaceAll('/', '\\/'),
		),
		kept: ['{"a":"kept","password":"REDACTED-', '"n":null', '"b":[1,2.5,"kept too"]}'],
	},
	{
		name: 'JSON in a response in chunks',
		request: request('/a'),
		response: `${response(['Content-Type: application/json', 'Transfer-Encoding: chunked'], '')}${chunked(
			JSON.stringify({ a: 'kept', access_token: CANARY, b: 'kept too' }),
			5,
		)}`,
		kept: ['5;ext=1\r\n{"a":\r\n'],
	},
	{
		name: 'Set-Cookie, and its copy in a text',
		request: request('/a'),
		response: response(
			[`Set-Cookie: sid=${CANARY}; Path=/; HttpOnly`],
			`your id is ${CANARY}, and ${urlForm(CANARY)}\n`,
		),
		kept: [
			/Set-Cookie: sid=REDACTED-[0-9a-f]{8}---; Path=\/; HttpOnly\r\n/,
			'\r\n\r\nyour id is REDACTED-',
			', and REDACTED-',
		],
	},
	{
		name: 'the answer, where only the request marks it',
		request: request(`/a?code=${urlForm(CANARY)}`),
		response: response(['Content-Type: image/png'], `\x89PNG\r\n\x1a\n${CANARY}\0kept`),
		kept: ['\x89PNG\r\n\x1a\n', '\0kept'],
	},
	{
		name: 'an event stream',
		request: request('/a'),
		response: `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {"a":"kept","token":"${CANARY}"}\n\ndata: plain\n\n: token=${CANARY}\n\n`,
		kept: ['\r\n\r\ndata: {"a":"kept","token":"REDACTED-', 'data: plain\n\n: token=REDACTED-'],
	},
	{
		name: 'a Location, and a page that ends with the connection',
		request: request('/a', [], '', 'GET'),
		response: `HTTP/1.1 302 Found\r\nLocation: https://x/cb#access_token=${urlForm(CANARY)}&a=1\r\n\r\n<a href="https://x/cb?token=${CANARY}">kept</a>`,
		kept: [
			'Location: https://x/cb#access_token=REDACTED-',
			'&a=1\r\n',
			'<a href="https://x/cb?token=REDACTED-',
			'">kept</a>',
		],
	},
	{
		name: 'UTF-16',
		request: request(
			'/a',
			['Content-Type: application/json; charset=utf-16le'],
			Buffer.from(JSON.stringify({ password: CANARY }), 'utf16le').toString('latin1'),
		),
		kept: [/\r\n\r\n\*+$/],
	},
];
