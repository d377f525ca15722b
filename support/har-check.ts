// HTTP Archive 1.2 as a schema: which members an object must have and may have, and their types. Members that begin
// with `_` are the writer's own.

/** Returns the problems of a value, each with its path. */
type Rule = (value: unknown, at: string) => string[];

const text: Rule = (value, at) => (typeof value === 'string' ? [] : [`${at}: expected a text, got ${shown(value)}`]);
const boolean: Rule = (value, at) =>
	typeof value === 'boolean' ? [] : [`${at}: expected true or false, got ${shown(value)}`];
const matches =
	(pattern: RegExp, what: string): Rule =>
	(value, at) =>
		typeof value === 'string' && pattern.test(value) ? [] : [`${at}: expected ${what}, got ${shown(value)}`];
const whole =
	(least: number): Rule =>
	(value, at) =>
		Number.isSafeInteger(value) && Number(value) >= least
			? []
			: [`${at}: expected a whole number from ${least} on, got ${shown(value)}`];
/** A time; with `least` -1 it may be unknown. */
const milliseconds =
	(least: 0 | -1): Rule =>
	(value, at) =>
		typeof value === 'number' && (value >= 0 || value === least)
			? []
			: [`${at}: expected milliseconds, got ${shown(value)}`];
const list =
	(member: Rule): Rule =>
	(value, at) =>
		Array.isArray(value)
			? value.flatMap((each, index) => member(each, `${at}[${index}]`))
			: [`${at}: expected a list, got ${shown(value)}`];
const object =
	(required: Readonly<Record<string, Rule>>, optional: Readonly<Record<string, Rule>> = {}): Rule =>
	(value, at) => {
		if (typeof value !== 'object' || value === null || Array.isArray(value))
			return [`${at}: expected an object, got ${shown(value)}`];
		const members = new Map<string, unknown>(Object.entries(value));
		const rules = new Map([...Object.entries(required), ...Object.entries(optional), ['comment', text] as const]);
		return [
			...Object.keys(required)
				.filter((name) => !members.has(name))
				.map((name) => `${at}: has no ${name}`),
			...[...members].flatMap(([name, member]) => {
				const rule = rules.get(name);
				if (rule !== undefined) return rule(member, `${at}.${name}`);
				return name.startsWith('_') ? [] : [`${at}: ${name} is not in HAR 1.2`];
			}),
		];
	};

function shown(value: unknown): string {
	return JSON.stringify(value)?.slice(0, 80) ?? 'nothing';
}

/** ISO 8601 with a time zone. */
const dateTime = matches(
	/^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/,
	'a date and time',
);
/** RFC 3986: a scheme, an authority, and only characters of a URI. */
const absoluteUrl = matches(
	/^[a-z][a-z0-9+.-]*:\/\/[^/?#]+(?:[/?](?:[A-Za-z0-9\-._~:/?@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)?$/i,
	'an absolute URL without a fragment',
);
const address = matches(/^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:.]+(?:%\S+)?)$/, 'an IP address');
const pair = object({ name: text, value: text });
const cookie = object(
	{ name: text, value: text },
	// sameSite is an addition by browsers.
	{ path: text, domain: text, expires: dateTime, httpOnly: boolean, secure: boolean, sameSite: text },
);
const postData = object(
	{ mimeType: text, text },
	{ params: list(object({ name: text }, { value: text, fileName: text, contentType: text })) },
);
const message = {
	httpVersion: matches(/^(?:HTTP\/\d\.\d)?$/, 'an HTTP version'),
	cookies: list(cookie),
	headers: list(pair),
	headersSize: whole(-1),
	bodySize: whole(-1),
};
const creator = object({ name: text, version: text });
const entry = object(
	{
		startedDateTime: dateTime,
		time: milliseconds(0),
		request: object({ ...message, method: text, url: absoluteUrl, queryString: list(pair) }, { postData }),
		response: object({
			...message,
			status: whole(0),
			statusText: text,
			content: object({ size: whole(0), mimeType: text }, { compression: whole(0), text, encoding: text }),
			redirectURL: text,
		}),
		cache: object({}),
		timings: object(
			{ send: milliseconds(0), wait: milliseconds(0), receive: milliseconds(0) },
			{ blocked: milliseconds(-1), dns: milliseconds(-1), connect: milliseconds(-1), ssl: milliseconds(-1) },
		),
	},
	{ pageref: text, serverIPAddress: address, connection: text },
);
const archive = object({
	log: object({ version: matches(/^1\.2$/, '1.2'), creator, entries: list(entry) }, { browser: creator }),
});

type Timed = { time: number; timings: Readonly<Record<string, number>> };

/** The problems of a HAR; empty if there are none. */
export function harProblems(har: unknown): string[] {
	const problems = archive(har, 'har');
	if (problems.length > 0) return problems;
	// The known parts of the time must add up to it.
	return (har as { log: { entries: Timed[] } }).log.entries.flatMap(({ time, timings }, index) => {
		const sum = Object.values(timings).reduce((total, part) => total + Math.max(0, part), 0);
		return Math.abs(sum - time) < 1e-6 ? [] : [`har.log.entries[${index}]: the timings add up to ${sum}, not ${time}`];
	});
}
