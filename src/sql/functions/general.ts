// Functions for values of any type.
import type { ColumnType } from '../../store/table.ts';
import type { StaticType } from '../values/value.ts';
import { compareValues, typeName } from '../values/value.ts';
import type { ScalarFunction } from './function-table.ts';

const GROUP = { group: 'general' } as const;

/** The type that all arguments have in common, or `any`. */
function commonType(types: readonly StaticType[]): StaticType {
	const typed = types.filter((type) => type !== 'null');
	return typed.length > 0 && typed.every((type) => type === typed[0]) ? typed[0]! : 'any';
}

/** The column type that all arguments have in common: the later of two datetimes is a datetime. */
function commonOutput(outputs: readonly (ColumnType | undefined)[]): ColumnType | undefined {
	return outputs.every((output) => output === outputs[0]) ? outputs[0] : undefined;
}

export const GENERAL_FUNCTIONS: readonly ScalarFunction[] = [
	{
		name: 'coalesce',
		signature: 'coalesce(value, …)',
		doc: 'the first value that is not NULL',
		example: ["coalesce(NULL, 'a', 'b')", 'a'],
		minArguments: 2,
		maxArguments: Number.POSITIVE_INFINITY,
		type: commonType,
		strict: false,
		create:
			() =>
			(...values) =>
				values.find((value) => value !== null) ?? null,
		...GROUP,
	},
	{
		name: 'ifnull',
		signature: 'ifnull(value, otherwise)',
		doc: 'the value, or the other one if it is NULL',
		example: ['ifnull(NULL, 0)', 0],
		minArguments: 2,
		maxArguments: 2,
		type: commonType,
		output: commonOutput,
		strict: false,
		create: () => (value, otherwise) => value ?? otherwise ?? null,
		...GROUP,
	},
	{
		name: 'nullif',
		signature: 'nullif(value, other)',
		doc: 'the value, or NULL when it equals the other one',
		example: ["nullif('', '')", null],
		minArguments: 2,
		maxArguments: 2,
		type: ([first]) => (first === 'real' ? 'any' : first!),
		output: ([first]) => first,
		strict: false,
		create: () => (value, other) =>
			value !== null && other !== null && compareValues(value!, other!) === 0 ? null : value!,
		...GROUP,
	},
	{
		name: 'iif',
		signature: 'iif(condition, then, otherwise)',
		doc: 'one of two values; the same as CASE WHEN',
		example: ["iif(200 < 400, 'ok', 'bad')", 'ok'],
		minArguments: 3,
		maxArguments: 3,
		type: ([, ...types]) => commonType(types),
		strict: false,
		create: () => (condition, then, otherwise) => (condition === 1 ? then! : otherwise!),
		...GROUP,
	},
	{
		name: 'typeof',
		signature: 'typeof(value)',
		doc: 'null, integer, real, text, blob or interval',
		example: ['typeof(2.0)', 'real'],
		minArguments: 1,
		maxArguments: 1,
		type: 'text',
		strict: false,
		create: () => (value) => typeName(value!),
		...GROUP,
	},
	extreme('min', 'smallest', ['min(3, 1, 2)', 1], (order) => order < 0),
	extreme('max', 'largest', ['max(3, 1, 2)', 3], (order) => order > 0),
];

function extreme(
	name: string,
	what: string,
	example: readonly [string, number],
	isBetter: (order: number) => boolean,
): ScalarFunction {
	return {
		name,
		signature: `${name}(value, value, …)`,
		doc: `the ${what} of several values, NULL if any is NULL; with one argument, the aggregate`,
		example,
		minArguments: 2,
		maxArguments: Number.POSITIVE_INFINITY,
		type: commonType,
		output: commonOutput,
		strict: true,
		create:
			() =>
			(...values) =>
				values.reduce((best, value) => (isBetter(compareValues(value, best)) ? value : best)),
		...GROUP,
	};
}
