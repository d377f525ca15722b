// JSON functions and the operators -> and ->>. They return NULL where SQLite reports "malformed JSON", because a column
// of bodies contains other types, too.
import type { ColumnType } from '../../store/table.ts';
import { SqlError } from '../limits/sql-error.ts';
import { literalNumber } from '../text/literals.ts';
import { Interval } from '../values/interval.ts';
import { Real, toText, type Value } from '../values/value.ts';
import type { Evaluate, FunctionDoc, ScalarFunction } from './function-table.ts';
import { follow, type JsonNode, minified, parseJson, parsePath, stringValue } from './json-text.ts';

function doc(
	name: string,
	signature: string,
	text: string,
	example: FunctionDoc['example'],
	min: number,
	max = min,
): FunctionDoc {
	return { name, signature, doc: text, example, group: 'json', minArguments: min, maxArguments: max };
}

export const JSON_FUNCTIONS: readonly ScalarFunction[] = [
	{
		...doc(
			'json_extract',
			'json_extract(json, path, …)',
			'the value at a path such as $.items[0].name; several paths give an array',
			["json_extract('{\"a\":[1,2]}', '$.a[1]')", 2],
			2,
			Number.POSITIVE_INFINITY,
		),
		type: 'any',
		strict: true,
		create: () => {
			const parse = remembering();
			return (json, ...paths) => {
				const text = toText(json!);
				const root = parse(text);
				if (root === undefined) return null;
				const nodes = paths.map((path) => follow(root, stepsOf(toText(path!))));
				if (nodes.length > 1)
					return `[${nodes.map((node) => (node === undefined ? 'null' : minified(text, node))).join(',')}]`;
				return sqlValue(text, nodes[0]);
			};
		},
	},
	{
		...doc('->', 'json -> path', 'the part at a path, a name or an index, as JSON', ["'{\"a\":[1]}' -> 'a'", '[1]'], 2),
		type: 'text',
		output: 'json',
		strict: true,
		create: () => arrow((text, node) => minified(text, node)),
	},
	{
		...doc('->>', 'json ->> path', 'the value at a path, a name or an index', ["'{\"a\":1}' ->> 'a'", 1], 2),
		type: 'any',
		strict: true,
		create: () => arrow(sqlValue),
	},
	{
		...doc(
			'[]',
			'json[name or index]',
			'the value of that name or index',
			["'{\"a\":1}'::json['a']", 1],
			2,
			Number.POSITIVE_INFINITY,
		),
		type: 'any',
		strict: true,
		create: () => {
			const parse = remembering();
			return (json, ...keys) => {
				const text = toText(json!);
				let node = parse(text);
				for (const key of keys) {
					if (node === undefined) return null;
					if (typeof key === 'string') node = follow(node, [key]);
					else if (Number.isInteger(key)) node = follow(node, [indexStep(key as number)]);
					else return null;
				}
				return sqlValue(text, node);
			};
		},
	},
	{
		...doc('json_valid', 'json_valid(text)', '1 when the text is JSON', ['json_valid(\'{"a":\')', 0], 1),
		type: 'int',
		strict: true,
		create: () => (text) => (parseJson(toText(text!)) === undefined ? 0 : 1),
	},
	{
		...doc(
			'json',
			'json(text)',
			'the JSON without white space between its parts',
			['json(\'{ "a": 1 }\')', '{"a":1}'],
			1,
		),
		type: 'text',
		output: 'json',
		strict: true,
		create: () => (json) => {
			const text = toText(json!);
			const node = parseJson(text);
			return node === undefined ? null : minified(text, node);
		},
	},
	{
		...doc(
			'json_type',
			'json_type(json [, path])',
			'object, array, text, integer, real, true, false or null',
			["json_type('[1.5]', '$[0]')", 'real'],
			1,
			2,
		),
		type: 'text',
		strict: true,
		create: () => {
			const parse = remembering();
			return (json, path) => {
				const node = at(parse(toText(json!)), path);
				return node === undefined ? null : node.kind === 'string' ? 'text' : node.kind;
			};
		},
	},
	{
		...doc(
			'json_array_length',
			'json_array_length(json [, path])',
			'number of items in an array, 0 for anything else',
			["json_array_length('[1,2,3]')", 3],
			1,
			2,
		),
		type: 'int',
		strict: true,
		create: () => {
			const parse = remembering();
			return (json, path) => {
				const node = at(parse(toText(json!)), path);
				return node === undefined ? null : node.kind === 'array' ? node.items.length : 0;
			};
		},
	},
	{
		...doc('json_quote', 'json_quote(value)', 'the value as JSON', ["json_quote('a\"b')", '"a\\"b"'], 1),
		type: 'text',
		output: 'json',
		strict: false,
		create: (_context, outputs) => (value) => jsonOf(value!, outputs[0]),
	},
	{
		...doc(
			'json_array',
			'json_array(value, …)',
			'a JSON array of the values',
			["json_array(1, 'a', NULL)", '[1,"a",null]'],
			0,
			Number.POSITIVE_INFINITY,
		),
		type: 'text',
		output: 'json',
		strict: false,
		create:
			(_context, outputs) =>
			(...values) =>
				`[${values.map((value, index) => jsonOf(value, outputs[index])).join(',')}]`,
	},
	{
		...doc(
			'json_object',
			'json_object(name, value, …)',
			'a JSON object of names and values',
			["json_object('id', 1)", '{"id":1}'],
			0,
			Number.POSITIVE_INFINITY,
		),
		type: 'text',
		output: 'json',
		strict: false,
		create:
			(_context, outputs) =>
			(...values) => {
				if (values.length % 2 !== 0)
					throw new SqlError('json_object() takes pairs of names and values', 'ERR_SQL_VALUE');
				const parts: string[] = [];
				for (let index = 0; index < values.length; index += 2) {
					const name = values[index]!;
					if (typeof name !== 'string') throw new SqlError('the names of json_object() must be text', 'ERR_SQL_VALUE');
					parts.push(`${JSON.stringify(name)}:${jsonOf(values[index + 1]!, outputs[index + 1])}`);
				}
				return `{${parts.join(',')}}`;
			},
	},
];

