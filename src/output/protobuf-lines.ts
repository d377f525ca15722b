// Protobuf messages as lines. Without a schema: field numbers, wire types and values; a length-delimited field may be a text,
// bytes or a message: what reads as a text is shown as one, what reads as a message to its end as a message, and everything
// else as bytes. With a schema, fields have their names and types.
import { isUtf8 } from 'node:buffer';
import type { ProtoField, ProtoType } from './proto-schema.ts';
import { forTerminal } from './terminal-text.ts';

/** More fields, or deeper ones, are left out. */
const MOST_FIELDS = 200;
const DEEPEST = 10;
/** Bytes shown of a field. */
const SHOWN_BYTES = 32;

type Value =
	| { readonly kind: 'varint'; readonly value: bigint }
	| { readonly kind: 'fixed64'; readonly value: bigint }
	| { readonly kind: 'fixed32'; readonly value: number }
	| { readonly kind: 'bytes'; readonly value: Uint8Array };

type Field = { readonly number: number; readonly value: Value };

/** One line for each field; null if the bytes are not a message. An empty message is one without fields only with a type. */
export function protobufLines(bytes: Uint8Array, raw = false, type?: ProtoType): string[] | null {
	const fields = bytes.length === 0 && type !== undefined ? [] : readFields(bytes);
	if (fields === null) return null;
	const lines: string[] = [];
	write(fields, { indent: '', depth: 0, lines, raw }, type);
	return lines;
}

type Place = { readonly indent: string; readonly depth: number; readonly lines: string[]; readonly raw: boolean };

function write(fields: readonly Field[], place: Place, type: ProtoType | undefined): void {
	for (const field of fields) {
		const { lines, indent } = place;
		if (lines.length >= MOST_FIELDS) {
			if (lines.length === MOST_FIELDS) lines.push(`${indent}…`);
			return;
		}
		const known = type?.field(field.number);
		if (known === undefined || !writeKnown(field.value, known, place)) writeUnknown(field, place);
	}
}

function writeUnknown({ number, value }: Field, place: Place): void {
	const { indent, depth, lines, raw } = place;
	const name = `${indent}${number}`;
	if (value.kind !== 'bytes') {
		lines.push(`${name} ${value.kind}: ${numberForms(value)}`);
		return;
	}
	const bytes = value.value;
	if (isText(bytes)) {
		lines.push(`${name} string: ${textOf(bytes, raw)}`);
		return;
	}
	const inner = depth < DEEPEST ? readFields(bytes) : null;
	if (inner === null) {
		lines.push(`${name} bytes: ${hexOf(bytes)}`);
		return;
	}
	lines.push(`${name} message:`);
	write(inner, inside(place), undefined);
}

/** Writes a field that the schema has. Returns false if its bytes are not what the schema says. */
function writeKnown(value: Value, field: ProtoField, place: Place): boolean {
	const { indent, depth, lines, raw } = place;
	const { name, scalar } = field;
	if (field.type !== undefined) {
		const fields =
			value.kind !== 'bytes' || depth >= DEEPEST ? null : value.value.length === 0 ? [] : readFields(value.value);
		if (fields === null) return false;
		lines.push(`${indent}${name}:`);
		write(fields, inside(place), field.type());
		return true;
	}
	if (value.kind === 'bytes' && (scalar === 'string' || scalar === 'bytes')) {
		if (scalar === 'string' && !isUtf8(value.value)) return false;
		lines.push(`${indent}${name}: ${scalar === 'string' ? textOf(value.value, raw) : hexOf(value.value)}`);
		return true;
	}
	const wire = wireOf(scalar);
	const values = value.kind === 'bytes' && wire !== 'bytes' ? packed(value.value, wire) : [value];
	const texts = values?.map((each) => scalarText(each, field));
	if (texts === undefined || texts.includes(null)) return false;
	lines.push(`${indent}${name}: ${value.kind === 'bytes' ? `[${texts.join(', ')}]` : texts[0]}`);
	return true;
}

function inside({ indent, depth, lines, raw }: Place): Place {
	return { indent: `${indent}  `, depth: depth + 1, lines, raw };
}

/** The wire type of a scalar, or of an enum. */
function wireOf(scalar: string | undefined): Value['kind'] {
	if (scalar === 'string' || scalar === 'bytes') return 'bytes';
	if (scalar === 'double' || scalar === 'fixed64' || scalar === 'sfixed64') return 'fixed64';
	return scalar === 'float' || scalar === 'fixed32' || scalar === 'sfixed32' ? 'fixed32' : 'varint';
}

/** The values of a repeated field without tags. */
function packed(bytes: Uint8Array, wire: Value['kind']): Value[] | undefined {
	const reader = new Reader(bytes);
	const values: Value[] = [];
	while (!reader.isAtEnd) {
		const value = reader.value(wire === 'varint' ? 0 : wire === 'fixed64' ? 1 : 5);
		if (value === null) return undefined;
		values.push(value);
	}
	return values;
}

