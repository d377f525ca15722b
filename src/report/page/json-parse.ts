// Parses a JSON text into a tree. Numbers keep their digits, keys their order and repeats, and no captured key becomes a
// property of an object.

export type JsonNode = {
	/** Null in lists and at the top. */
	readonly key: string | null;
	readonly kind: 'object' | 'list' | 'string' | 'number' | 'word';
	/** Of a scalar: a string's text, or the literal as written. */
	text: string;
	readonly members: JsonNode[];
	/** The text ends inside it. */
	cut: boolean;
};

/** More would not be looked at, and take memory. */
const MOST_NODES = 100_000;
const DEEPEST = 200;
const BLANKS = /[ \t\r\n]*/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SCALAR = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w.+-])|true\b|false\b|null\b/y;

/** Parses a text; undefined if it is not JSON or too large. `isCut`: the text may end early. */
export function parseJsonTree(text: string, isCut: boolean): JsonNode | undefined {
	const open: JsonNode[] = [];
	let root: JsonNode | undefined;
	let at = 0;
	let nodes = 0;
	const match = (pattern: RegExp): string | undefined => {
		pattern.lastIndex = at;
		const found = pattern.exec(text)?.[0];
		if (found !== undefined) at += found.length;
		return found;
	};
	const blanks = () => void match(BLANKS);
	/** The end of a text that was cut. */
	const ended = (): JsonNode | undefined => {
		if (!isCut || root === undefined) return undefined;
		for (const node of open) node.cut = true;
		return root;
	};
	blanks();
	for (;;) {
		const parent = open.at(-1);
		let key: string | null = null;
		if (parent?.kind === 'object') {
			const name = match(STRING);
			if (name === undefined) return isRest(text, at) ? ended() : undefined;
			key = JSON.parse(name) as string;
			blanks();
			if (at >= text.length) return ended();
			if (text[at++] !== ':') return undefined;
			blanks();
		}
		const node = readNode(key);
		if (node === undefined) return isRest(text, at) ? ended() : undefined;
		if (++nodes > MOST_NODES || open.length > DEEPEST) return undefined;
		if (parent === undefined) root = node;
		else parent.members.push(node);
		if (node.kind === 'object' || node.kind === 'list') {
			open.push(node);
			blanks();
			if (text[at] !== (node.kind === 'object' ? '}' : ']')) {
				if (at >= text.length) return ended();
				continue;
			}
		}
		// After a value: end what ends here, until a comma follows.
		for (;;) {
			const inner = open.at(-1);
			blanks();
			if (inner === undefined) return at === text.length ? root : undefined;
			if (at >= text.length) return ended();
			const next = text[at++];
			if (next === ',') break;
			if (next !== (inner.kind === 'object' ? '}' : ']')) return undefined;
			open.pop();
		}
		blanks();
		if (at >= text.length) return ended();
	}

	function readNode(key: string | null): JsonNode | undefined {
		const made = (kind: JsonNode['kind'], value: string): JsonNode => ({
			key,
			kind,
			text: value,
			members: [],
			cut: false,
		});
		if (text[at] === '{' || text[at] === '[') return made(text[at++] === '{' ? 'object' : 'list', '');
		if (text[at] === '"') {
			const literal = match(STRING);
			return literal === undefined ? undefined : made('string', JSON.parse(literal) as string);
		}
		const scalar = match(SCALAR);
		return scalar === undefined ? undefined : made(/^[tfn]/.test(scalar) ? 'word' : 'number', scalar);
	}
}

/** Whether what is left may be the beginning of a token that was cut: a string without its end, a number, a word. */
function isRest(text: string, at: number): boolean {
	return at >= text.length || /^(?:"(?:[^"\\]|\\.)*\\?|-?[\d.eE+-]*|[a-z]+)$/s.test(text.slice(at));
}
