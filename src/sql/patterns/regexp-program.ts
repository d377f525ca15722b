// Parses a regular expression into the program that regexp.ts and regexp-find.ts run.
import { SqlError } from '../limits/sql-error.ts';

export type Instruction =
	| { readonly op: 'characters'; readonly accepts: (point: number) => boolean }
	| { readonly op: 'split'; readonly first: number; readonly second: number }
	| { readonly op: 'jump'; readonly to: number }
	| { readonly op: 'begin' | 'end' | 'match' }
	/** Notes the current position: where a group begins (2, 4 …) or ends (3, 5 …). */
	| { readonly op: 'save'; readonly slot: number }
	| { readonly op: 'boundary'; readonly wanted: boolean };

type Node =
	| { readonly kind: 'characters'; readonly accepts: (point: number) => boolean }
	| { readonly kind: 'begin' | 'end' }
	| { readonly kind: 'boundary'; readonly wanted: boolean }
	| { readonly kind: 'sequence' | 'choice'; readonly nodes: readonly Node[] }
	| { readonly kind: 'group'; readonly node: Node; readonly number: number }
	| {
			readonly kind: 'repeat';
			readonly node: Node;
			readonly min: number;
			readonly max: number;
			readonly lazy: boolean;
	  };

const MAX_PROGRAM = 5_000;
const MAX_DEPTH = 100;

type Accepts = (point: number) => boolean;

const DIGIT: Accepts = (point) => point >= 48 && point <= 57;
const WORD: Accepts = (point) =>
	DIGIT(point) || (point >= 65 && point <= 90) || point === 95 || (point >= 97 && point <= 122);
const SPACE: Accepts = (point) => point === 32 || (point >= 9 && point <= 13);
const NOT_NEWLINE: Accepts = (point) => point !== 10;
const CLASSES = new Map<string, Accepts>([
	['d', DIGIT],
	['D', (point) => !DIGIT(point)],
	['w', WORD],
	['W', (point) => !WORD(point)],
	['s', SPACE],
	['S', (point) => !SPACE(point)],
]);
const CONTROLS = new Map([
	['n', 10],
	['r', 13],
	['t', 9],
	['f', 12],
	['v', 11],
	['0', 0],
]);
const NAMED = new Map<string, Accepts>([
	['alpha', (p) => (p | 32) >= 97 && (p | 32) <= 122],
	['digit', DIGIT],
	['alnum', (p) => WORD(p) && p !== 95],
	['space', SPACE],
	['upper', (p) => p >= 65 && p <= 90],
	['lower', (p) => p >= 97 && p <= 122],
	['punct', (p) => p > 32 && p < 127 && (!WORD(p) || p === 95)],
	['xdigit', (p) => DIGIT(p) || ((p | 32) >= 97 && (p | 32) <= 102)],
	['word', WORD],
]);

/** The program that tells whether a text matches. */
export function parseRegexp(pattern: string): Instruction[] {
	return programOf(new RegexpReader(pattern), false);
}

/** The program that also tells where the match and its groups are. A `split` prefers its `first`. */
export function parseGroups(pattern: string, ignoreCase: boolean): { program: Instruction[]; groups: number } {
	const reader = new RegexpReader(pattern, ignoreCase);
	const program = programOf(reader, true);
	return { program, groups: reader.groups };
}

function programOf(reader: RegexpReader, withGroups: boolean): Instruction[] {
	const node = reader.choice(0);
	if (!reader.done) throw reader.error('a ) without (');
	const program: Instruction[] = [];
	emit(withGroups ? node : withoutGroups(node), program);
	add(program, { op: 'match' });
	return program;
}

function withoutGroups(node: Node): Node {
	if (node.kind === 'group') return withoutGroups(node.node);
	if (node.kind === 'repeat') return { ...node, node: withoutGroups(node.node) };
	return 'nodes' in node ? { ...node, nodes: node.nodes.map(withoutGroups) } : node;
}

class RegexpReader {
	readonly #points: readonly string[];
	readonly #pattern: string;
	#at = 0;
	#ignoreCase: boolean;
	/** Number of groups so far. */
	groups = 0;

	constructor(pattern: string, ignoreCase = false) {
		this.#pattern = pattern;
		this.#points = [...pattern];
		this.#ignoreCase = ignoreCase;
	}

	get done(): boolean {
		return this.#at >= this.#points.length;
	}

	error(what: string): SqlError {
		const shown = this.#pattern.length > 60 ? `${this.#pattern.slice(0, 60)}…` : this.#pattern;
		return new SqlError(`the regular expression ${shown} has ${what}`, 'ERR_SQL_VALUE');
	}

