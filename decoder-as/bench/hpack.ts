// Header compression alone, as npm run bench -- decode measures it (scripts/bench/hpack.ts).
import { FIELD, INCOMPLETE, INVALID, answer, freeTable, nameLength, newTable, readField, valueLength } from '../assembly/http2/hpack';
import { prepareHuffman } from '../assembly/http2/huffman';
import { prepareStaticTable } from '../assembly/http2/static-table';
import { allocateBeyond } from '../assembly/memory/memory';

let input: usize = 0;
let bytes: u32 = 0;

prepareHuffman();
prepareStaticTable();

export function inputPointer(length: u32): usize {
	input = allocateBeyond(length);
	return input;
}

/** Reads header blocks, each after its length (u32), with a new table. Returns the number of fields, or -1. */
export function readBlocks(length: u32): i32 {
	const table = newTable(true);
	const end = input + length;
	let fields = 0;
	bytes = 0;
	for (let at = input; at < end; ) {
		const blockEnd = at + 4 + load<u32>(at);
		at += 4;
		while (at < blockEnd) {
			at = readField(table, at, blockEnd);
			if (answer == INCOMPLETE || answer == INVALID) return -1;
			if (answer != FIELD) continue;
			fields++;
			bytes += nameLength + valueLength;
		}
	}
	freeTable(table);
	return fields;
}

/** Bytes of the names and values read last. */
export function textBytes(): u32 {
	return bytes;
}
