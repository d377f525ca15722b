// Resolves calls of scalar functions, aggregates and window functions.

import type { AggregateFunction, FunctionDoc, ScalarFunction, WindowFunction } from '../functions/function-table.ts';
import {
	AGGREGATE_FUNCTIONS,
	functionNames,
	SCALAR_FUNCTIONS,
	TABLE_FUNCTIONS,
	WINDOW_FUNCTIONS,
} from '../functions/functions.ts';
import type { FrameBound, OrderItem, SyntaxCall, SyntaxExpression, Window } from '../grammar/syntax.ts';
import { SqlError, syntaxError, unsupported } from '../limits/sql-error.ts';
import { functionElsewhere } from '../text/other-dialects.ts';
import type { StaticType } from '../values/value.ts';
import type { AggregateCall, Bound, BoundFrame, BoundFrameBound, OrderTerm, WindowCall } from './bound.ts';
import { caseOf, commonFacts, facts } from './facts.ts';
import { didYouMean } from './schema.ts';
import { CLAUSES, type Scope } from './scope.ts';
import { acceptedArgument, fittedArguments, fittedOffset } from './time-arguments.ts';
import { fitted, type Places, scaleOf, timeType, unified } from './times.ts';

/** Functions that bind the parts of a call. Passed in, because they bind calls themselves. */
export type Binders = {
	readonly bind: (syntax: SyntaxExpression, scope: Scope) => Bound;
	readonly order: (items: readonly OrderItem[], scope: Scope) => OrderTerm[];
};

/** `given`: arguments that are already bound, for operators implemented as functions. */
export function bindCall(written: SyntaxCall, scope: Scope, binders: Binders, given?: readonly Bound[]): Bound {
	const call = withOrder(written);
	const name = call.name.toLowerCase();
	const count = given?.length ?? call.arguments.length;
	const aggregate = AGGREGATE_FUNCTIONS.get(name);
	const scalar = SCALAR_FUNCTIONS.get(name);
	if (call.over !== undefined) return bindWindowCall(call, scope, binders, WINDOW_FUNCTIONS.get(name) ?? aggregate);
	// min and max are aggregates with one argument and scalar functions with several.
	if (aggregate !== undefined && (scalar === undefined || count <= 1))
		return bindAggregate(call, scope, binders, aggregate);
	if (scalar === undefined) throw unknownFunction(call);
	if (call.star || call.distinct || call.filter !== undefined || call.order.length > 0) {
		const what = call.star ? '*' : call.distinct ? 'DISTINCT' : call.filter !== undefined ? 'FILTER' : 'ORDER BY';
		throw syntaxError(`${scalar.name}() is not an aggregate and cannot have ${what}`, call.at);
	}
	checkCount(scalar, count, call.at);
	const list = given ?? call.arguments.map((argument) => binders.bind(argument, scope));
	const places = list.map((_, index) => call.arguments[index]?.at ?? call.at);
	return scalarCall(scalar, comparedArguments(scalar, fittedArguments(scalar, list, places), places), call.at);
}

/** Functions whose result has the unit of their first argument. */
const KEEP_UNIT: ReadonlySet<string> = new Set([
	...['abs', 'round', 'ceil', 'floor', 'trunc', 'ifnull', 'nullif', 'min', 'max'],
	...[
		'sum',
		'total',
		'avg',
		'median',
		'p50',
		'p90',
		'p95',
		'p99',
		'percentile',
		'percentile_cont',
		'percentile_disc',
		'stddev',
		'stddev_pop',
	],
	...['lag', 'lead', 'first_value', 'last_value', 'nth_value'],
]);

function unitOf(name: string, list: readonly Bound[]): Bound['unit'] {
	return KEEP_UNIT.has(name) ? list[0]?.unit : undefined;
}

