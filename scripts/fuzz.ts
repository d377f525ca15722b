// Fuzzes the decoder with four kinds of cases, see scripts/fuzz: conversations against the reference decoder, conversations
// with lost and reordered records against themselves, records with flipped bits, and bytes that are no records at all.
// What must hold: nothing traps, entries obey their layout, every body byte is accounted for, no row mixes exchanges,
// well-formed conversations give the rows that the reference gives, in whatever pieces they come.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as wire from '../decoder-as/assembly/capture-event.ts';
import { type ExchangeRow, newDecoder, readOutput } from '../test/support/decoded-rows.ts';
import { namesIn } from '../test/support/loss.ts';
import { lossyTape, type Random, randomCalls, seededRandom } from '../test/support/random-conversation.ts';
import { buildBatch, Tape } from '../test/support/record-builder.ts';
import { type Call, type ReferenceRow, referenceRows, UNSEEN } from '../test/support/reference-decoder.ts';

const { values } = parseArgs({
	options: {
		seconds: { type: 'string' },
		count: { type: 'string' },
		seed: { type: 'string', default: '1' },
		from: { type: 'string' },
	},
});
const seed = wholeNumber('seed', values.seed);
const statePath = join(import.meta.dirname, '../build/fuzz.json');
const from = values.from === undefined ? (readState()[seed] ?? 0) : wholeNumber('from', values.from);
const count = values.count === undefined ? undefined : wholeNumber('count', values.count);
const seconds = values.seconds === undefined ? undefined : wholeNumber('seconds', values.seconds);
const deadline = Date.now() + (seconds ?? (count === undefined ? 10 : Number.POSITIVE_INFINITY)) * 1000;

/** What the case under way consists of, to be shown when it alone is run. */
let lastCalls: readonly Call[] = [];
let number = from;
for (; number < from + (count ?? Number.POSITIVE_INFINITY) && Date.now() < deadline; number++) {
	try {
		runCase(number);
	} catch (error) {
		console.error(`case ${number} of seed ${seed}: ${error instanceof Error ? error.message : error}`);
		console.error(`again: scripts/fuzz --seed ${seed} --from ${number} --count 1`);
		if (error instanceof Error && error.name === 'RuntimeError') console.error(error.stack);
		if (values.count === '1') console.error(JSON.stringify(lastCalls, undefined, 1));
		process.exit(1);
	}
}
if (values.from === undefined) writeFileSync(statePath, JSON.stringify({ ...readState(), [seed]: number }));
console.log(`${number - from} cases of seed ${seed}, ${from} to ${number - 1}: no difference`);

function wholeNumber(name: string, text: string): number {
	if (!/^\d+$/.test(text)) {
		console.error(`expected a whole number after --${name}, got "${text}"`);
		process.exit(2);
	}
	return Number(text);
}

function readState(): Record<string, number> {
	try {
		return JSON.parse(readFileSync(statePath, 'utf8')) as Record<string, number>;
	} catch {
		// No run before this one.
		return {};
	}
}

function runCase(index: number): void {
	const random = seededRandom(seed * 1_000_003 + index);
	const kind = index % 4;
	if (kind === 0 || kind === 1) compareWithReference(random);
	else if (kind === 2) loseRecords(random);
	else flipBits(random);
}

// ---- Against the reference ------------------------------------------------------------------------------------------

function compareWithReference(random: Random): void {
	const calls = randomCalls(random);
	lastCalls = calls;
	const closed = random.chance(0.7);
	const expected = referenceRows(calls, closed);
	const actual = decode(recordsOf(calls, closed, random), random);
	const wanted = expected.rows.slice(0, expected.sound);
	for (const [i, row] of wanted.entries()) {
		const found = actual[i];
		if (found === undefined) throw new Error(`row ${i + 1} of ${wanted.length} is missing: ${JSON.stringify(row)}`);
		const problem = difference(row, found);
		if (problem !== undefined) throw new Error(`row ${i + 1}: ${problem}`);
	}
	if (expected.whole && actual.length !== wanted.length) {
		throw new Error(`${actual.length} rows instead of ${wanted.length}: ${JSON.stringify(actual[wanted.length])}`);
	}
}

function difference(wanted: ReferenceRow, found: ExchangeRow): string | undefined {
	const body = (text: string, ended: boolean, started: boolean) => {
		const seen = text.replaceAll(UNSEEN, '');
		return started && (text === '' || seen !== '') ? seen : ended && text === '' ? '' : null;
	};
	const answered = wanted.status !== null;
	const state = wanted.upgraded
		? 'upgraded'
		: !answered
			? 'unanswered'
			: wanted.resEnded && wanted.reqEnded
				? 'complete'
				: 'incomplete';
	const pairs: readonly (readonly [string, unknown, unknown])[] = [
		['method', wanted.method, found.method],
		['target', wanted.target, found.target],
		['version', answered ? wanted.resVersion : wanted.version, found.version],
		['request fields', JSON.stringify(wanted.reqHeaders), JSON.stringify(found.reqHeaders)],
		['request body bytes', wanted.reqBody.length, found.reqBodyBytes],
		['request body', body(wanted.reqBody, wanted.reqEnded, true), found.reqBody],
		['status', wanted.status ?? 0, found.status],
		['status text', wanted.statusText, found.statusText],
		['interim', wanted.interim.length === 0 ? null : wanted.interim.join(','), found.interim],
		['response fields', JSON.stringify(wanted.resHeaders), JSON.stringify(found.resHeaders)],
		['response body bytes', answered ? wanted.resBody.length : null, found.resBodyBytes],
		['response body', answered ? body(wanted.resBody, wanted.resEnded, true) : null, found.resBody],
		['state', state, found.state],
	];
	const wrong = pairs.find(([, a, b]) => a !== b);
	return wrong === undefined
		? undefined
		: `${wrong[0]} is ${JSON.stringify(wrong[2])} instead of ${JSON.stringify(wrong[1])}`;
}