/** Null if the value has another wire type. */
function scalarText(value: Value, { scalar, valueName }: ProtoField): string | null {
	if (value.kind === 'bytes' || value.kind !== wireOf(scalar)) return null;
	if (value.kind === 'fixed32') {
		if (scalar === 'float') return `${float32(value.value)}`;
		return `${scalar === 'sfixed32' ? value.value | 0 : value.value}`;
	}
	const { value: bits } = value;
	if (value.kind === 'fixed64') {
		if (scalar === 'double') return `${float64(bits)}`;
		return `${scalar === 'sfixed64' ? BigInt.asIntN(64, bits) : bits}`;
	}
	switch (scalar) {
		case undefined:
			return valueName?.(Number(BigInt.asIntN(32, bits))) ?? `${BigInt.asIntN(32, bits)}`;
		case 'bool':
			return `${bits !== 0n}`;
		case 'int32':
			return `${BigInt.asIntN(32, bits)}`;
		case 'uint32':
			return `${BigInt.asUintN(32, bits)}`;
		case 'int64':
			return `${BigInt.asIntN(64, bits)}`;
		case 'sint32':
		case 'sint64':
			return `${(bits >> 1n) ^ -(bits & 1n)}`;
		default:
			return `${bits}`;
	}
}

function textOf(bytes: Uint8Array, raw: boolean): string {
	return JSON.stringify(forTerminal(Buffer.from(bytes).toString('utf8'), { raw }));
}

function hexOf(bytes: Uint8Array): string {
	const hex = Buffer.from(bytes.subarray(0, SHOWN_BYTES)).toString('hex');
	return `${hex}${bytes.length > SHOWN_BYTES ? '…' : ''} (${bytes.length})`;
}

/** The number, and what else it may be: a negative one, or one with a fraction. */
function numberForms(value: Exclude<Value, { readonly kind: 'bytes' }>): string {
	if (value.kind === 'fixed32') return `${value.value} (${float32(value.value)})`;
	if (value.kind === 'fixed64') return `${value.value} (${float64(value.value)})`;
	return value.value >> 63n === 0n ? `${value.value}` : `${value.value} (${BigInt.asIntN(64, value.value)})`;
}

const scratch = new DataView(new ArrayBuffer(8));

function float32(bits: number): number {
	scratch.setUint32(0, bits);
	return Number(scratch.getFloat32(0).toPrecision(7));
}

function float64(bits: bigint): number {
	scratch.setBigUint64(0, bits);
	return scratch.getFloat64(0);
}

/** Whether the bytes are UTF-8 without control characters other than white space. */
function isText(bytes: Uint8Array): boolean {
	return isUtf8(bytes) && bytes.every((byte) => (byte >= 32 && byte !== 127) || (byte >= 9 && byte <= 13));
}

/** The fields of a message; null if the bytes do not end with a field, or have none. */
function readFields(bytes: Uint8Array): Field[] | null {
	const reader = new Reader(bytes);
	const fields: Field[] = [];
	while (!reader.isAtEnd) {
		const tag = reader.varint();
		const number = tag === null ? 0 : Number(tag >> 3n);
		if (tag === null || number === 0 || number > 0x1fffffff) return null;
		const value = reader.value(Number(tag & 7n));
		if (value === null) return null;
		fields.push({ number, value });
	}
	return fields.length === 0 ? null : fields;
}

class Reader {
	readonly #bytes: Uint8Array;
	readonly #view: DataView;
	#at = 0;

	constructor(bytes: Uint8Array) {
		this.#bytes = bytes;
		this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	}

	get isAtEnd(): boolean {
		return this.#at >= this.#bytes.length;
	}

	varint(): bigint | null {
		let value = 0n;
		for (let shift = 0n; shift < 70n && !this.isAtEnd; shift += 7n) {
			const byte = this.#bytes[this.#at++]!;
			value |= BigInt(byte & 127) << shift;
			if (byte < 128) return BigInt.asUintN(64, value);
		}
		return null;
	}

	/** A value of this wire type; null if it does not end within the bytes. */
	value(wire: number): Value | null {
		if (wire === 0) {
			const value = this.varint();
			return value === null ? null : { kind: 'varint', value };
		}
		const length = wire === 1 ? 8n : wire === 5 ? 4n : wire === 2 ? this.varint() : null;
		if (length === null || length > BigInt(this.#bytes.length - this.#at)) return null;
		const from = this.#at;
		this.#at += Number(length);
		if (wire === 1) return { kind: 'fixed64', value: this.#view.getBigUint64(from, true) };
		if (wire === 5) return { kind: 'fixed32', value: this.#view.getUint32(from, true) };
		return { kind: 'bytes', value: this.#bytes.subarray(from, this.#at) };
	}
}
