// Parses JSON into positions in its text, so that extracted parts keep their digits and order, and names such as
// __proto__ are harmless.

export type JsonNode = { readonly start: number; readonly end: number } & (
	| { readonly kind: 'object'; readonly entries: readonly (readonly [name: string, value: JsonNode])[] }
	| { readonly kind: 'array'; readonly items: readonly JsonNode[] }
	| { readonly kind: 'string' | 'integer' | 'real' | 'true' | 'false' | 'null' }
);

const MAX_DEPTH = 500;

class JsonReader {
	readonly text: string;
	at = 0;

	constructor(text: string) {
		this.text = text;
	}

	space(): void {
		while (this.at < this.text.length) {
			const code = this.text.charCodeAt(this.at);
			if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return;
			this.at++;
		}
	}

	/** Reads a value; undefined if there is none. */
	value(depth: number): JsonNode | undefined {
		this.space();
		const start = this.at;
		switch (this.text[start]) {
			case '{':
				return depth < MAX_DEPTH ? this.#object(start, depth) : undefined;
			case '[':
				return depth < MAX_DEPTH ? this.#array(start, depth) : undefined;
			case '"':
				return this.#string() ? { kind: 'string', start, end: this.at } : undefined;
			case 't':
				return this.#word('true');
			case 'f':
				return this.#word('false');
			case 'n':
				return this.#word('null');
			default:
				return this.#number();
		}
	}

	#word(word: 'true' | 'false' | 'null'): JsonNode | undefined {
		if (!this.text.startsWith(word, this.at)) return undefined;
		const start = this.at;
		this.at += word.length;
		return { kind: word, start, end: this.at };
	}

	#number(): JsonNode | undefined {
		NUMBER.lastIndex = this.at;
		const match = NUMBER.exec(this.text);
		if (match === null) return undefined;
		const start = this.at;
		this.at += match[0].length;
		return { kind: /[.eE]/.test(match[0]) ? 'real' : 'integer', start, end: this.at };
	}

	#string(): boolean {
		for (let at = this.at + 1; at < this.text.length; at++) {
			const code = this.text.charCodeAt(at);
			if (code === 34) {
				this.at = at + 1;
				return true;
			}
			if (code < 32) return false;
			if (code === 92) {
				ESCAPE.lastIndex = at;
				const match = ESCAPE.exec(this.text);
				if (match === null) return false;
				at += match[0].length - 1;
			}
		}
		return false;
	}

	#array(start: number, depth: number): JsonNode | undefined {
		const items: JsonNode[] = [];
		this.at++;
		this.space();
		if (this.text[this.at] === ']') {
			this.at++;
			return { kind: 'array', items, start, end: this.at };
		}
		while (true) {
			const item = this.value(depth + 1);
			if (item === undefined) return undefined;
			items.push(item);
			this.space();
			const next = this.text[this.at++];
			if (next === ']') return { kind: 'array', items, start, end: this.at };
			if (next !== ',') return undefined;
		}
	}

	#object(start: number, depth: number): JsonNode | undefined {
		const entries: (readonly [string, JsonNode])[] = [];
		this.at++;
		this.space();
		if (this.text[this.at] === '}') {
			this.at++;
			return { kind: 'object', entries, start, end: this.at };
		}
		while (true) {
			this.space();
			const nameStart = this.at;
			if (this.text[nameStart] !== '"' || !this.#string()) return undefined;
			const name = stringValue(this.text.slice(nameStart, this.at));
			this.space();
			if (this.text[this.at++] !== ':') return undefined;
			const value = this.value(depth + 1);
			if (value === undefined) return undefined;
			entries.push([name, value]);
			this.space();
			const next = this.text[this.at++];
			if (next === '}') return { kind: 'object', entries, start, end: this.at };
			if (next !== ',') return undefined;
		}
	}
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** Parses a text; undefined if it is not JSON. */
export function parseJson(text: string): JsonNode | undefined {
	const reader = new JsonReader(text);
	const node = reader.value(0);
	reader.space();
	return node !== undefined && reader.at === text.length ? node : undefined;
}

/** The value of a JSON string, given its text with quotes. */
export function stringValue(raw: string): string {
	return raw.includes('\\') ? (JSON.parse(raw) as string) : raw.slice(1, -1);
}

/** The text of a node without white space between its parts. */
export function minified(text: string, node: JsonNode): string {
	if (node.kind === 'array') return `[${node.items.map((item) => minified(text, item)).join(',')}]`;
	if (node.kind !== 'object') return text.slice(node.start, node.end);
	return `{${node.entries.map(([name, value]) => `${rawName(text, name, value)}:${minified(text, value)}`).join(',')}}`;
}

/** The name before a value, as written. */
export function rawName(text: string, name: string, value: JsonNode): string {
	let end = value.start - 1;
	while (text[end] !== ':') end--;
	do end--;
	while (text[end] !== '"');
	let start = end - 1;
	// A quote after an odd number of backslashes is part of the name.
	while (text[start] !== '"' || backslashesBefore(text, start) % 2 === 1) start--;
	return end > start ? text.slice(start, end + 1) : JSON.stringify(name);
}

function backslashesBefore(text: string, at: number): number {
	let count = 0;
	while (text[at - 1 - count] === '\\') count++;
	return count;
}

type Step = string | { readonly index: number; readonly fromEnd: boolean };

const PATH_STEP = /\.("(?:[^"\\]|\\.)*"|[^.["][^.[]*)|\[(#-)?(\d+)\]|\[(#)\]/y;

/** Parses a path such as `$.name[0]."odd name"[#-1]`; undefined if it is not a path. */
export function parsePath(path: string): Step[] | undefined {
	if (path[0] !== '$') return undefined;
	const steps: Step[] = [];
	let at = 1;
	while (at < path.length) {
		PATH_STEP.lastIndex = at;
		const match = PATH_STEP.exec(path);
		if (match === null) return undefined;
		at += match[0].length;
		const [, name, fromEnd, index] = match;
		if (name !== undefined) steps.push(name.startsWith('"') ? name.slice(1, -1) : name);
		else if (index !== undefined) steps.push({ index: Number(index), fromEnd: fromEnd !== undefined });
		// `[#]` is the position after the last item, so it never finds anything.
		else steps.push({ index: 0, fromEnd: true });
	}
	return steps;
}

export function follow(node: JsonNode, steps: readonly Step[]): JsonNode | undefined {
	let at: JsonNode | undefined = node;
	for (const step of steps) {
		if (typeof step === 'string') {
			at = at?.kind === 'object' ? at.entries.find(([name]) => name === step)?.[1] : undefined;
		} else {
			at = at?.kind === 'array' ? at.items[step.fromEnd ? at.items.length - step.index : step.index] : undefined;
		}
		if (at === undefined) return undefined;
	}
	return at;
}
