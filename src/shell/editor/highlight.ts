// Colours for the typed text: SQL by token class, commands by name.
import type { Theme } from '../../output/theme.ts';
import { bracketsAt, type ClassifiedToken, classify, type Schema, type TokenClass } from '../../sql/sql-light.ts';
import type { Span } from './picture.ts';

type Paint = (text: string) => string;

/** Undefined stands for the terminal's own colour. */
function paintOf(found: TokenClass, theme: Theme): Paint | undefined {
	switch (found) {
		case 'keyword':
			return theme.keyword;
		case 'function':
			return theme.name;
		case 'string':
			return theme.string;
		case 'number':
		case 'parameter':
			return theme.number;
		case 'comment':
			return theme.dim;
		case 'unknown':
			return theme.warning;
		case 'bad':
			return theme.error;
		default:
			return undefined;
	}
}

/** Returns a function that colours texts and marks the bracket at the cursor and its counterpart. */
export function createHighlighter(
	theme: () => Theme,
): (text: string, cursor: number, schema: Schema) => readonly Span[] {
	/** Cached, because most keys only move the cursor or change nothing. */
	let last: { text: string; schema: Schema; tokens: readonly ClassifiedToken[] } | undefined;
	return (text, cursor, schema) => {
		const command = /^\s*[.\\][^\s\d]\S*/.exec(text);
		if (command !== null) return [{ start: 0, end: command[0].length, paint: theme().keyword }];
		if (last?.text !== text || last.schema !== schema) last = { text, schema, tokens: classify(text, schema) };
		const colours = theme();
		const marked = new Set(bracketsAt(text, last.tokens, cursor));
		const spans: Span[] = [];
		for (const { start, end, class: found } of last.tokens) {
			const paint = marked.has(start) ? colours.selected : paintOf(found, colours);
			if (paint !== undefined) spans.push({ start, end, paint });
		}
		return spans;
	};
}
