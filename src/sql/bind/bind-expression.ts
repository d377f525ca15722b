// Resolves the names of an expression and decides everything that does not depend on rows: types, conversions,
// comparisons. Anything not listed here is refused.
import { type BinaryOperator, type OrderItem, plainCall, type SyntaxExpression } from '../grammar/syntax.ts';
import { SqlError, unsupported } from '../limits/sql-error.ts';
import type { ArithmeticOperator } from '../values/arithmetic.ts';
import { hasZone } from '../values/instant.ts';
import type { StaticType } from '../values/value.ts';
import { bindCall } from './bind-call.ts';
import type { Affinity, Bound, CastType, CompareOperator, Comparison, Facts, OrderTerm } from './bound.ts';
import { caseOf, constantOf, facts, INTEGER, UNKNOWN } from './facts.ts';
import { besidesText, checkKinds, isHeaders } from './kinds.ts';
import { type Scope, unknownColumn } from './scope.ts';
import { timeArithmetic, timeNegation } from './time-arithmetic.ts';
import { atTimeZone, intervalLiteral, timeCast } from './time-casts.ts';
import { fitted, literalText, type Places, scaleOf, typeError, unified, withDurations } from './times.ts';

export function bindExpression(syntax: SyntaxExpression, scope: Scope): Bound {
	switch (syntax.kind) {
		case 'literal':
			return constantOf(syntax.value);
		case 'parameter':
			scope.environment.parameters.add(syntax.name);
			return { kind: 'parameter', name: syntax.name, at: syntax.at, constant: true, ...UNKNOWN };
		case 'name':
			return bindName(syntax, scope);
		case 'unary':
			return bindUnary(syntax.operator, bindExpression(syntax.operand, scope), syntax.at);
		case 'not': {
			const operand = bindExpression(syntax.operand, scope);
			return { kind: 'not', operand, constant: operand.constant, ...INTEGER };
		}
		case 'and':
		case 'or': {
			const operands = syntax.operands.map((operand) => bindExpression(operand, scope));
			return { kind: syntax.kind, operands, constant: operands.every((operand) => operand.constant), ...INTEGER };
		}
		case 'binary': {
			const left = bindExpression(syntax.left, scope);
			const right = COMPARE.has(syntax.operator)
				? bindCompared(syntax.right, scope, left)
				: bindExpression(syntax.right, scope);
			return bindBinary(syntax.operator, left, right, scope, syntax);
		}
		case 'is': {
			const left = bindExpression(syntax.left, scope);
			return bindIs(syntax, left, bindCompared(syntax.right, scope, left));
		}
		case 'interval':
			return intervalLiteral(bindExpression(syntax.amount, scope), syntax.unit, syntax.amount.at);
		case 'zone':
			return bindZone(syntax, scope);
		case 'is truth': {
			const operand = bindExpression(syntax.operand, scope);
			return {
				kind: 'is truth',
				not: syntax.not,
				truth: syntax.truth,
				operand,
				constant: operand.constant,
				...INTEGER,
			};
		}
		case 'between':
			return bindBetween(syntax, scope);
		case 'match':
			return bindMatch(syntax, scope);
		case 'in list':
			return bindInList(syntax, scope);
		case 'in query':
			return bindInQuery(syntax, scope);
		case 'case':
			return bindCase(syntax, scope);
		case 'subscript':
			return bindSubscript(syntax, scope);
		case 'cast':
			return castTo(bindExpression(syntax.operand, scope), syntax.type, scope, syntax.at);
		case 'collate':
			return bindCollate(bindExpression(syntax.operand, scope), syntax.collation, syntax.at);
		case 'query':
			return bindScalarQuery(syntax, scope);
		case 'exists': {
			const plan = scope.environment.bindQuery(syntax.query, scope.environment, scope);
			return { kind: 'exists', plan, constant: false, ...INTEGER };
		}
		case 'call':
			return bindCall(syntax, scope, { bind: bindExpression, order: bindOrder });
		default:
			return refuse(syntax);
	}
}

function refuse(syntax: never): never {
	throw new Error(`unknown expression ${JSON.stringify(syntax)}`);
}

export function bindOrder(items: readonly OrderItem[], scope: Scope): OrderTerm[] {
	return items.map((item) => ({
		expression: bindExpression(item.expression, scope),
		descending: item.descending,
		nullsFirst: item.nullsFirst ?? !item.descending,
	}));
}

