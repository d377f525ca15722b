// Determines what may come next in a statement. Reads the words before that place once; the statement may be incomplete
// or wrong.
import { isFunctionName } from './classify.ts';
import { isName, type Word } from './names.ts';

export type Clause =
	| 'start'
	| 'select'
	| 'from'
	| 'on'
	| 'where'
	| 'group'
	| 'having'
	| 'order'
	| 'limit'
	| 'with'
	| 'window'
	| 'values'
	| 'insert'
	| 'delete'
	| 'create'
	| 'drop'
	| 'none';

export type Expected =
	/** A statement, or the SELECT of a subquery. */
	| 'statement'
	/** A value: a column, a function, a literal. */
	| 'operand'
	/** What may follow a value. */
	| 'operator'
	| 'table'
	| 'after table'
	/** The rest of a phrase such as GROUP BY. */
	| 'phrase'
	| 'type'
	| 'column name'
	/** A name that the statement gives to something. */
	| 'new name'
	| 'nothing';

/** How the innermost bracket was opened. */
export type Opener = 'none' | 'group' | 'call' | 'in' | 'cast' | 'over' | 'subquery' | 'cte' | 'columns' | 'subscript';

export type Context = {
	readonly expected: Expected;
	readonly clause: Clause;
	readonly opener: Opener;
	/** Number of CASEs without an END so far. */
	readonly cases: number;
	/** The preceding value is a call. */
	readonly isAfterCall: boolean;
	/** The preceding value is `*`. */
	readonly isAfterStar: boolean;
};

type Frame = { -readonly [K in keyof Context]: Context[K] };

function frame(opener: Opener, expected: Expected, clause: Clause = 'none'): Frame {
	return { expected, clause, opener, cases: 0, isAfterCall: false, isAfterStar: false };
}

/** Keywords that begin a clause of conditions or values. */
const CLAUSES: { readonly [word: string]: Clause } = {
	select: 'select',
	where: 'where',
	on: 'on',
	having: 'having',
	limit: 'limit',
	offset: 'limit',
	values: 'values',
};
const BEFORE_OPERANDS = /^(and|or|between|like|ilike|glob|regexp|escape|when|then|else|interval|in)$/;
const JOIN_WORDS = /^(left|right|full|inner|cross|natural|outer)$/;
const PHRASE_WORDS =
	/^(group|order|partition|nulls|insert|delete|within|at|current|unbounded|time|temp|temporary|if|filter)$/;

/** The context after `words`, of which the last one is complete. */
export function contextAfter(words: readonly Word[]): Context {
	let stack = [frame('none', 'statement', 'start')];
	for (const [at, word] of words.entries()) {
		if (word.text === ';') {
			stack = [frame('none', 'statement', 'start')];
			continue;
		}
		const current = stack.at(-1)!;
		if (word.text === '(' || word.text === '[') stack.push(opened(words, at, current));
		else if ((word.text === ')' || word.text === ']') && stack.length > 1) {
			const { opener } = stack.pop()!;
			close(stack.at(-1)!, opener);
		} else take(current, words, at);
	}
	return stack.at(-1)!;
}

/** The context inside a bracket. */
function opened(words: readonly Word[], at: number, outer: Frame): Frame {
	const before = words[at - 1];
	const lower = before?.lower ?? '';
	if (words[at]!.text === '[') return frame('subscript', 'operand');
	if (lower === 'in') return frame('in', 'operand');
	if (lower === 'cast') return frame('cast', 'operand');
	if (lower === 'over') return frame('over', 'phrase', 'window');
	if (lower === 'using' || (/^(exclude|replace)$/.test(lower) && outer.isAfterStar))
		return frame('columns', 'column name');
	if (outer.clause === 'with' && lower === 'as') return frame('cte', 'statement', 'start');
	if (outer.clause === 'with' && outer.expected === 'phrase') return frame('columns', 'new name');
	if (outer.clause === 'insert' && outer.expected === 'phrase') return frame('columns', 'column name');
	if (outer.expected === 'table' || lower === 'exists') return frame('subquery', 'statement', 'start');
	if (outer.clause === 'window' && lower === 'as') return frame('over', 'phrase', 'window');
	const isCall = before !== undefined && before.token.kind === 'word' && isFunctionName(before.lower);
	return frame(isCall ? 'call' : 'group', 'operand');
}

function close(outer: Frame, opener: Opener): void {
	outer.isAfterStar = false;
	outer.isAfterCall = opener === 'call';
	if (opener === 'cte') outer.expected = 'statement';
	else if (opener === 'columns') {
		outer.expected = outer.clause === 'with' ? 'phrase' : outer.clause === 'insert' ? 'statement' : 'after table';
		if (outer.clause === 'select') outer.expected = 'operator';
	} else if (outer.clause === 'from' && (opener === 'subquery' || opener === 'call')) outer.expected = 'after table';
	else outer.expected = 'operator';
}

/** Takes one word or operator. */
function take(current: Frame, words: readonly Word[], at: number): void {
	const word = words[at]!;
	const before = words[at - 1]?.lower ?? '';
	const wasAfterStar = current.isAfterStar;
	current.isAfterCall = false;
	current.isAfterStar = false;
	const { kind } = word.token;
	if (kind === 'string' || kind === 'number' || kind === 'blob' || kind === 'parameter') {
		current.expected = 'operator';
		return;
	}
	if (kind === 'operator' || kind === 'bad') {
		takeOperator(current, word.text);
		return;
	}
	if (before === '.' || kind === 'quoted' || isCalled(words, at)) {
		takeName(current, word);
		return;
	}
	current.isAfterStar = wasAfterStar && /^(exclude|replace)$/.test(word.lower);
	if (!takeKeyword(current, word, before)) takeName(current, word);
}

