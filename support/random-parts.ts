// Random expressions that take parts of JSON and texts, and percentiles, in the SQL of tinytap and of PostgreSQL. Only
// forms with the same meaning are used: PostgreSQL prefers the longest match of a regular expression and counts empty
// matches directly after others, so the patterns here leave no choice.
import { executeSync, prepare, SqlError } from '../src/sql/sql.ts';
import type { SqlValue } from '../src/store/table.ts';

export type PartExpression = {
	readonly kind: 'json' | 'text' | 'number';
	readonly ours: string;
	readonly theirs: string;
};

/** Parts of patterns, each with a text that it matches. */
const ATOMS = [
	...([
		['a', 'a'],
		['b', 'b'],
		['[ab]', 'b'],
		['\\d', '1'],
		['[^a]', 'é'],
		['(ab)', 'ab'],
		['c', 'c'],
		['.', '/'],
	] as const),
	...([
		['\\w', '2'],
		['[[:digit:]]', '2'],
		['é', 'é'],
		['😀', '😀'],
	] as const),
] as const;
const LETTERS = ['a', 'b', 'c', '1', '2', ' ', 'é', '/', 'ab', ',', 'A', '😀'];

export class PartMaker {
	readonly #random: () => number;

	constructor(random: () => number) {
		this.#random = random;
	}

