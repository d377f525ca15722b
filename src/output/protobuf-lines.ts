// Protobuf without a schema: field numbers, wire types and values. A length-delimited field may be a text, bytes or a message;
// what reads as a text is shown as one, what reads as a message to its end as a message, and everything else as bytes.
import { isUtf8 } from 'node:buffer';
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

/** One line for each field; null if the bytes are not a message. */
export function protobufLines(bytes: Uint8Array, raw = false): string[] | null {
	const fields = readFields(bytes);
	if (fields === null) return null;
	const lines: string[] = [];
	write(fields, '', 0, lines, raw);
	return lines;
}

function write(fields: readonly Field[], indent: string, depth: number, lines: string[], raw: boolean): void {
	for (const { number, value } of fields) {
		if (lines.length >= MOST_FIELDS) {
			if (lines.length === MOST_FIELDS) lines.push(`${indent}…`);
			return;
		}
		const name = `${indent}${number}`;
		if (value.kind !== 'bytes') {
			lines.push(`${name} ${value.kind}: ${numberForms(value)}`);
			continue;
		}
		const bytes = value.value;
		if (isText(bytes)) {
			lines.push(`${name} string: ${JSON.stringify(forTerminal(Buffer.from(bytes).toString('utf8'), { raw }))}`);
			continue;
		}
		const inner = depth < DEEPEST ? readFields(bytes) : null;
		if (inner !== null) {
			lines.push(`${name} message:`);
			write(inner, `${indent}  `, depth + 1, lines, raw);
			continue;
		}
		const hex = Buffer.from(bytes.subarray(0, SHOWN_BYTES)).toString('hex');
		lines.push(`${name} bytes: ${hex}${bytes.length > SHOWN_BYTES ? '…' : ''} (${bytes.length})`);
	}
}

/** The number, and what else it may be: a negative one, or one with a fraction. */
function numberForms(value: Exclude<Value, { readonly kind: 'bytes' }>): string {
	if (value.kind === 'varint') {
		return value.value >> 63n === 0n ? `${value.value}` : `${value.value} (${BigInt.asIntN(64, value.value)})`;
	}
	const view = new DataView(new ArrayBuffer(8));
	if (value.kind === 'fixed32') {
		view.setUint32(0, value.value);
		return `${value.value} (${Number(view.getFloat32(0).toPrecision(7))})`;
	}
	view.setBigUint64(0, value.value);
	return `${value.value} (${view.getFloat64(0)})`;
}

/** Whether the bytes are UTF-8 without control characters other than white space. */
function isText(bytes: Uint8Array): boolean {
	return isUtf8(bytes) && bytes.every((byte) => (byte >= 32 && byte !== 127) || (byte >= 9 && byte <= 13));
}

/** The fields of a message; null if the bytes do not end with a field, or have none. */
function readFields(bytes: Uint8Array): Field[] | null {
	const fields: Field[] = [];
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	let at = 0;
	const varint = (): bigint | null => {
		let value = 0n;
		for (let shift = 0n; shift < 70n && at < bytes.length; shift += 7n) {
			const byte = bytes[at++]!;
			value |= BigInt(byte & 127) << shift;
			if (byte < 128) return BigInt.asUintN(64, value);
		}
		return null;
	};
	while (at < bytes.length) {
		const tag = varint();
		const number = tag === null ? 0 : Number(tag >> 3n);
		if (tag === null || number === 0 || number > 0x1fffffff) return null;
		const value = readValue(Number(tag & 7n));
		if (value === null) return null;
		fields.push({ number, value });
	}
	return fields.length === 0 ? null : fields;

	function readValue(type: number): Value | null {
		if (type === 0) {
			const value = varint();
			return value === null ? null : { kind: 'varint', value };
		}
		const length = type === 1 ? 8n : type === 5 ? 4n : type === 2 ? varint() : null;
		if (length === null || length > BigInt(bytes.length - at)) return null;
		const from = at;
		at += Number(length);
		if (type === 1) return { kind: 'fixed64', value: view.getBigUint64(from, true) };
		if (type === 5) return { kind: 'fixed32', value: view.getUint32(from, true) };
		return { kind: 'bytes', value: bytes.subarray(from, at) };
	}
}