/** Caches the last text, because several functions often read the same one. */
export function remembering(): (text: string) => JsonNode | undefined {
	let last: string | undefined;
	let node: JsonNode | undefined;
	return (text) => {
		if (text !== last) {
			node = parseJson(text);
			last = text;
		}
		return node;
	};
}

export function stepsOf(path: string) {
	const steps = parsePath(path);
	if (steps === undefined)
		throw new SqlError(`expected a JSON path such as $.name or $[0], got ${path.slice(0, 40)}`, 'ERR_SQL_VALUE');
	return steps;
}

function at(root: JsonNode | undefined, path: Value | undefined): JsonNode | undefined {
	if (root === undefined || path === undefined) return root;
	return follow(root, stepsOf(toText(path!)));
}

function arrow(finish: (text: string, node: JsonNode) => Value): Evaluate {
	const parse = remembering();
	return (json, path) => {
		const text = toText(json!);
		const root = parse(text);
		if (root === undefined) return null;
		const node = follow(root, labelSteps(path!));
		return node === undefined ? null : finish(text, node);
	};
}

/** A whole number is an index (from the end if negative), a text with $ at its start a path, any other text a name. */
function labelSteps(label: Value): ReturnType<typeof stepsOf> {
	if (typeof label === 'number' && Number.isInteger(label)) return [indexStep(label)];
	const text = toText(label as Exclude<Value, null>);
	return text.startsWith('$') ? stepsOf(text) : [text];
}

function indexStep(index: number) {
	return { index: Math.abs(index), fromEnd: index < 0 };
}

export function sqlValue(text: string, node: JsonNode | undefined): Value {
	if (node === undefined) return null;
	switch (node.kind) {
		case 'null':
			return null;
		case 'true':
			return 1;
		case 'false':
			return 0;
		case 'string':
			return stringValue(text.slice(node.start, node.end));
		case 'integer':
		case 'real':
			return literalNumber(text.slice(node.start, node.end));
		default:
			return minified(text, node);
	}
}

export function jsonOf(value: Value, output: ColumnType | undefined): string {
	if (value === null) return 'null';
	if (value instanceof Interval) return JSON.stringify(toText(value));
	if (typeof value === 'string')
		return output === 'json' && parseJson(value) !== undefined ? value : JSON.stringify(value);
	if (value instanceof Uint8Array)
		throw new SqlError('JSON cannot hold a blob', 'ERR_SQL_VALUE', undefined, 'write base64(…) or hex(…) around it');
	if (value instanceof Real || typeof value === 'number') {
		const number = value instanceof Real ? value.value : value;
		if (!Number.isFinite(number)) return 'null';
	}
	return toText(value);
}