// ---- names --------------------------------------------------------------------------------------------------------

function bindName(syntax: Extract<SyntaxExpression, { kind: 'name' }>, scope: Scope): Bound {
	for (let level: Scope | undefined = scope; level !== undefined; level = level.parent) {
		const found = level.ownColumn(syntax.table, syntax.column, syntax.at) ?? aliasOf(syntax, level);
		if (found === undefined) continue;
		noteUse(found, scope, level);
		return found;
	}
	throw unknownColumn(scope, syntax.table, syntax.column, syntax.at, syntax.quoted);
}

/**
 * What `operand` is compared with. An unknown name there is probably a text without quotes, or in double quotes, so
 * the hint says so before it suggests a column.
 */
function bindCompared(syntax: SyntaxExpression, scope: Scope, operand: Bound): Bound {
	try {
		return bindExpression(syntax, scope);
	} catch (error) {
		const isName = syntax.kind === 'name' && syntax.table === undefined && (syntax.quoted || operand.type === 'text');
		if (!isName || !(error instanceof SqlError) || !/^did you mean /.test(error.hint ?? '')) throw error;
		const text = `'${syntax.column.replaceAll("'", "''")}'`;
		throw new SqlError(
			error.message,
			'ERR_SQL_NAME',
			syntax.at,
			`write text in single quotes: ${text}; or ${error.hint}`,
		);
	}
}

/** The SELECT's own column with this alias. Columns of tables take precedence. */
function aliasOf(syntax: Extract<SyntaxExpression, { kind: 'name' }>, scope: Scope): Bound | undefined {
	const name = syntax.column.toLowerCase();
	const expression = syntax.table === undefined ? scope.aliases.get(name) : undefined;
	if (expression === undefined || scope.busyAliases.has(name)) return undefined;
	scope.busyAliases.add(name);
	try {
		return bindExpression(expression, scope);
	} finally {
		scope.busyAliases.delete(name);
	}
}

/** Notes in every query from `scope` up to `level` that it depends on the tables that `found` reads. */
function noteUse(found: Bound, scope: Scope, level: Scope): void {
	if (scope === level) return;
	const sources = found.kind === 'column' ? [found.source] : level.tables.map((table) => table.source);
	for (let inner: Scope | undefined = scope; inner !== level && inner !== undefined; inner = inner.parent) {
		for (const source of sources) inner.noteOuter(source);
	}
}

// ---- operators ----------------------------------------------------------------------------------------------------

function bindUnary(operator: '-' | '+' | '~', operand: Bound, at: number): Bound {
	const { constant } = operand;
	const ofTime = timeNegation(operator, operand, at);
	if (ofTime !== undefined) return ofTime;
	// A plus sign does not change the value, but its operand is no longer a column, so it has no affinity.
	if (operator === '+') return { ...operand, affinity: 'none' };
	if (operator === '~') return { kind: 'complement', operand, constant, ...INTEGER };
	return { kind: 'negate', operand, constant, ...facts(numericType(operand.type, 'int')), unit: operand.unit };
}

function numericType(left: StaticType, right: StaticType): StaticType {
	if (left === 'null' || right === 'null') return 'null';
	if (left === 'int' && right === 'int') return 'int';
	const known = (left === 'int' || left === 'real') && (right === 'int' || right === 'real');
	return known ? 'real' : 'any';
}

const COMPARE = new Set<BinaryOperator>(['=', '<>', '<', '<=', '>', '>=']);

function bindBinary(
	operator: BinaryOperator,
	left: Bound,
	right: Bound,
	scope: Scope,
	syntax: Extract<SyntaxExpression, { kind: 'binary' }>,
): Bound {
	const { at } = syntax;
	const places: Places = [syntax.left.at, syntax.right.at];
	const constant = left.constant && right.constant;
	if (COMPARE.has(operator)) return compare(operator as CompareOperator, left, right, places);
	if (operator === '||') return { kind: 'concat', left, right, constant, ...facts('text') };
	if (operator === '->' || operator === '->>') {
		const isField = isHeaders(left) && right.kind === 'constant' && typeof right.value === 'string';
		const path = isField && !right.value.startsWith('$') ? constantOf(right.value.toLowerCase()) : right;
		return callOperator(operator, [withoutJsonCall(left), path], scope, at);
	}
	return arithmeticOf(operator as ArithmeticOperator, left, right, places);
}

