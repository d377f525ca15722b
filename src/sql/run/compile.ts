// Compiles bound expressions to closures. This file connects the parts, which know each other only through a Compiler.
import type { Bound } from '../bind/bound.ts';
import { compileColumn, compileColumnNumber } from '../evaluate/compile-column.ts';
import { compileFalse, compileTrue } from '../evaluate/compile-condition.ts';
import { compileNumber, compileValue } from '../evaluate/compile-value.ts';
import type { Compiler, Evaluator, NumberEvaluator, Runtime } from '../evaluate/runtime.ts';
import { toReal, type Value } from '../values/value.ts';
import { compileQuery } from './run-query.ts';

export function createCompiler(runtime: Runtime): Compiler {
	const compiler: Compiler = {
		runtime,
		value: (expression) => {
			if (expression.kind === 'column') return compileColumn(expression, runtime);
			return folded(expression, compileValue(expression, compiler));
		},
		any: (expression) => {
			const evaluate = compiler.value(expression);
			if (expression.type !== 'real') return evaluate;
			return folded(expression, () => {
				const value = evaluate();
				return value === null ? null : toReal(value as number);
			});
		},
		number: (expression) => {
			if (expression.kind === 'column') {
				const direct = compileColumnNumber(expression, runtime);
				if (direct !== undefined) return direct;
			}
			return foldedNumber(expression, compileNumber(expression, compiler));
		},
		isTrue: (expression) => compileTrue(expression, compiler),
		isFalse: (expression) => compileFalse(expression, compiler),
		query: (plan) => compileQuery(plan, compiler),
	};
	return compiler;
}

/** Evaluates a constant expression once. If that fails, only a row that needs the value reports the error. */
function folded(expression: Bound, evaluate: Evaluator): Evaluator {
	if (!expression.constant || expression.kind === 'constant') return evaluate;
	let value: Value;
	try {
		value = evaluate();
	} catch {
		// `evaluate` throws again when a row needs the value.
		return evaluate;
	}
	return () => value;
}

function foldedNumber(expression: Bound, evaluate: NumberEvaluator): NumberEvaluator {
	if (!expression.constant) return evaluate;
	try {
		const value = evaluate();
		return () => value;
	} catch {
		// See the comment above.
		return evaluate;
	}
}
