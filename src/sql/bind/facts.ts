// Facts about an expression's values that are known before it runs.
import type { ColumnType } from '../../store/table.ts';
import { Interval } from '../values/interval.ts';
import { Real, type StaticType, type Value } from '../values/value.ts';
import type { Bound, Facts } from './bound.ts';

export const INTEGER: Facts = { type: 'int', affinity: 'none', nocase: false, output: 'int' };
export const UNKNOWN: Facts = { type: 'any', affinity: 'none', nocase: false, output: undefined };

export function facts(type: StaticType, output?: ColumnType): Facts {
	return { type, affinity: 'none', nocase: false, output: output ?? defaultOutput(type) };
}

function defaultOutput(type: StaticType): ColumnType | undefined {
	if (type === 'real') return 'float';
	return type === 'int' || type === 'text' || type === 'blob' || type === 'interval' ? type : undefined;
}

export function constantOf(value: Value): Bound {
	// The static type says that it is a REAL, so it needs no Real object.
	const type: StaticType =
		value === null
			? 'null'
			: typeof value === 'string'
				? 'text'
				: typeof value === 'bigint'
					? 'int'
					: typeof value === 'number'
						? Number.isSafeInteger(value)
							? 'int'
							: 'real'
						: value instanceof Real
							? 'real'
							: value instanceof Interval
								? 'interval'
								: 'blob';
	return { kind: 'constant', value: value instanceof Real ? value.value : value, constant: true, ...facts(type) };
}

export function caseOf(branches: { when: Bound; result: Bound }[], otherwise: Bound): Bound {
	const results = [...branches.map((branch) => branch.result), otherwise];
	const constant = otherwise.constant && branches.every(({ when, result }) => when.constant && result.constant);
	return { kind: 'case', branches, otherwise, constant, ...commonFacts(results) };
}

function isNumeric({ type }: Facts): boolean {
	return type === 'int' || type === 'real';
}

/** Facts about a value that is one of several. */
export function commonFacts(choices: readonly (Facts | Bound)[]): Facts {
	const typed = choices.filter((choice) => choice.type !== 'null');
	const first = typed[0];
	if (first === undefined) return facts('null');
	const type = typed.every((choice) => choice.type === first.type) ? first.type : 'any';
	const output = typed.every((choice) => choice.output === first.output) ? first.output : defaultOutput(type);
	// A literal number counts in the others' unit: coalesce(duration_ms, 0).
	const measured = typed.filter((choice) => !('kind' in choice && choice.kind === 'constant' && isNumeric(choice)));
	const unit = measured.every((choice) => choice.unit === measured[0]!.unit) ? measured[0]?.unit : undefined;
	return { type, affinity: 'none', nocase: false, output, unit };
}
