// libhtp's format: conversations in `.t` files. `transactions.json` in the same directory says how many transactions
// each holds. `>>>` begins bytes from the client, `<<<` bytes from the server; the line end before a marker belongs to
// the marker.
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { decodeRecords } from '../decoded-rows.ts';
import { Tape } from '../record-builder.ts';
import type { Outcome } from './outcome.ts';

/** One outcome for each file that a `transactions.json` among the paths lists: rows found, transactions expected. */
export function judgeConversations(paths: readonly string[]): Outcome[] {
	return paths.filter((path) => basename(path) === 'transactions.json').flatMap(judgeList);
}

function judgeList(list: string): Outcome[] {
	const wanted = Object.entries(JSON.parse(readFileSync(list, 'utf8')) as Record<string, number>);
	return wanted.map(([name, want]) => {
		const path = join(dirname(list), name);
		if (!existsSync(path)) return { name, got: 0, want, why: 'the file is missing' };
		const states = decodeConversation(readFileSync(path, 'latin1'));
		return { name, got: states.length, want, why: states.join(', ') };
	});
}

/** The state and reason of each row. */
function decodeConversation(text: string): string[] {
	const tape = new Tape();
	const server = tape.server(1).open();
	for (const { client, bytes } of piecesOf(text)) {
		if (bytes === '') continue;
		if (client) server.in(bytes);
		else server.out(bytes);
	}
	server.eof().close();
	return decodeRecords(tape.records).exchanges.map(({ state, reason }) => `${state} ${reason ?? ''}`.trim());
}

function piecesOf(text: string): { client: boolean; bytes: string }[] {
	const markers = [...text.matchAll(/^(>>>|<<<)\r?\n/gm)];
	return markers.map((marker, i) => {
		const next = markers[i + 1];
		const bytes = text.slice(marker.index + marker[0].length, next?.index);
		return { client: marker[1] === '>>>', bytes: next === undefined ? bytes : bytes.replace(/\r?\n$/, '') };
	});
}