/** An operator that is a function. */
function callOperator(name: string, list: readonly Bound[], scope: Scope, at: number): Bound {
	return bindCall(plainCall(name, at), scope, { bind: bindExpression, order: bindOrder }, list);
}

// ---- parts of JSON ------------------------------------------------------------------------------------------------

/** Removes `::json` or json(), because the operators on JSON parse the text themselves. */
export function withoutJsonCall(operand: Bound): Bound {
	return operand.kind === 'call' && operand.function.name === 'json' ? operand.arguments[0]! : operand;
}

function bindSubscript(syntax: Extract<SyntaxExpression, { kind: 'subscript' }>, scope: Scope): Bound {
	const operand = bindExpression(syntax.operand, scope);
	const isJson = operand.output === 'json' || operand.type === 'null' || (operand.type === 'any' && !operand.output);
	if (!isJson) {
		const { operand: of } = syntax;
		const name = of.kind === 'name' ? (of.table === undefined ? of.column : `${of.table}.${of.column}`) : '(…)';
		const hint =
			operand.type === 'text' && operand.output !== 'datetime'
				? `if the text is JSON, write ${name}::json[…]; substr(text, start, length) is a part of a text`
				: 'only JSON has parts: req_headers, res_headers, and any text with ::json';
		throw new SqlError(
			`expected JSON before [, got ${operand.output ?? operand.type}`,
			'ERR_SQL_TYPE',
			syntax.at,
			hint,
		);
	}
	const keys = syntax.keys.map((key, index) => bindKey(key, index === 0 && isHeaders(operand), scope));
	return callOperator('[]', [withoutJsonCall(operand), ...keys], scope, syntax.at);
}