/** Whether the word is the name of a called function, although it may also be a keyword. */
function isCalled(words: readonly Word[], at: number): boolean {
	return (
		words[at + 1]?.text === '(' &&
		isFunctionName(words[at]!.lower) &&
		!/^(filter|over|in|using)$/.test(words[at]!.lower)
	);
}

function takeOperator(current: Frame, text: string): void {
	if (text === ',') {
		if (current.opener === 'columns') current.expected = current.clause === 'none' ? 'column name' : current.expected;
		else if (current.clause === 'from' || current.clause === 'on') {
			current.clause = 'from';
			current.expected = 'table';
		} else if (current.clause === 'with' || current.clause === 'window') current.expected = 'new name';
		else current.expected = 'operand';
	} else if (text === '.') return;
	else if (text === '::') current.expected = 'type';
	else if (text === '*' && current.expected === 'operand') {
		current.expected = 'operator';
		current.isAfterStar = true;
	} else if (text === '*' && current.expected === 'operator') current.expected = 'operand';
	else current.expected = 'operand';
}

function takeName(current: Frame, word: Word): void {
	switch (current.expected) {
		case 'table':
			current.expected = current.clause === 'insert' || current.clause === 'drop' ? 'phrase' : 'after table';
			return;
		case 'after table':
			return;
		case 'new name':
			current.expected =
				current.clause === 'from' || current.clause === 'on'
					? 'after table'
					: current.clause === 'select' || current.clause === 'none'
						? 'operator'
						: 'phrase';
			return;
		case 'statement':
		case 'phrase':
			// Syntax that this file does not understand.
			current.expected = word.token.kind === 'quoted' || isName(word) ? 'nothing' : current.expected;
			return;
		case 'nothing':
			return;
		default:
			current.expected = 'operator';
	}
}

/** Returns false if the word is not a keyword in this place. */
function takeKeyword(current: Frame, { lower }: Word, before: string): boolean {
	const clause = CLAUSES[lower];
	if (clause !== undefined) {
		if (lower === 'values' && current.expected !== 'statement' && current.expected !== 'phrase') return false;
		current.clause = clause;
		current.expected = 'operand';
	} else if (lower === 'not' && current.expected === 'operator') current.expected = 'phrase';
	else if (lower === 'not' || BEFORE_OPERANDS.test(lower)) current.expected = before === 'is' ? 'phrase' : 'operand';
	else if (lower === 'case') {
		current.cases++;
		current.expected = 'operand';
	} else if (lower === 'end') {
		current.cases = Math.max(0, current.cases - 1);
		current.expected = 'operator';
	} else if (/^(null|true|false|isnull|notnull|asc|first|last|row|preceding|following)$/.test(lower))
		current.expected = 'operator';
	else if (lower === 'is') current.expected = 'phrase';
	else if (lower === 'distinct' || lower === 'all')
		current.expected =
			before === 'is' || before === 'not'
				? 'phrase'
				: /^(union|intersect|except)$/.test(before)
					? 'statement'
					: before === 'by'
						? 'operator'
						: 'operand';
	else if (lower === 'from') takeFrom(current, before);
	else if (lower === 'join') current.expected = 'table';
	else if (current.opener === 'over' && current.expected !== 'operand' && /^(rows|range|groups)$/.test(lower))
		current.expected = 'operand';
	else if (JOIN_WORDS.test(lower) && current.expected !== 'operand') current.expected = 'phrase';
	else if (PHRASE_WORDS.test(lower) && current.expected !== 'operand') current.expected = 'phrase';
	else if (lower === 'by') {
		current.clause = before === 'group' ? 'group' : 'order';
		current.expected = 'operand';
	} else if (lower === 'as') takeAs(current);
	else if (lower === 'using' || lower === 'exclude' || lower === 'replace') current.expected = 'nothing';
	else if (/^(union|intersect|except)$/.test(lower)) {
		current.clause = 'start';
		current.expected = 'statement';
	} else if (lower === 'with' || lower === 'recursive') {
		current.clause = 'with';
		current.expected = 'new name';
	} else if (lower === 'window' || lower === 'over') {
		if (lower === 'window') current.clause = 'window';
		current.expected = 'new name';
	} else if (/^(explain|query|plan)$/.test(lower)) current.expected = 'statement';
	else if (lower === 'desc' && current.clause !== 'start') current.expected = 'operator';
	else if (/^(describe|desc|summarize)$/.test(lower)) current.expected = 'table';
	else if (lower === 'create' || lower === 'drop') {
		current.clause = lower;
		current.expected = 'phrase';
	} else if (lower === 'view' || lower === 'table') current.expected = current.clause === 'drop' ? 'table' : 'new name';
	else if (lower === 'exists' && before === 'if') current.expected = 'table';
	else if (lower === 'into') {
		current.clause = 'insert';
		current.expected = 'table';
	} else if (lower === 'collate') current.expected = 'nothing';
	else return /^(exists|cast)$/.test(lower);
	return true;
}

function takeFrom(current: Frame, before: string): void {
	// IS DISTINCT FROM, and extract(hour FROM ts).
	if (before === 'distinct' || current.opener === 'call') {
		current.expected = 'operand';
		return;
	}
	current.clause = before === 'delete' ? 'delete' : 'from';
	current.expected = 'table';
}

function takeAs(current: Frame): void {
	if (current.opener === 'cast') current.expected = 'type';
	else if (current.clause === 'with') current.expected = 'nothing';
	else if (current.clause === 'create') current.expected = 'statement';
	else current.expected = 'new name';
}
