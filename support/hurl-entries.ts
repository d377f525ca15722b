// Reads files of hurl (hurl.dev) strictly, as its grammar describes them; only the parts that tinytap writes.

export type HurlEntry = {
	readonly method: string;
	readonly url: string;
	readonly fields: readonly (readonly [name: string, value: string])[];
	readonly options: Readonly<Record<string, string>>;
	readonly body: Buffer | undefined;
	readonly status: number | undefined;
	/** The comments directly above the entry. */
	readonly comments: readonly string[];
};

const URL_CHARACTERS = /^https?:\/\/[\p{L}\p{N}:/.\-?=&_%*,@~+!$'();[\]]+$/u;
const KEY = /^((?:[\p{L}\p{N}_.@$\]-]|\\u\{[0-9a-f]+\})(?:[\p{L}\p{N}_.@$[\]-]|\\u\{[0-9a-f]+\})*): ?(.*)$/u;

/** Throws if the text is not valid. */
export function readHurl(text: string): HurlEntry[] {
	const lines = text.split('\n');
	const entries: HurlEntry[] = [];
	let at = 0;
	let comments: string[] = [];
	const skip = () => {
		for (; at < lines.length && /^(?:#.*)?$/.test(lines[at]!); at++)
			comments = lines[at] === '' ? [] : [...comments, lines[at]!.slice(1).trim()];
	};
	for (skip(); at < lines.length; skip()) {
		const [, method, url] = /^([A-Z]+) (\S+)$/.exec(lines[at]!) ?? [];
		if (method === undefined || method === 'HTTP' || !URL_CHARACTERS.test(url!))
			throw new Error(`line ${at + 1}: expected a request, got ${JSON.stringify(lines[at])}`);
		at++;
		const fields: [string, string][] = [];
		const options: Record<string, string> = {};
		let place: 'fields' | 'options' = 'fields';
		let body: Buffer | undefined;
		let status: number | undefined;
		for (; at < lines.length && lines[at] !== ''; at++) {
			const line = lines[at]!;
			if (line.startsWith('`')) {
				if (line.length < 2 || !line.endsWith('`')) throw new Error(`line ${at + 1}: the string does not end`);
				body = Buffer.from(unescaped(line.slice(1, -1), '`#', at));
			} else if (line.startsWith('base64,')) {
				const [, digits] = /^base64,([A-Za-z0-9+/]+=*);$/.exec(line) ?? [];
				if (digits === undefined) throw new Error(`line ${at + 1}: expected base64`);
				body = Buffer.from(digits, 'base64');
			} else if (line === '[Options]') place = 'options';
			else if (/^HTTP \d+$/.test(line)) {
				status = Number(line.slice(5));
				at++;
				break;
			} else {
				const [, key, value] = KEY.exec(line) ?? [];
				if (key === undefined || body !== undefined)
					throw new Error(`line ${at + 1}: expected a field, got ${JSON.stringify(line)}`);
				const pair: [string, string] = [unescaped(key, '', at), unescaped(value!, '#', at)];
				if (place === 'fields') fields.push(pair);
				else options[pair[0]] = pair[1];
			}
		}
		entries.push({ method, url: url!, fields, options, body, status, comments });
		comments = [];
	}
	return entries;
}

function unescaped(text: string, ends: string, at: number): string {
	const plain = text.replace(/\\(?:u\{([0-9a-f]{1,6})\}|(\\))/g, '');
	if (/\\|\{\{|[\p{Cc}\p{Zl}\p{Zp}]/u.test(plain) || [...ends].some((end) => plain.includes(end)))
		throw new Error(`line ${at + 1}: ${JSON.stringify(text)} has characters that must be escaped`);
	return text.replace(/\\(?:u\{([0-9a-f]{1,6})\}|(\\))/g, (_, hex: string | undefined) =>
		hex === undefined ? '\\' : String.fromCodePoint(Number.parseInt(hex, 16)),
	);
}
