// Removes secrets from a statement before it enters the history file. A value is secret if it is compared with
// something that has a secret name, or if it follows a secret name inside a text.
import { isSensitiveName, isTellingName } from '../output/sensitive-names.ts';
import { tokenize, unquote } from '../sql/sql-light.ts';

const PLACEHOLDER = 'REDACTED';

/** A token other than spaces and comments, with its value. */
type Part = {
	readonly start: number;
	readonly end: number;
	readonly kind: string;
	/** The content of a text or quoted name; otherwise the token itself. */
	readonly value: string;
};

/** Words that begin another condition or value. */
const BREAKS =
	/^(select|from|where|and|or|on|when|then|else|end|group|order|having|limit|union|intersect|except|join|with|;|\.param|\.parameter)$/i;

/** Columns that hold the value of the name in another column: `name = 'cookie' AND header_value = '…'`. */
const VALUE_COLUMNS = /^(header_value|value|atom)$/i;

/** Functions and operators whose text arguments may be names. */
const BEFORE_NAMES = /^(\[|->|->>)$/;
const NAMING_FUNCTIONS = /^(header|headers|cookie|url_param|query_params|json_extract|json_value|json_type)$/i;

/** The entry with `REDACTED` in place of each secret. */
export function withoutSecrets(entry: string): string {
	const parts = partsOf(entry);
	const replaced = new Map<Part, string>();
	const namesSecret = parts.some((part) => part.kind === 'string' && isSensitiveName(lastName(part.value)));
	for (const condition of conditionsOf(parts)) {
		const names = condition.filter((part, at) => isSecretName(part, at, condition));
		const isSecret =
			names.length > 0 ||
			(namesSecret && condition.some(({ kind, value }) => kind === 'word' && VALUE_COLUMNS.test(value)));
		if (!isSecret) continue;
		for (const [at, part] of condition.entries()) {
			if (names.includes(part)) continue;
			if (part.kind === 'string' || part.kind === 'blob') {
				if (!isName(at, condition)) replaced.set(part, quoted(hidden(part.value)));
			} else if (part.kind === 'number' && /^(=|==|!=|<>)$/.test(condition[at - 1]?.value ?? '')) {
				replaced.set(part, PLACEHOLDER);
			}
		}
	}
	let text = '';
	let at = 0;
	for (const part of parts) {
		const replacement = replaced.get(part) ?? (part.kind === 'string' ? entry.slice(part.start, part.end) : undefined);
		if (replacement === undefined) continue;
		text += withoutPairs(entry.slice(at, part.start)) + withoutPairs(replacement);
		at = part.end;
	}
	return withoutParameter(text + withoutPairs(entry.slice(at)));
}

function partsOf(entry: string): Part[] {
	return tokenize(entry)
		.filter(({ kind }) => kind !== 'space' && kind !== 'comment')
		.map(({ start, end, kind, closed }) => {
			const raw = entry.slice(start, end);
			const value = kind === 'string' || kind === 'quoted' ? (closed ? unquote(raw) : raw.slice(1)) : raw;
			return { start, end, kind, value };
		});
}

/** The parts between AND, OR, clause keywords and top-level commas. */
function conditionsOf(parts: readonly Part[]): Part[][] {
	const conditions: Part[][] = [[]];
	let depth = 0;
	let isBetween = false;
	for (const part of parts) {
		const { kind, value } = part;
		if (value === '(' || value === '[') depth++;
		if (value === ')' || value === ']') depth = Math.max(0, depth - 1);
		const isAnd = /^and$/i.test(value);
		const breaks =
			(kind === 'word' || kind === 'operator') &&
			((BREAKS.test(value) && !(isAnd && isBetween)) || (value === ',' && depth === 0));
		if (kind === 'word' && /^between$/i.test(value)) isBetween = true;
		else if (isAnd) isBetween = false;
		if (breaks) conditions.push([]);
		else conditions.at(-1)!.push(part);
	}
	return conditions;
}

/** Whether a part of a condition names a secret. */
function isSecretName(part: Part, at: number, condition: readonly Part[]): boolean {
	if (part.kind === 'word' || part.kind === 'quoted') return isTellingName(part.value);
	return part.kind === 'string' && isName(at, condition) && isSensitiveName(lastName(part.value));
}

/** Whether a text is the name of a header, member or parameter. */
function isName(at: number, condition: readonly Part[]): boolean {
	if (BEFORE_NAMES.test(condition[at - 1]?.value ?? '')) return true;
	if (/^\$[.[]/.test(condition[at]!.value)) return true;
	// Find the enclosing call, and check whether its function takes names.
	let depth = 0;
	for (let before = at - 1; before >= 0; before--) {
		const { value } = condition[before]!;
		if (value === ')') depth++;
		if (value !== '(') continue;
		if (depth-- > 0) continue;
		return NAMING_FUNCTIONS.test(condition[before - 1]?.value ?? '');
	}
	return false;
}

/** `token` of `$.user.token`. */
function lastName(path: string): string {
	return path
		.replace(/^\$\.?/, '')
		.replace(/^.*[.[]["']?(?=[^.[\]]+$)/s, '')
		.replace(/["'\]]+$/, '');
}

/** The secret's replacement, keeping wildcards at its ends and the name of its scheme. */
function hidden(text: string): string {
	const [, start = '', scheme = '', rest = '', end = ''] =
		/^(%*)((?:bearer|basic|digest|token|negotiate)\s+)?(.*?)(%*)$/is.exec(text) ?? [];
	return rest === '' ? text : `${start}${scheme}${PLACEHOLDER}${end}`;
}

function quoted(text: string): string {
	return `'${text.replaceAll("'", "''")}'`;
}

/** Replaces the values of `token=…`, `"token": "…"`, `Authorization: …` and `Bearer …` inside a text. */
function withoutPairs(text: string): string {
	return text
		.replace(/([\w.[\]-]{2,64})=([^&\s;'"%,()]+)/g, (pair, name: string) =>
			isTellingName(name) ? `${name}=${PLACEHOLDER}` : pair,
		)
		.replace(/("([^"]{1,64})"\s*:\s*)"[^"]*"?/g, (pair, start: string, name: string) =>
			isSensitiveName(name) ? `${start}"${PLACEHOLDER}"` : pair,
		)
		.replace(/(?<![\w:])([\w-]{3,64}):[ \t]*(?!:)[^'"\r\n%]+/g, (pair, name: string) =>
			isTellingName(name) ? `${name}: ${PLACEHOLDER}` : pair,
		)
		.replace(/\b(bearer|basic)([ \t]+)(?!REDACTED)[\w.~+/=-]{6,}/gi, `$1$2${PLACEHOLDER}`);
}

/** Replaces the value in `.param NAME VALUE`. */
function withoutParameter(entry: string): string {
	return entry.replace(
		/^(\s*\.param(?:eter)?\s+(?:set\s+)?[:@$]?(\S+?)(?:\s+|=))\S[\s\S]*$/,
		(whole, start: string, name: string) => (isSensitiveName(name) ? `${start}${PLACEHOLDER}` : whole),
	);
}
