// Reads ATTACH and DETACH, the statements about recordings beside the tables. They do not read rows, so the shell runs
// them, not the engine.
import { SqlError, syntaxError } from '../limits/sql-error.ts';
import { tokenize, unquote } from './lexer.ts';

export type AttachStatement =
	| { readonly kind: 'attach'; readonly path: string; readonly schema: string; readonly at: number }
	| { readonly kind: 'detach'; readonly schema: string; readonly at: number };

type Word = { readonly kind: string; readonly text: string; readonly start: number };

const ATTACH_FORM = "write ATTACH 'FILE' AS name";
const DETACH_FORM = 'write DETACH name';

/** Undefined for any other statement. Throws a SqlError if the statement begins like one of the two but is not. */
export function readAttachStatement(sql: string): AttachStatement | undefined {
	const words: Word[] = [];
	for (const { kind, start, end } of tokenize(sql)) {
		const text = sql.slice(start, end);
		if (kind === 'space' || kind === 'comment' || text === ';') continue;
		words.push({ kind, text, start });
		// Other statements may be long.
		if (words.length === 1 && !/^(attach|detach)$/i.test(text)) return undefined;
	}
	const [verb, ...all] = words;
	if (verb === undefined) return undefined;
	const rest = /^database$/i.test(all[0]?.text ?? '') && all.length > 1 ? all.slice(1) : all;
	if (/^attach$/i.test(verb.text)) {
		const [file, as, name, more] = rest;
		if (file?.kind !== 'string' || file.text.length < 3)
			throw expected('the name of a file in quotes', file, sql, ATTACH_FORM);
		if (!/^as$/i.test(as?.text ?? '')) throw expected('AS and a name after the file', as, sql, ATTACH_FORM);
		const schema = nameOf(name, sql, ATTACH_FORM);
		if (more !== undefined) throw expected('the end of the statement', more, sql, ATTACH_FORM);
		return { kind: 'attach', path: file.text.slice(1, -1).replaceAll("''", "'"), schema, at: name!.start };
	}
	const [name, more] = rest;
	const schema = nameOf(name, sql, DETACH_FORM);
	if (more !== undefined) throw expected('the end of the statement', more, sql, DETACH_FORM);
	return { kind: 'detach', schema, at: name!.start };
}

/** A name that needs no quotes, because it stands before a dot. */
function nameOf(word: Word | undefined, sql: string, form: string): string {
	const name = word?.kind === 'quoted' ? unquote(word.text) : word?.kind === 'word' ? word.text : '';
	if (/^[a-z_][a-z0-9_]{0,63}$/i.test(name)) return name;
	throw expected('a name of at most 64 letters (a-z), digits and "_"', word, sql, form);
}

function expected(what: string, got: Word | undefined, sql: string, form: string): SqlError {
	return syntaxError(
		`expected ${what}, got ${got === undefined ? 'the end' : got.text}`,
		got?.start ?? sql.length,
		form,
	);
}

/** The error for a name in ATTACH or DETACH that cannot be used. */
export function attachNameError(message: string, at: number, hint: string): SqlError {
	return new SqlError(message, 'ERR_SQL_NAME', at, hint);
}