	next(): PartExpression {
		return this.#pick([
			() => this.#subscript(),
			() => this.#subscript(),
			() => this.#items(),
			() => this.#replace(),
			() => this.#extract(),
			() => this.#text(),
			() => this.#percentile(),
		])();
	}

	#int(below: number): number {
		return Math.floor(this.#random() * below);
	}

	#pick<T>(list: readonly T[]): T {
		return list[this.#int(list.length)]!;
	}

	#literal(longest = 9): string {
		return quoted(Array.from({ length: this.#int(longest) }, () => this.#pick(LETTERS)).join(''));
	}

	/** Names are in the order in which jsonb sorts them. */
	#json(depth: number): string {
		const kind = depth > 3 ? 0 : depth === 0 ? 1 + this.#int(2) : this.#int(3);
		if (kind === 0)
			return this.#pick(['1', '-2.5', '"x"', '""', 'true', 'false', 'null', '"1"', '"it\'\'s"', '12345678901234567']);
		const items = Array.from({ length: depth === 0 ? 3 : this.#int(4) }, () => this.#json(depth + 1));
		return kind === 1 ? `[${items.join(', ')}]` : `{${items.map((item, at) => `"${'abc'[at]}": ${item}`).join(', ')}}`;
	}

	#subscript(): PartExpression {
		const text = this.#json(0);
		const keys: string[] = [];
		let value: unknown = JSON.parse(text.replaceAll("''", "'"));
		for (let steps = 1 + this.#int(3); steps > 0; steps--) {
			const isList = Array.isArray(value);
			const names = typeof value === 'object' && value !== null ? Object.keys(value) : [];
			// Most of the parts exist.
			const found = names.length > 0 && this.#int(5) > 0 ? this.#pick(names) : undefined;
			if (found === undefined) keys.push(this.#pick(["'a'", "'b'", "'c'", '0', '1', '-1', '-3', '2 - 1']));
			else if (!isList) keys.push(`'${found}'`);
			else keys.push(this.#pick([found, String(Number(found) - names.length), `${found} + 0`]));
			value = found === undefined ? undefined : (value as Record<string, unknown>)[found];
		}
		const path = keys.map((key) => `[${key}]`).join('');
		return { kind: 'json', ours: `'${text}'::json${path}`, theirs: `((('${text}'::jsonb)${path}) #>> '{}')` };
	}

	/** The names and values of an object, in order. */
	#items(): PartExpression {
		const items = Array.from({ length: this.#int(4) }, () => this.#json(2));
		const json = `'{${items.map((item, at) => `"${'abc'[at]}": ${item}`).join(', ')}}'`;
		const select = (value: string, table: string) =>
			`(SELECT string_agg(key || '=' || coalesce(${value}, '-'), ';') FROM ${table})`;
		return {
			kind: 'text',
			ours: select(
				"CASE WHEN type IN ('object', 'array') THEN type ELSE value END",
				`json_each(${json}::json)`,
			).replace('coalesce(', "coalesce(CASE type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' END, "),
			theirs: select(
				"CASE WHEN json_typeof(value) IN ('object', 'array') THEN json_typeof(value) ELSE value #>> '{}' END",
				`json_each(${json}::json)`,
			),
		};
	}

	/** A pattern, and a text that probably contains a match. */
	#pattern(): { pattern: string; text: string } {
		let pattern = '';
		let sample = '';
		for (let parts = 1 + this.#int(3); parts > 0; parts--) {
			const [atom, match] = this.#pick(ATOMS);
			const repeat = this.#pick(['', '', '', '+', '{2}', '{1,2}']);
			pattern += atom + repeat;
			sample += match.repeat(repeat === '' ? 1 : 2);
		}
		const around = () => Array.from({ length: this.#int(6) }, () => this.#pick(LETTERS)).join('');
		return { pattern, text: quoted(around() + sample + around() + (this.#int(2) === 0 ? sample : '')) };
	}

	#replace(): PartExpression {
		const { pattern, text } = this.#pattern();
		const by = this.#pick(['<\\&>', '-', '', '\\\\', ...(pattern.includes('(') ? ['[\\1]'] : [])]);
		const options = this.#pick(['', ", 'g'", ", 'i'", ", 'gi'"]);
		return same('text', `regexp_replace(${text}, ${quoted(pattern)}, ${quoted(by)}${options})`);
	}

	#extract(): PartExpression {
		const { pattern, text } = this.#pattern();
		const whole = quoted(`${this.#pick(['', '', '^.', '\\w'])}(${pattern})${this.#pick(['', '', '.', '$'])}`);
		return {
			kind: 'text',
			ours: `regexp_extract(${text}, ${whole}, 1)`,
			theirs: `coalesce((regexp_match(${text}, ${whole}))[1], '')`,
		};
	}

	#text(): PartExpression {
		return this.#pick([
			() => same('text', `left(${this.#literal()}, ${this.#int(14) - 7})`),
			() => same('text', `right(${this.#literal()}, ${this.#int(14) - 7})`),
			() => {
				const separator = quoted(this.#pick(['a', '/', ',', 'ab', '', ' ', 'é']));
				return same('text', `split_part(${this.#literal(14)}, ${separator}, ${this.#pick([1, 2, 3, 9, -1, -2, -9])})`);
			},
		])();
	}

	#percentile(): PartExpression {
		const list = Array.from({ length: 1 + this.#int(9) }, () =>
			this.#pick(['NULL', `${this.#int(100)}`, `${this.#int(999)}.5`]),
		);
		const [q, name] = [
			this.#pick([0, 0.1, 0.25, 0.5, 0.75, 0.9, 1]),
			this.#pick(['percentile_cont', 'percentile_disc']),
		];
		const order = this.#pick(['', ' ASC', ' DESC', ' DESC NULLS LAST']);
		// The first value tells PostgreSQL the type.
		const values = ['1.5', ...list].map((value) => `(${value})`).join(', ');
		return same('number', `(SELECT ${name}(${q}) WITHIN GROUP (ORDER BY column1${order}) FROM (VALUES ${values}) v)`);
	}
}

function same(kind: PartExpression['kind'], sql: string): PartExpression {
	return { kind, ours: sql, theirs: `(${sql})::text` };
}

function quoted(text: string): string {
	return `'${text.replaceAll("'", "''")}'`;
}

export function ourPart({
	ours,
}: {
	readonly ours: string;
}): { readonly text: string | null } | { readonly error: string } {
	let value: SqlValue;
	try {
		const database = { tables: new Map() };
		value = executeSync(prepare(`SELECT ${ours}`, database), database).rows[0]![0]!;
	} catch (error) {
		if (error instanceof SqlError) return { error: error.message };
		throw error;
	}
	return { text: value === null ? null : String(value) };
}

/** Whether the answers are equal, ignoring spaces in JSON, with numbers compared to 12 digits. */
export function samePart(kind: PartExpression['kind'], ours: string | null, theirs: string | null): boolean {
	if (ours === null || theirs === null) return ours === theirs;
	if (kind === 'number') return Math.abs(Number(ours) - Number(theirs)) <= Math.abs(Number(theirs)) * 1e-12;
	return kind === 'json' ? canonical(ours) === canonical(theirs) : ours === theirs;
}

/** JSON without spaces, and with true and false as numbers, since tinytap has 1 and 0. */
function canonical(text: string): string {
	if (text === 'true' || text === 'false') return text === 'true' ? '1' : '0';
	return /^[[{]/.test(text) ? JSON.stringify(JSON.parse(text)) : text;
}