	#takes(text: string): boolean {
		for (let index = 0; index < text.length; index++) if (this.#points[this.#at + index] !== text[index]) return false;
		this.#at += text.length;
		return true;
	}

	choice(depth: number): Node {
		if (depth > MAX_DEPTH) throw this.error(`parentheses nested deeper than ${MAX_DEPTH}`);
		const nodes = [this.#sequence(depth)];
		while (this.#takes('|')) nodes.push(this.#sequence(depth));
		return nodes.length === 1 ? nodes[0]! : { kind: 'choice', nodes };
	}

	#sequence(depth: number): Node {
		const nodes: Node[] = [];
		while (!this.done && this.#points[this.#at] !== '|' && this.#points[this.#at] !== ')')
			nodes.push(this.#repeated(depth));
		return nodes.length === 1 ? nodes[0]! : { kind: 'sequence', nodes };
	}

	#repeated(depth: number): Node {
		let node = this.#atom(depth);
		let times = 0;
		while (true) {
			const bounds = this.#bounds();
			if (bounds === undefined) return node;
			if (++times > 10) throw this.error('too many repetitions of repetitions');
			node = { kind: 'repeat', node, ...bounds, lazy: this.#takes('?') };
		}
	}

	#bounds(): { min: number; max: number } | undefined {
		if (this.#takes('*')) return { min: 0, max: Number.POSITIVE_INFINITY };
		if (this.#takes('+')) return { min: 1, max: Number.POSITIVE_INFINITY };
		if (this.#takes('?')) return { min: 0, max: 1 };
		const match = /^\{(\d{1,5})(?:(,)(\d{1,5})?)?\}/.exec(this.#points.slice(this.#at, this.#at + 14).join(''));
		if (match === null) return undefined;
		this.#at += match[0].length;
		const min = Number(match[1]);
		const max = match[2] === undefined ? min : match[3] === undefined ? Number.POSITIVE_INFINITY : Number(match[3]);
		if (max < min) throw this.error(`a repetition from ${min} to ${max}`);
		return { min, max };
	}

	#atom(depth: number): Node {
		const point = this.#points[this.#at++]!;
		switch (point) {
			case '.':
				return { kind: 'characters', accepts: NOT_NEWLINE };
			case '^':
				return { kind: 'begin' };
			case '$':
				return { kind: 'end' };
			case '(':
				return this.#group(depth);
			case '[':
				return { kind: 'characters', accepts: this.#set() };
			case '\\':
				return this.#escape();
			case '*':
			case '+':
			case '?':
				throw this.error(`nothing before ${point}`);
			default:
				return this.#literal(point.codePointAt(0)!);
		}
	}

	#group(depth: number): Node {
		if (this.#takes('?i)')) {
			this.#ignoreCase = true;
			return { kind: 'sequence', nodes: [] };
		}
		const isPlain = this.#takes('?');
		if (isPlain && !this.#takes(':')) throw this.error('a (? that is not supported: only (?:…) and (?i) are');
		const number = isPlain ? 0 : ++this.groups;
		const node = this.choice(depth + 1);
		if (!this.#takes(')')) throw this.error('a ( that is not closed');
		return isPlain ? node : { kind: 'group', node, number };
	}

	#literal(wanted: number): Node {
		if (!this.#ignoreCase) return { kind: 'characters', accepts: (point) => point === wanted };
		const folded = foldPoint(wanted);
		return { kind: 'characters', accepts: (point) => point === wanted || foldPoint(point) === folded };
	}

	#escape(): Node {
		const name = this.#points[this.#at++];
		if (name === undefined) throw this.error('a \\ at its end');
		if (name === 'b' || name === 'B') return { kind: 'boundary', wanted: name === 'b' };
		const accepts = CLASSES.get(name);
		if (accepts !== undefined) return { kind: 'characters', accepts };
		return this.#literal(this.#escapedPoint(name));
	}

	#escapedPoint(name: string): number {
		const control = CONTROLS.get(name);
		if (control !== undefined) return control;
		if (name === 'x' || name === 'u') {
			const digits = this.#points.slice(this.#at, this.#at + (name === 'x' ? 2 : 4)).join('');
			if (!/^([0-9a-f]{2}|[0-9a-f]{4})$/i.test(digits)) throw this.error(`a \\${name} without its digits`);
			this.#at += digits.length;
			return Number.parseInt(digits, 16);
		}
		if (/[a-z0-9]/i.test(name)) throw this.error(`an unknown escape \\${name}`);
		return name.codePointAt(0)!;
	}

	#set(): Accepts {
		const negated = this.#takes('^');
		const parts: Accepts[] = [];
		for (let first = true; ; first = false) {
			const point = this.#points[this.#at++];
			if (point === undefined) throw this.error('a [ that is not closed');
			if (point === ']' && !first) break;
			if (point === '[' && this.#points[this.#at] === ':') {
				parts.push(this.#named());
				continue;
			}
			const named = point === '\\' ? CLASSES.get(this.#points[this.#at] ?? '') : undefined;
			if (named !== undefined) {
				this.#at++;
				parts.push(named);
				continue;
			}
			const low = point === '\\' ? this.#escapedPoint(this.#points[this.#at++] ?? '') : point.codePointAt(0)!;
			parts.push(this.#range(low));
		}
		return (point) => parts.some((accepts) => accepts(point)) !== negated;
	}

	#range(low: number): Accepts {
		let high = low;
		if (
			this.#points[this.#at] === '-' &&
			this.#points[this.#at + 1] !== ']' &&
			this.#points[this.#at + 1] !== undefined
		) {
			this.#at++;
			const end = this.#points[this.#at++]!;
			high = end === '\\' ? this.#escapedPoint(this.#points[this.#at++] ?? '') : end.codePointAt(0)!;
			if (high < low) throw this.error('a range that ends before it begins');
		}
		if (!this.#ignoreCase) return (point) => point >= low && point <= high;
		return (point) => {
			if (point >= low && point <= high) return true;
			const lower = foldPoint(point);
			const upper = String.fromCodePoint(point).toUpperCase().codePointAt(0)!;
			return (lower >= low && lower <= high) || (upper >= low && upper <= high);
		};
	}

	#named(): Accepts {
		const rest = this.#points.slice(this.#at, this.#at + 12).join('');
		const match = /^:([a-z]+):\]/.exec(rest);
		const accepts = NAMED.get(match?.[1] ?? '');
		if (match === null || accepts === undefined) throw this.error('an unknown [:class:]');
		this.#at += match[0].length;
		return accepts;
	}
}

function foldPoint(point: number): number {
	if (point < 128) return point >= 65 && point <= 90 ? point + 32 : point;
	return String.fromCodePoint(point).toLowerCase().codePointAt(0)!;
}

// ---- program ------------------------------------------------------------------------------------------------------

function add(program: Instruction[], instruction: Instruction): number {
	if (program.length >= MAX_PROGRAM)
		throw new SqlError(`the regular expression is too large: more than ${MAX_PROGRAM} steps`, 'ERR_SQL_TOO_LARGE');
	return program.push(instruction) - 1;
}

function emit(node: Node, program: Instruction[]): void {
	switch (node.kind) {
		case 'characters':
			add(program, { op: 'characters', accepts: node.accepts });
			return;
		case 'boundary':
			add(program, { op: 'boundary', wanted: node.wanted });
			return;
		case 'sequence':
			for (const part of node.nodes) emit(part, program);
			return;
		case 'choice':
			emitChoice(node.nodes, program);
			return;
		case 'group':
			add(program, { op: 'save', slot: 2 * node.number });
			emit(node.node, program);
			add(program, { op: 'save', slot: 2 * node.number + 1 });
			return;
		case 'repeat':
			emitRepeat(node, program);
			return;
		default:
			add(program, { op: node.kind });
	}
}

function emitChoice(nodes: readonly Node[], program: Instruction[]): void {
	const jumps: number[] = [];
	nodes.forEach((node, index) => {
		if (index === nodes.length - 1) {
			emit(node, program);
			return;
		}
		const split = add(program, { op: 'split', first: program.length + 1, second: 0 });
		emit(node, program);
		jumps.push(add(program, { op: 'jump', to: 0 }));
		program[split] = { op: 'split', first: split + 1, second: program.length };
	});
	for (const jump of jumps) program[jump] = { op: 'jump', to: program.length };
}

function emitRepeat({ node, min, max, lazy }: Extract<Node, { kind: 'repeat' }>, program: Instruction[]): void {
	for (let times = 0; times < min; times++) {
		const before = program.length;
		emit(node, program);
		// An expression without instructions, such as (), adds none when it is repeated.
		if (program.length === before) break;
	}
	/** Continues with the node after the split, or leaves. The preferred alternative comes first. */
	const choose = (split: number) => {
		const ways = { inside: split + 1, outside: program.length };
		program[split] = lazy
			? { op: 'split', first: ways.outside, second: ways.inside }
			: { op: 'split', first: ways.inside, second: ways.outside };
	};
	if (max === Number.POSITIVE_INFINITY) {
		const split = add(program, { op: 'split', first: program.length + 1, second: 0 });
		emit(node, program);
		add(program, { op: 'jump', to: split });
		choose(split);
		return;
	}
	const splits: number[] = [];
	for (let times = min; times < max; times++) {
		splits.push(add(program, { op: 'split', first: program.length + 1, second: 0 }));
		emit(node, program);
	}
	for (const split of splits) choose(split);
}