function bindKey(syntax: SyntaxExpression, isHeader: boolean, scope: Scope): Bound {
	const key = bindExpression(syntax, scope);
	if (key.kind === 'constant' && typeof key.value === 'string' && /^\$[.[]/.test(key.value)) {
		throw new SqlError(
			'expected a name or an index in [ ], got a JSON path',
			'ERR_SQL_VALUE',
			syntax.at,
			`write json_extract(json, '${key.value.replaceAll("'", "''")}')`,
		);
	}
	if (key.type === 'real' || key.type === 'blob') {
		throw new SqlError(
			`expected a text or a whole number in [ ], got a ${key.type === 'real' ? 'fraction' : 'blob'}`,
			'ERR_SQL_TYPE',
			syntax.at,
		);
	}
	if (!isHeader || key.type === 'int') return key;
	if (key.kind === 'constant' && typeof key.value === 'string') return constantOf(key.value.toLowerCase());
	return callOperator('lower', [key], scope, syntax.at);
}

function arithmeticOf(operator: ArithmeticOperator, left: Bound, right: Bound, places: Places): Bound {
	checkConcatenation(operator, left, right, places);
	const ofTimes = timeArithmetic(operator, left, right, places);
	if (ofTimes !== undefined) return ofTimes;
	const isSum = operator === '+' || operator === '-';
	// A duration next to milliseconds: ttfb_ms + '10ms'.
	const [a, b] = isSum ? withDurations(left, right, places) : [left, right];
	const isBits = operator === '&' || operator === '|' || operator === '<<' || operator === '>>';
	const type = isBits ? 'int' : numericType(a.type, b.type);
	const unit = isSum ? (a.unit ?? b.unit) : undefined;
	const constant = a.constant && b.constant;
	return { kind: 'arithmetic', operator, left: a, right: b, constant, ...facts(type), unit };
}

/** In `status / 100 || 'xx'`, || comes first. */
function checkConcatenation(operator: ArithmeticOperator, left: Bound, right: Bound, [leftAt, rightAt]: Places): void {
	if (left.kind !== 'concat' && right.kind !== 'concat') return;
	throw typeError(
		`|| comes before ${operator}, whose operand is therefore a text`,
		right.kind === 'concat' ? rightAt : leftAt,
		`write parentheses: (x ${operator} y) || z; CAST(… AS REAL) is the number in a text`,
	);
}

export function compare(operator: CompareOperator, left: Bound, right: Bound, places: Places): Bound {
	return {
		kind: 'compare',
		operator,
		comparison: comparisonOf(left, right, places, operator),
		constant: left.constant && right.constant,
		...INTEGER,
	};
}

/** SQLite's rules: a numeric column converts the other side to a number if possible, a text column to text. */
function comparisonOf(givenLeft: Bound, givenRight: Bound, places: Places, operator?: CompareOperator): Comparison {
	const [a, b] = fitted(givenLeft, givenRight, places);
	const [left, right] = [besidesText(a, b), besidesText(b, a)];
	checkKinds(operator, left, right, places);
	return {
		left,
		right,
		leftAffinity: conversion(left, right.affinity),
		rightAffinity: conversion(right, left.affinity),
		nocase: left.nocase || right.nocase,
		scale: scaleOf(left, right, places),
	};
}

function conversion(operand: Bound, other: Affinity): Affinity {
	if (other === 'numeric' && operand.affinity !== 'numeric')
		return operand.type === 'int' || operand.type === 'real' ? 'none' : 'numeric';
	if (other === 'text' && operand.affinity === 'none') return operand.type === 'text' ? 'none' : 'text';
	return 'none';
}

function bindIs(syntax: Extract<SyntaxExpression, { kind: 'is' }>, left: Bound, right: Bound): Bound {
	return {
		kind: 'is',
		not: syntax.not,
		comparison: comparisonOf(left, right, [syntax.left.at, syntax.right.at]),
		constant: left.constant && right.constant,
		...INTEGER,
	};
}

function bindBetween(syntax: Extract<SyntaxExpression, { kind: 'between' }>, scope: Scope): Bound {
	const operand = bindExpression(syntax.operand, scope);
	const { at } = syntax.operand;
	const operands = [
		compare('>=', operand, bindCompared(syntax.low, scope, operand), [at, syntax.low.at]),
		compare('<=', operand, bindCompared(syntax.high, scope, operand), [at, syntax.high.at]),
	];
	const constant = operands.every((item) => item.constant);
	const both: Bound = { kind: 'and', operands, constant, ...INTEGER };
	return syntax.not ? { kind: 'not', operand: both, constant, ...INTEGER } : both;
}

function bindMatch(syntax: Extract<SyntaxExpression, { kind: 'match' }>, scope: Scope): Bound {
	const operand = bindExpression(syntax.operand, scope);
	const pattern = bindCompared(syntax.pattern, scope, operand);
	const escaping = syntax.escape === undefined ? undefined : bindExpression(syntax.escape, scope);
	if (escaping !== undefined && syntax.operator !== 'LIKE')
		throw unsupported(`ESCAPE works only with LIKE, not with ${syntax.operator}`, syntax.at);
	const constant = operand.constant && pattern.constant && (escaping?.constant ?? true);
	return {
		kind: 'match',
		operator: syntax.operator,
		not: syntax.not,
		operand,
		pattern,
		escape: escaping,
		constant,
		...INTEGER,
	};
}

function bindInList(syntax: Extract<SyntaxExpression, { kind: 'in list' }>, scope: Scope): Bound {
	const operand = bindExpression(syntax.operand, scope);
	// The items' own affinities are ignored: x IN (y, z) means x = +y OR x = +z.
	const items = syntax.items.map((item) => {
		const bound: Bound = { ...bindCompared(item, scope, operand), affinity: 'none' };
		return comparisonOf(operand, bound, [syntax.operand.at, item.at]).right;
	});
	const constant = operand.constant && items.every((item) => item.constant);
	const types = new Set(items.map((item) => item.type));
	const sample: Bound = { ...(items[0] ?? constantOf(null)), type: types.size === 1 ? items[0]!.type : 'any' };
	const membership = comparisonOf(operand, sample, [syntax.operand.at, syntax.at]);
	return { kind: 'in list', not: syntax.not, membership, items, constant, ...INTEGER };
}

function bindInQuery(syntax: Extract<SyntaxExpression, { kind: 'in query' }>, scope: Scope): Bound {
	const operand = bindExpression(syntax.operand, scope);
	const plan = scope.environment.bindQuery(syntax.query, scope.environment, scope);
	if (plan.columns.length !== 1) throw oneColumn('IN', plan.columns.length, syntax.query.at);
	const candidate: Bound = { ...constantOf(null), ...plan.columns[0]!, constant: false };
	return {
		kind: 'in query',
		not: syntax.not,
		membership: comparisonOf(operand, candidate, [syntax.operand.at, syntax.query.at]),
		plan,
		constant: false,
		...INTEGER,
	};
}

function oneColumn(what: string, count: number, at: number): SqlError {
	return new SqlError(`expected a subquery with one column for ${what}, got ${count}`, 'ERR_SQL_VALUE', at);
}

function bindScalarQuery(syntax: Extract<SyntaxExpression, { kind: 'query' }>, scope: Scope): Bound {
	const plan = scope.environment.bindQuery(syntax.query, scope.environment, scope);
	if (plan.columns.length !== 1) throw oneColumn('a value', plan.columns.length, syntax.at);
	const { type, affinity, nocase, output, unit } = plan.columns[0]!;
	return { kind: 'query', plan, type, affinity, nocase, output, unit, constant: false };
}

function bindCase(syntax: Extract<SyntaxExpression, { kind: 'case' }>, scope: Scope): Bound {
	const base = syntax.base === undefined ? undefined : bindExpression(syntax.base, scope);
	const branches = syntax.branches.map(({ when, result }) => {
		const condition = bindExpression(when, scope);
		return {
			when: base === undefined ? condition : compare('=', base, condition, [syntax.base!.at, when.at]),
			result: bindExpression(result, scope),
		};
	});
	const otherwise = syntax.otherwise === undefined ? constantOf(null) : bindExpression(syntax.otherwise, scope);
	const results = unified([...branches.map(({ result }) => result), otherwise], syntax.at);
	return caseOf(
		branches.map(({ when }, index) => ({ when, result: results[index]! })),
		results.at(-1)!,
	);
}

// ---- CAST and COLLATE ---------------------------------------------------------------------------------------------

/** SQLite's rules, which look for certain words in the type's name. */
function castType(name: string): CastType {
	if (/INT/i.test(name)) return 'integer';
	if (/CHAR|CLOB|TEXT|STRING/i.test(name)) return 'text';
	if (/BLOB/i.test(name)) return 'blob';
	if (/REAL|FLOA|DOUB/i.test(name)) return 'real';
	return 'numeric';
}

const CAST_FACTS: Record<CastType, Facts> = {
	integer: { ...facts('int'), affinity: 'numeric' },
	real: { ...facts('real'), affinity: 'numeric' },
	numeric: { ...facts('any'), affinity: 'numeric' },
	text: { ...facts('text'), affinity: 'text' },
	blob: facts('blob'),
};

function castTo(operand: Bound, type: string, scope: Scope, at: number): Bound {
	const ofTime = timeCast(operand, type, at);
	if (ofTime !== undefined) return ofTime;
	if (/^jsonb?$/i.test(type)) return callOperator('json', [operand], scope, at);
	if (/^bool(?:ean)?$/i.test(type) && operand.type === 'text') return textToBoolean(operand, at);
	const to = castType(type);
	return { kind: 'cast', operand, to, constant: operand.constant, ...CAST_FACTS[to] };
}

/** SQLite reads a text as a number here, so that 'true' would be 0. */
function textToBoolean(operand: Bound, at: number): Bound {
	const text = literalText(operand);
	if (text === undefined)
		throw typeError(
			'a text is neither true nor false',
			at,
			"compare it, as in x = 'true', or make a number of it: x::int",
		);
	const word = text.trim().toLowerCase();
	if (['true', 't', 'yes', 'y', 'on', '1'].includes(word)) return constantOf(1);
	if (['false', 'f', 'no', 'n', 'off', '0'].includes(word)) return constantOf(0);
	throw typeError(`expected true or false, got '${text.slice(0, 40)}'`, at, "write true, false, 'yes' or 'no'");
}

/** A literal without a zone is read as the time on the clocks of the named zone. */
function bindZone(syntax: Extract<SyntaxExpression, { kind: 'zone' }>, scope: Scope): Bound {
	const { operand } = syntax;
	const literal = operand.kind === 'cast' && operand.operand.kind === 'literal' ? operand.operand.value : undefined;
	const isLocal = typeof literal === 'string' && !hasZone(literal);
	const bound = bindExpression(operand, scope);
	return atTimeZone(bound, bindExpression(syntax.zone, scope), isLocal, [operand.at, syntax.zone.at]);
}

function bindCollate(operand: Bound, collation: string, at: number): Bound {
	const name = collation.toLowerCase();
	if (name === 'nocase') return { ...operand, nocase: true };
	if (name === 'binary') return { ...operand, nocase: false };
	throw unsupported(`unknown collation ${collation}`, at, 'collations are NOCASE and BINARY');
}