/** Turns a call with WITHIN GROUP into one with its order as arguments (AggregateFunction.ordered). */
function withOrder(call: SyntaxCall): SyntaxCall {
	const { within, at } = call;
	const entry = AGGREGATE_FUNCTIONS.get(call.name.toLowerCase());
	if (entry?.ordered !== true) {
		if (within === undefined) return call;
		const hint = /^(string_agg|group_concat|listagg|array_agg)$/i.test(call.name)
			? "write group_concat(x, ',' ORDER BY y)"
			: functionElsewhere(call.name);
		throw unsupported('WITHIN GROUP works only with percentile_cont() and percentile_disc()', at, hint);
	}
	const example = `${entry.name}(0.95) WITHIN GROUP (ORDER BY duration_ms)`;
	const error = (message: string) => new SqlError(message, 'ERR_SQL_FUNCTION', at, `write ${example}`);
	if (call.order.length > 0) throw error(`ORDER BY stands in the parentheses of WITHIN GROUP, not of ${entry.name}()`);
	const flag = (value: number): SyntaxExpression => ({ kind: 'literal', at, value });
	const { within: _, ...plain } = call;
	if (within === undefined) {
		if (call.arguments.length !== 2) throw error(`${entry.name}() needs WITHIN GROUP (ORDER BY …)`);
		return { ...plain, arguments: [...call.arguments, flag(0)] };
	}
	const [item] = within;
	if (within.length !== 1) throw error(`WITHIN GROUP takes exactly one ORDER BY term, got ${within.length}`);
	if (call.arguments.length !== 1)
		throw error(`${entry.name}() with WITHIN GROUP takes 1 argument, the fraction, got ${call.arguments.length}`);
	return { ...plain, arguments: [item!.expression, call.arguments[0]!, flag(item!.descending ? 1 : 0)] };
}

/** nullif(), and min() and max() of several values, compare their arguments, so these must fit as in a comparison. */
function comparedArguments(entry: ScalarFunction, list: readonly Bound[], places: readonly number[]): readonly Bound[] {
	if (entry.name === 'nullif') {
		const pair: Places = [places[0]!, places[1]!];
		const [value, other] = fitted(list[0]!, list[1]!, pair);
		scaleOf(value, other, pair);
		return [value, other];
	}
	if (entry.name !== 'min' && entry.name !== 'max') return list;
	const time = list.findIndex((argument) => timeType(argument) !== undefined);
	if (time >= 0) {
		for (const [index, other] of list.entries()) scaleOf(list[time]!, other, [places[time]!, places[index]!]);
	}
	return list;
}

/** Functions whose result is one of their arguments. */
const CHOOSING: ReadonlySet<string> = new Set(['coalesce', 'ifnull', 'nullif', 'min', 'max']);

function scalarCall(scalar: ScalarFunction, given: readonly Bound[], at: number): Bound {
	const list = CHOOSING.has(scalar.name) ? unified(given, at) : given;
	const constant = scalar.varies !== true && list.every((argument) => argument.constant);
	if (scalar.name === 'coalesce') return { kind: 'coalesce', operands: list, constant, ...commonFacts(list) };
	if (scalar.name === 'iif') {
		const [result, otherwise] = unified(list.slice(1), at);
		return caseOf([{ when: list[0]!, result: result! }], otherwise!);
	}
	const type = resultType(scalar, list);
	const output =
		typeof scalar.output === 'function' ? scalar.output(list.map((argument) => argument.output)) : scalar.output;
	const unit = unitOf(scalar.name, list);
	return { kind: 'call', function: scalar, arguments: list, constant, ...facts(type, output), unit };
}

function resultType(
	entry: { type: StaticType | ((types: readonly StaticType[]) => StaticType) },
	list: readonly Bound[],
): StaticType {
	return typeof entry.type === 'function' ? entry.type(list.map((argument) => argument.type)) : entry.type;
}

function unknownFunction(call: SyntaxCall): SqlError {
	if (WINDOW_FUNCTIONS.has(call.name.toLowerCase())) {
		return new SqlError(
			`${call.name}() needs OVER (…)`,
			'ERR_SQL_FUNCTION',
			call.at,
			`for example ${call.name}(…) OVER (ORDER BY ts)`,
		);
	}
	const table = TABLE_FUNCTIONS.get(call.name.toLowerCase());
	if (table !== undefined) {
		return new SqlError(
			`${table.name}() is a table, not a value`,
			'ERR_SQL_FUNCTION',
			call.at,
			`write it in FROM: (SELECT group_concat(value) FROM ${table.name}(…)), or FROM exchanges e, ${table.name}(e.req_headers) j`,
		);
	}
	return new SqlError(
		`unknown function ${call.name}`,
		'ERR_SQL_FUNCTION',
		call.at,
		functionElsewhere(call.name) ?? didYouMean(call.name, functionNames(), '.help functions lists the functions'),
	);
}

