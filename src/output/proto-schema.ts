// Protobuf schemas from .proto files (--proto): what the fields of a gRPC message are called. Only protobufjs's parser is used;
// its decoders would generate code, which tinytap does not allow.
import { dirname, join } from 'node:path';
import type { Field, Root, Type } from 'protobufjs';
import { UserError } from '../base/errors.ts';

/** A message type. */
export type ProtoType = {
	readonly field: (number: number) => ProtoField | undefined;
};

export type ProtoField = {
	readonly name: string;
	/** `int32`, `string` …; undefined for a message and an enum. */
	readonly scalar?: string;
	readonly type?: () => ProtoType;
	readonly valueName?: (value: number) => string | undefined;
};

export type ProtoSchema = {
	/** The type of a request or response; undefined if the files do not define the method. */
	readonly typeOf: (service: string, method: string, isRequest: boolean) => ProtoType | undefined;
};

/** Reads the files and those they import. `read` returns the text of a file, and throws if that is not possible. */
export async function readProto(paths: readonly string[], read: (path: string) => string): Promise<ProtoSchema> {
	const { common, parse, Root } = await import('./proto-library.ts');
	const root = new Root();
	const seen = new Set<string>();
	const include = (path: string, base: string) => {
		if (seen.has(path)) return;
		seen.add(path);
		const text = read(path);
		const { imports = [], weakImports = [] } = parsed(path, () => parse(text, root, { keepCase: true }));
		for (const name of [...imports, ...weakImports]) {
			const known = common.get(name);
			if (known !== null) {
				if (!seen.has(name)) root.addJSON((known as { nested: Parameters<Root['addJSON']>[0] }).nested);
				seen.add(name);
			} else include(join(base, name), base);
		}
	};
	// As protoc does without -I, relative to the file that is given.
	for (const path of paths) include(path, dirname(path));
	parsed(paths.join(', '), () => root.resolveAll());
	return { typeOf: (service, method, isRequest) => methodType(root, service, method, isRequest) };
}

function parsed<T>(path: string, work: () => T): T {
	try {
		return work();
	} catch (error) {
		if (!(error instanceof Error)) throw error;
		throw new UserError(
			`--proto: expected a .proto file, but ${path} cannot be read: ${error.message}`,
			'ERR_PROTO',
			'Check the file with protoc. Imports are read relative to the directory of the file.',
		);
	}
}

function methodType(root: Root, service: string, method: string, isRequest: boolean): ProtoType | undefined {
	const found = root.lookup(service);
	const methods = found !== null && 'methods' in found ? (found as ReturnType<Root['lookupService']>).methods : {};
	const known = Object.hasOwn(methods, method) ? methods[method] : undefined;
	const type = isRequest ? known?.resolvedRequestType : known?.resolvedResponseType;
	return type == null ? undefined : protoType(type);
}

function protoType(type: Type): ProtoType {
	return {
		field: (number) => {
			const field = Object.hasOwn(type.fieldsById, number) ? type.fieldsById[number] : undefined;
			return field === undefined ? undefined : protoField(field);
		},
	};
}

function protoField(field: Field): ProtoField {
	const { name } = field;
	if ('keyType' in field && typeof field.keyType === 'string') {
		const key: ProtoField = { name: 'key', scalar: field.keyType };
		const value = { ...valueField(field), name: 'value' };
		return { name, type: () => ({ field: (number) => (number === 1 ? key : number === 2 ? value : undefined) }) };
	}
	return valueField(field);
}

function valueField({ name, type, resolvedType }: Field): ProtoField {
	if (resolvedType === null) return { name, scalar: type };
	if ('valuesById' in resolvedType) {
		const { valuesById } = resolvedType;
		return { name, valueName: (value) => (Object.hasOwn(valuesById, value) ? valuesById[value] : undefined) };
	}
	return { name, type: () => protoType(resolvedType) };
}
