// Functions that are tables: json_each and json_tree, with the columns that SQLite gives them. As everywhere, malformed
// JSON counts as NULL, which has no rows.
import type { ColumnType } from '../../store/table.ts';
import { type StaticType, toText, type Value } from '../values/value.ts';
import type { FunctionContext, FunctionDoc } from './function-table.ts';
import { remembering, sqlValue, stepsOf } from './json.ts';
import { type JsonNode, rawName } from './json-text.ts';

export type TableFunction = FunctionDoc & {
	readonly columns: readonly { readonly name: string; readonly type: StaticType; readonly output?: ColumnType }[];
	/** Creates the function for one statement. It passes each row to `add`. Arguments are never NULL. */
	readonly create: (
		context: FunctionContext,
	) => (list: readonly Exclude<Value, null>[], add: (row: Value[]) => void) => void;
};

const COLUMNS: TableFunction['columns'] = [
	{ name: 'key', type: 'any' },
	{ name: 'value', type: 'any' },
	{ name: 'type', type: 'text' },
	{ name: 'atom', type: 'any' },
	{ name: 'id', type: 'int' },
	{ name: 'parent', type: 'int' },
	{ name: 'fullkey', type: 'text' },
	{ name: 'path', type: 'text' },
];

export const TABLE_FUNCTIONS: readonly TableFunction[] = [
	{
		name: 'json_each',
		signature: 'json_each(json [, path])',
		doc: 'a row for each item of an array or member of an object, with key, value, type, atom, id, parent, fullkey and path',
		example: [`(SELECT group_concat(key || '=' || value) FROM json_each('{"a":1,"b":[2]}'))`, 'a=1,b=[2]'],
		group: 'table',
		minArguments: 1,
		maxArguments: 2,
		columns: COLUMNS,
		create: (context) => walk(false, context),
	},
	{
		name: 'json_tree',
		signature: 'json_tree(json [, path])',
		doc: 'a row for each value at any depth, from the root down, with the same columns',
		example: [
			`(SELECT group_concat(fullkey, ' ') FROM json_tree('{"a":{"b":[1,2]}}') WHERE atom > 0)`,
			'$.a.b[0] $.a.b[1]',
		],
		group: 'table',
		minArguments: 1,
		maxArguments: 2,
		columns: COLUMNS,
		create: (context) => walk(true, context),
	},
];

/** A value and its position. */
type Place = {
	readonly node: JsonNode;
	readonly key: string | number | null;
	/** SQLite's number of the value: values and names are counted together, from 0, in the order of the text. */
	readonly id: number;
	readonly parent: Place | undefined;
	readonly fullkey: string;
};

function walk(isTree: boolean, { poll }: FunctionContext): ReturnType<TableFunction['create']> {
	const parse = remembering();
	return ([json, path], add) => {
		const text = toText(json!);
		const root = parse(text);
		if (root === undefined) return;
		const sizes = new Map<JsonNode, number>();
		const wanted = path === undefined ? '$' : toText(path);
		let top: Place | undefined = { node: root, key: null, id: 0, parent: undefined, fullkey: '$' };
		for (const step of stepsOf(wanted)) {
			top = top && stepInto(top, step, text, sizes);
			if (top === undefined) return;
		}
		let rows = 0;
		const emit = ({ node, key, id, fullkey }: Place, parent: number | null, holder: string) => {
			if ((++rows & 0xff) === 0) poll();
			const isContainer = node.kind === 'object' || node.kind === 'array';
			const value = sqlValue(text, node);
			const type = node.kind === 'string' ? 'text' : node.kind;
			add([key, value, type, isContainer ? null : value, id, parent, fullkey, holder]);
		};
		if (isTree) {
			const descend = (place: Place, parent: number | null) => {
				emit(place, parent, place.parent?.fullkey ?? '$');
				for (const inner of placesIn(place, text, sizes)) descend(inner, place.id);
			};
			// Among the values that a path leads to, only an object or array with a name has a key in SQLite.
			const isContainer = top.node.kind === 'object' || top.node.kind === 'array';
			descend(typeof top.key === 'string' && isContainer ? top : { ...top, key: null }, null);
			return;
		}
		// json_each() writes the path as it was given.
		const holder: Place = { ...top, fullkey: wanted };
		if (top.node.kind !== 'object' && top.node.kind !== 'array') emit({ ...holder, key: null }, null, wanted);
		else for (const inner of placesIn(holder, text, sizes)) emit(inner, null, wanted);
	};
}

function* placesIn(parent: Place, text: string, sizes: Map<JsonNode, number>): Generator<Place> {
	const { node, fullkey } = parent;
	let id = parent.id + 1;
	if (node.kind === 'array') {
		for (const [index, item] of node.items.entries()) {
			yield { node: item, key: index, id, parent, fullkey: `${fullkey}[${index}]` };
			id += sizeOf(item, sizes);
		}
	} else if (node.kind === 'object') {
		for (const [name, value] of node.entries) {
			// The name has a number of its own.
			id++;
			yield { node: value, key: name, id, parent, fullkey: `${fullkey}.${pathName(text, name, value)}` };
			id += sizeOf(value, sizes);
		}
	}
}

function stepInto(
	place: Place,
	step: ReturnType<typeof stepsOf>[number],
	text: string,
	sizes: Map<JsonNode, number>,
): Place | undefined {
	const { node } = place;
	const index =
		typeof step === 'string' || node.kind !== 'array' ? -1 : step.fromEnd ? node.items.length - step.index : step.index;
	for (const inner of placesIn(place, text, sizes))
		if (inner.key === (typeof step === 'string' ? step : index)) return inner;
	return undefined;
}

/** The number of values and names that a value consists of. */
function sizeOf(node: JsonNode, sizes: Map<JsonNode, number>): number {
	const known = sizes.get(node);
	if (known !== undefined) return known;
	let size = 1;
	if (node.kind === 'array') for (const item of node.items) size += sizeOf(item, sizes);
	else if (node.kind === 'object') for (const [, value] of node.entries) size += 1 + sizeOf(value, sizes);
	if (node.kind === 'array' || node.kind === 'object') sizes.set(node, size);
	return size;
}

/** A name as SQLite writes it in a path: without quotes if it has only letters and digits. */
function pathName(text: string, name: string, value: JsonNode): string {
	return /^[A-Za-z][A-Za-z0-9]*$/.test(name) ? name : rawName(text, name, value);
}