export function checkCount(entry: FunctionDoc, count: number, at: number): void {
	const { minArguments: min, maxArguments: max } = entry;
	if (count >= min && count <= max) return;
	const expected =
		min === max ? String(min) : max === Number.POSITIVE_INFINITY ? `at least ${min}` : `${min} to ${max}`;
	const noun = expected === '1' || expected === 'at least 1' ? 'argument' : 'arguments';
	throw new SqlError(
		`${entry.name}() takes ${expected} ${noun}, got ${count}`,
		'ERR_SQL_FUNCTION',
		at,
		entry.signature,
	);
}

/** A text that is the same for equal calls, wherever they are in the statement. */
function keyOfCall(call: SyntaxCall): string {
	return JSON.stringify(call, (name, value: unknown) => {
		if (name === 'at') return undefined;
		return typeof value === 'bigint' ? `${value}n` : value;
	});
}

function bindAggregate(call: SyntaxCall, scope: Scope, binders: Binders, entry: AggregateFunction): Bound {
	if (!scope.clause.aggregates) {
		const hint = scope.clause === CLAUSES.where ? 'conditions on aggregates belong in HAVING' : undefined;
		throw new SqlError(
			`the aggregate ${entry.name}() cannot be used in ${scope.clause.name}`,
			'ERR_SQL_FUNCTION',
			call.at,
			hint,
		);
	}
	checkAggregate(call, entry);
	const key = keyOfCall(call);
	let slot = scope.aggregates.findIndex((known) => known.key === key);
	if (slot < 0) {
		const bound = scope.within(CLAUSES.argument, (): AggregateCall => {
			const list = aggregateArguments(call, entry, scope, binders);
			checkNumbers(entry, list[0], call.arguments[0]?.at ?? call.at);
			const filter = call.filter === undefined ? undefined : binders.bind(call.filter, scope);
			return {
				function: entry,
				arguments: list,
				distinct: call.distinct,
				filter,
				order: binders.order(call.order, scope),
				key,
			};
		});
		slot = scope.aggregates.push(bound) - 1;
	}
	return {
		kind: 'aggregate',
		owner: scope.owner,
		slot,
		constant: false,
		...aggregateFacts(entry, scope.aggregates[slot]!.arguments),
	};
}

function checkNumbers(entry: AggregateFunction, argument: Bound | undefined, at: number): void {
	if (entry.numbersOnly !== true || argument === undefined) return;
	if (argument.type !== 'text' && argument.type !== 'blob') return;
	throw new SqlError(
		`${entry.name}() needs numbers, got ${argument.output ?? argument.type}`,
		'ERR_SQL_TYPE',
		at,
		'percentile_disc() takes any values; CAST(… AS REAL) makes a number of a text',
	);
}

function aggregateArguments(
	call: SyntaxCall,
	entry: AggregateFunction | WindowFunction,
	scope: Scope,
	binders: Binders,
): readonly Bound[] {
	const list = call.arguments.map((argument) => binders.bind(argument, scope));
	const accepts = 'accepts' in entry ? entry.accepts : undefined;
	if (accepts === undefined) return list;
	return list.map((argument, index) =>
		index === 0 ? acceptedArgument(argument, accepts, entry.name, call.arguments[0]!.at) : argument,
	);
}

function aggregateFacts(entry: AggregateFunction | WindowFunction, list: readonly Bound[]) {
	const type = resultType(entry, list);
	// The result has the argument's type if it is one of its values: the smallest of datetimes is a datetime.
	const same = typeof entry.type === 'function' && type === list[0]?.type ? list[0]?.output : undefined;
	return { ...facts(type, same ?? ('output' in entry ? entry.output : undefined)), unit: unitOf(entry.name, list) };
}

function checkAggregate(call: SyntaxCall, entry: AggregateFunction): void {
	if (call.star && entry.name !== 'count')
		throw syntaxError(`only count can be called with *, not ${entry.name}`, call.at);
	if (!call.star && entry.ordered !== true) checkCount(entry, call.arguments.length, call.at);
	if (call.distinct && entry.ordered === true) throw unsupported(`${entry.name}() cannot have DISTINCT`, call.at);
	if (call.distinct && call.arguments.length !== 1) throw syntaxError('DISTINCT takes exactly one argument', call.at);
	if (call.order.length > 0 && !['group_concat', 'string_agg', 'json_group_array', 'spark'].includes(entry.name)) {
		throw unsupported(`ORDER BY has no meaning inside ${entry.name}()`, call.at);
	}
}