/** The calls as records, cut anywhere, runs of unseen bytes as sendfile. */
function recordsOf(calls: readonly Call[], closed: boolean, random: Random): Uint8Array[] {
	const tape = new Tape();
	const server = tape.server(1, { local: '10.0.0.1:80', remote: '10.0.0.2:999' }).open();
	// Not more records than wait for an answer to CONNECT.
	const least = Math.ceil(calls.reduce((sum, { bytes }) => sum + bytes.length, 0) / 3000);
	const size = random.chance(0.3) ? random.between(1, 5) : random.chance(0.5) ? random.between(5, 300) : 16384;
	const part = Math.max(size, least);
	for (const { direction, bytes } of calls) {
		for (const [run] of bytes.matchAll(new RegExp(`${UNSEEN}+|[^${UNSEEN}]+`, 'g'))) {
			if (run.startsWith(UNSEEN)) server.sendfile(run.length);
			else if (direction === 'in') server.in(run, { part });
			else server.out(run, { part });
		}
	}
	if (closed) server.eof().close();
	return tape.records;
}

// ---- Against itself -------------------------------------------------------------------------------------------------

/** Several connections at a time; records are lost, doubled and moved. No row may mix two exchanges. */
function loseRecords(random: Random): void {
	const { whole, lossy } = lossyTape(random);
	lastCalls = describe(whole, lossy);
	for (const row of decode(lossy, random)) {
		const named = namesIn(row);
		if (named.size > 1)
			throw new Error(`row ${row.id} mixes exchanges ${[...named].join(' ')}: ${JSON.stringify(row)}`);
	}
}

/** The records of a case in words: what was lost is in brackets. */
function describe(all: readonly Uint8Array[], kept: readonly Uint8Array[]): Call[] {
	return all.map((record) => {
		const view = new DataView(record.buffer, record.byteOffset);
		const text = Buffer.from(record.subarray(wire.CAPTURE_EVENT_HEADER_BYTES)).toString('latin1').slice(0, 60);
		const words = `${view.getUint8(wire.EVENT_KIND)} conn ${view.getBigUint64(wire.EVENT_CONN, true)} ${JSON.stringify(text)}`;
		const direction = view.getUint8(wire.EVENT_DIRECTION) === wire.DIRECTION_IN ? 'in' : 'out';
		return { direction, bytes: kept.includes(record) ? words : `[${words}]` };
	});
}

/** Records with flipped bits, and bytes that are none: only the decoder's own promises hold. */
function flipBits(random: Random): void {
	const records = recordsOf(randomCalls(random), true, random);
	const batch = buildBatch(records);
	const flips = random.chance(0.2) ? random.between(100, 1000) : random.between(1, 20);
	for (let i = 0; i < flips; i++) {
		const at = random.between(0, batch.length - 1);
		batch[at] = batch[at]! ^ (1 << random.between(0, 7));
	}
	if (random.chance(0.1)) for (let i = 0; i < batch.length; i++) batch[i] = random.between(0, 255);
	const decoder = newDecoder({ memoryLimit: 8 << 20, bodyLimit: random.chance(0.3) ? -1 : 1000 });
	for (let at = 0; at < batch.length; ) {
		const length = Math.min(random.chance(0.5) ? batch.length : random.between(1, 2000), batch.length - at);
		decoder.input(length).set(batch.subarray(at, at + length));
		decoder.decode(length);
		if (random.chance(0.3)) decoder.snapshot(15);
		readOutput(decoder.output());
		decoder.clearOutput();
		at += length;
	}
	if (decoder.memory.buffer.byteLength > 24 << 20)
		throw new Error(`${decoder.memory.buffer.byteLength} bytes of memory`);
	decoder.finish();
	readOutput(decoder.output());
}

/** Rows in the order of their ids, fed in batches of any size. */
function decode(records: readonly Uint8Array[], random: Random): ExchangeRow[] {
	const decoder = newDecoder({ bodyLimit: -1 });
	const rows: ExchangeRow[] = [];
	const take = () => {
		rows.push(...readOutput(decoder.output()).exchanges);
		decoder.clearOutput();
	};
	for (let at = 0; at < records.length; ) {
		const length = random.chance(0.3) ? records.length : random.between(1, 10);
		const batch = buildBatch(records.slice(at, at + length));
		decoder.input(batch.length).set(batch);
		decoder.decode(batch.length);
		take();
		at += length;
	}
	decoder.finish();
	take();
	return rows.toSorted((a, b) => a.id - b.id);
}
