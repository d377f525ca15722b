// Random queries from the grammar in support/sql-grammar.txt: windows, USING and NATURAL joins, WITH, dates, JSON,
// formats, aliases.
import { readFileSync } from 'node:fs';

const RULES = readRules(readFileSync(new URL('./sql-grammar.txt', import.meta.url), 'utf8'));

/** Beyond this depth a query takes the first alternative of each rule. */
const MAX_DEPTH = 12;

/** Creates the next query from a generator of numbers from 0 to 1. */
export function grammarQuery(random: () => number): string {
	return expand('query', random, 0);
}

function expand(rule: string, random: () => number, depth: number): string {
	const alternatives = RULES.get(rule);
	if (alternatives === undefined) throw new Error(`no rule {${rule}}`);
	const chosen = alternatives[depth > MAX_DEPTH ? 0 : Math.floor(random() * alternatives.length)]!;
	return chosen.replace(/\{(\w+)\}/g, (_, name: string) => expand(name, random, depth + 1));
}

/** Rule names stand alone on a line; their alternatives follow, each after a tab. */
function readRules(text: string): ReadonlyMap<string, readonly string[]> {
	const rules = new Map<string, string[]>();
	let alternatives: string[] = [];
	for (const line of text.split('\n')) {
		if (line.startsWith('#') || line === '') continue;
		if (line.startsWith('\t')) {
			const characters = line
				.slice(1)
				.replace('<none>', '')
				.replace(/<U\+([0-9A-F]+)>/g, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)));
			alternatives.push(characters);
		} else {
			alternatives = [];
			rules.set(line, alternatives);
		}
	}
	return rules;
}