// ---- windows ------------------------------------------------------------------------------------------------------

function bindWindowCall(
	call: SyntaxCall,
	scope: Scope,
	binders: Binders,
	entry: WindowFunction | AggregateFunction | undefined,
): Bound {
	if (entry === undefined) {
		if (SCALAR_FUNCTIONS.has(call.name.toLowerCase()))
			throw syntaxError(`${call.name}() is not an aggregate and cannot have OVER`, call.at);
		throw unknownFunction(call);
	}
	if (!scope.clause.windows) {
		throw new SqlError(
			`a window function cannot be used in ${scope.clause.name}`,
			'ERR_SQL_FUNCTION',
			call.at,
			'compute it in a subquery, then use its column',
		);
	}
	if ('create' in entry) checkAggregate(call, entry);
	else checkCount(entry, call.arguments.length, call.at);
	if (call.distinct || call.order.length > 0)
		throw unsupported('DISTINCT and ORDER BY are not supported inside window functions', call.at);
	if (call.filter !== undefined && !('create' in entry))
		throw syntaxError('FILTER works only with aggregates', call.at);
	const key = keyOfCall(call);
	let slot = scope.windows.findIndex((known) => known.key === key);
	if (slot < 0) {
		const bound = scope.within(CLAUSES.window, (): WindowCall => {
			const list = aggregateArguments(call, entry, scope, binders);
			if ('create' in entry) checkNumbers(entry, list[0], call.arguments[0]?.at ?? call.at);
			const window = windowOf(call.over!, scope, call.at);
			const order = binders.order(window.order, scope);
			return {
				function: entry,
				arguments: list,
				filter: call.filter === undefined ? undefined : binders.bind(call.filter, scope),
				partition: window.partition.map((item) => binders.bind(item, scope)),
				order,
				frame: frameOf(window, order, scope, binders, call.at),
				key,
			};
		});
		slot = scope.windows.push(bound) - 1;
	}
	return {
		kind: 'window',
		owner: scope.owner,
		slot,
		constant: false,
		...aggregateFacts(entry, scope.windows[slot]!.arguments),
	};
}

function windowOf(over: Window | string, scope: Scope, at: number, depth = 0): Window {
	const window = typeof over === 'string' ? scope.windowDefinitions.get(over.toLowerCase()) : over;
	if (window === undefined || depth > 10)
		throw new SqlError(
			`unknown window ${String(over)}`,
			'ERR_SQL_NAME',
			at,
			didYouMean(String(over), scope.windowDefinitions.keys()),
		);
	if (window.base === undefined) return window;
	const base = windowOf(window.base, scope, at, depth + 1);
	return {
		base: undefined,
		partition: base.partition,
		order: base.order.length > 0 ? base.order : window.order,
		frame: window.frame,
	};
}

function frameOf(
	{ frame }: Window,
	order: readonly OrderTerm[],
	scope: Scope,
	binders: Binders,
	at: number,
): BoundFrame {
	if (frame === undefined) {
		return { unit: 'range', start: { kind: 'unbounded preceding' }, end: { kind: 'current row' } };
	}
	const bound = (edge: FrameBound): BoundFrameBound => {
		if (!('offset' in edge)) return edge;
		const offset = binders.bind(edge.offset, scope);
		const isByValue = frame.unit === 'range' && order.length === 1;
		return {
			kind: edge.kind,
			offset: isByValue ? fittedOffset(offset, order[0]!.expression, edge.offset.at) : offset,
		};
	};
	const result = { unit: frame.unit, start: bound(frame.start), end: bound(frame.end) };
	const hasOffset = 'offset' in result.start || 'offset' in result.end;
	if (frame.unit === 'range' && hasOffset && order.length !== 1) {
		throw syntaxError('RANGE with an offset needs exactly one ORDER BY term in its window', at);
	}
	if (frame.unit === 'groups' && order.length === 0) throw syntaxError('GROUPS needs an ORDER BY in its window', at);
	return result;
}
