// Fuzzes the decoder, see scripts/fuzz. Most cases are mutated: conversations with damaged bytes (every eighth
// compared with the reference decoder's rows as far as possible) and records with flipped bits. Of every 64
// cases one cuts a conversation into arbitrary pieces and compares it with the reference decoder, one loses and
// moves records of a conversation, and one captures a conversation in simulated time from any moment on
// (`--only pairing`: only these). Three are conversations in HTTP/2 (`--only http2`), two are streams of
// messages (`--only messages`), three are plaintext of TLS beside its ciphertext (`--only plaintext`). Each case runs on the release and on the debug build of the decoder, whose
// assertions find what no row shows; `--build release` and `--build debug` select one. The checks: nothing
// traps or hangs, no assertion fails, memory stays bounded, entries follow their layout, every body byte is
// accounted for, no row mixes exchanges, and well-formed conversations give the reference's rows, however they
// are cut.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import * as wire from '../decoder-as/assembly/wire/capture-event.ts';
import type { Decoder } from '../src/decode/decoder.ts';
import { asPlaintext } from '../support/as-plaintext.ts';
import {
	DECODER_BUILDS,
	type DecoderBuild,
	decodeRecords,
	type ExchangeRow,
	newDecoder,
	readOutput,
} from '../support/decoded-rows.ts';
import { http2Difference, http2Mixture } from '../support/http2-judge.ts';
import { namesIn } from '../support/loss.ts';
import { mutateCalls, quickBatch } from '../support/mutation.ts';
import { lossyTape, type Random, randomCalls, seededRandom } from '../support/random-conversation.ts';
import { randomHttp2 } from '../support/random-http2.ts';
import { messageDifference, randomMessages } from '../support/random-messages.ts';
import { buildBatch, Tape } from '../support/record-builder.ts';
import { type Call, type ReferenceRow, referenceRows, UNSEEN } from '../support/reference-decoder.ts';
import { http2Rows } from '../support/reference-http2.ts';
import { missedPairs, mixedRows, timedConversation } from '../support/timed-conversation.ts';

const values = givenOptions();
const seed = wholeNumber('seed', values.seed);
const statePath = join(import.meta.dirname, '../build/fuzz.json');
if (values.only !== undefined && !['pairing', 'http2', 'messages', 'plaintext'].includes(values.only)) {
	console.error(`expected pairing, http2, messages or plaintext after --only, got "${values.only}"`);
	process.exit(2);
}
const builds = DECODER_BUILDS.filter((build) => values.build === 'both' || values.build === build);
if (builds.length === 0) {
	console.error(`expected release, debug or both after --build, got "${values.build}"`);
	process.exit(2);
}
const from = values.from === undefined ? (readState()[seed] ?? 0) : wholeNumber('from', values.from);
const count = values.count === undefined ? undefined : wholeNumber('count', values.count);
const seconds = values.seconds === undefined ? undefined : wholeNumber('seconds', values.seconds);
/** Shared decoders have little memory, so that its limit is reached, too. */
const MEMORY_MOST = 24 << 20;
const SMALL = { memoryLimit: 8 << 20, bodyLimit: -1, eventsLimit: 64 };
const NOTHING = new Uint8Array(0);
const deadline = Date.now() + (seconds ?? (count === undefined ? 10 : Number.POSITIVE_INFINITY)) * 1000;

/** Number of cases that share decoders: a failing case is repeated from the first of its group. */
const GROUP = 1024;
/** How often the number of the next case is saved, so that a killed run can continue. */
const SAVED_EVERY = 16384;
/** No case takes a minute, however busy the machine is. */
const HANG_MS = 60_000;
/** The largest share of exchanges with only one possible pairing that may stay unpaired. */
const MISSED_MOST = 0.01;

/** The calls of the current case, printed if it is run alone. */
let lastCalls: readonly Call[] = [];
let shared = newDecoders();
let build: DecoderBuild = builds[0]!;
let number = from;
let found = 0;
let certainPairs = 0;
let missed = 0;
const progress = watch();
const startedAt = Date.now();
for (; number < from + (count ?? Number.POSITIVE_INFINITY); number++) {
	if (number % 64 === 0 && Date.now() >= deadline) break;
	if (number % GROUP === 0) {
		shared = newDecoders();
	}
	Atomics.store(progress, 0, BigInt(number));
	try {
		for (build of builds) runCase(number);
	} catch (error) {
		const first = Math.max(from, number - (number % GROUP));
		console.error(`case ${number} of seed ${seed}, ${build} build: ${error instanceof Error ? error.message : error}`);
		console.error(
			`run it again: scripts/fuzz --build ${build} --seed ${seed} --from ${first} --count ${number - first + 1}`,
		);
		if (error instanceof Error && error.stack?.includes('wasm')) console.error(error.stack);
		if (count !== undefined) console.error(JSON.stringify(lastCalls, undefined, 1));
		if (!values['keep-going']) process.exit(1);
		found++;
		shared = newDecoders();
	}
	if ((number + 1) % SAVED_EVERY === 0) save(number + 1);
}
save(number);
if (certainPairs > 0)
	console.log(`${certainPairs - missed} of ${certainPairs} exchanges with only one possible pairing are paired`);
if (missed > certainPairs * MISSED_MOST) found++;
console.log(
	`${number - from} cases of seed ${seed}, ${from} to ${number - 1}: ${found === 0 ? 'no' : found} difference${found > 1 ? 's' : ''}`,
);
process.exit(found === 0 ? 0 : 1);

/** Decoders shared by many cases: for damaged conversations, for records with flipped bits, and for whole records. */
type Decoders = { readonly calm: Decoder; readonly wild: Decoder; readonly steady: Decoder };

function newDecoders(): Map<DecoderBuild, Decoders> {
	const make = (each: DecoderBuild) => newDecoder(SMALL, each);
	return new Map(builds.map((each) => [each, { calm: make(each), wild: make(each), steady: make(each) }]));
}

function save(next: number): void {
	if (values.from !== undefined) return;
	writeFileSync(statePath, JSON.stringify({ ...readState(), [seed]: next }));
	const perSecond = Math.round((next - from) / ((Date.now() - startedAt) / 1000));
	if (next - from >= 1_000_000 && next % (SAVED_EVERY * 8) === 0) console.log(`${next} cases, ${perSecond} per second`);
}

/** Starts a thread that ends the process if a case hangs. Returns the memory that holds the current case's number. */
function watch(): BigInt64Array {
	const progress = new BigInt64Array(new SharedArrayBuffer(8));
	const code = `
		const { workerData } = require('node:worker_threads');
		const progress = new BigInt64Array(workerData);
		let before = -1n;
		setInterval(() => {
			const now = Atomics.load(progress, 0);
			if (now === before) {
				require('node:fs').writeSync(2, 'case ' + now + ' of seed ${seed} does not finish\\n');
				process.kill(process.pid, 'SIGKILL');
			}
			before = now;
		}, ${HANG_MS});`;
	new Worker(code, { eval: true, workerData: progress.buffer, execArgv: [] }).unref();
	return progress;
}

function givenOptions() {
	try {
		return parseArgs({
			options: {
				seconds: { type: 'string' },
				count: { type: 'string' },
				seed: { type: 'string', default: '1' },
				from: { type: 'string' },
				'keep-going': { type: 'boolean', default: false },
				only: { type: 'string' },
				build: { type: 'string', default: 'both' },
			},
		}).values;
	} catch (error) {
		console.error((error as Error).message);
		process.exit(2);
	}
}

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
		// There was no earlier run.
		return {};
	}
}

function runCase(index: number): void {
	const random = seededRandom(seed * 1_000_003 + index);
	const kind = index % 64;
	if (values.only === 'pairing' || (kind === 33 && values.only === undefined)) pairInTime(random);
	else if (values.only === 'http2') runHttp2(random, index, index % 3);
	else if (values.only === 'messages' || kind === 47 || kind === 51) runMessages(random);
	else if (values.only === 'plaintext') runPlaintext(random, index, index % 3);
	else if (kind === 31 || kind === 55 || kind === 63) runPlaintext(random, index, [31, 55, 63].indexOf(kind));
	else if (kind === 35 || kind === 39 || kind === 43) runHttp2(random, index, (kind - 35) / 4);
	else if (kind === 0) compareWithReference(random);
	else if (kind === 1) loseRecords(random);
	else if (kind % 4 === 2) flipBits(random, index);
	else mutate(random, index);
}

// ---- Mutated --------------------------------------------------------------------------------------------------------

/** Decodes a conversation with damaged bytes, on its own connection of a shared decoder. */
function mutate(random: Random, index: number): void {
	const calls = mutateCalls(random, randomCalls(random));
	lastCalls = calls;
	const conn = index + 1;
	const { calm } = shared.get(build)!;
	const rows = decodeBytes(calm, quickBatch(calls, conn, partOf(random)), random);
	// Unanswered questions delay rows until the end of the next batch.
	for (let round = 0; round < 2; round++) rows.push(...decodeBytes(calm, NOTHING, random));
	if (index % 8 !== 3) return;
	compareRows(
		calls,
		true,
		rows.filter((row) => row.conn === conn).toSorted((a, b) => a.id - b.id),
	);
}

/** Decodes records with flipped bits, and bytes that are not records: only the decoder's general promises hold. */
function flipBits(random: Random, index: number): void {
	flipIn(quickBatch(randomCalls(random), index + 1, partOf(random)), random);
}

function flipIn(batch: Uint8Array, random: Random): void {
	const flips = random.chance(0.2) ? random.between(100, 1000) : random.between(1, 20);
	for (let i = 0; i < flips; i++) {
		const at = random.between(0, batch.length - 1);
		batch[at] = batch[at]! ^ (1 << random.between(0, 7));
	}
	if (random.chance(0.02)) for (let i = 0; i < batch.length; i++) batch[i] = random.between(0, 255);
	const piece = random.chance(0.8) ? batch.length : random.between(1, 2000);
	for (let at = 0; at < batch.length; at += piece)
		decodeBytes(shared.get(build)!.wild, batch.subarray(at, at + piece), random);
}

/** The maximum number of bytes in a record: usually a whole call. */
function partOf(random: Random): number {
	return random.chance(0.05) ? random.between(1, 300) : 16384;
}

function decodeBytes(decoder: Decoder, batch: Uint8Array, random: Random): ExchangeRow[] {
	decoder.input(batch.length).set(batch);
	decoder.decode(batch.length);
	const { exchanges } = readOutput(decoder.output());
	decoder.clearOutput();
	if (random.chance(0.003)) {
		decoder.snapshot(15);
		readOutput(decoder.output());
		decoder.clearOutput();
	}
	const { byteLength } = decoder.memory.buffer;
	if (byteLength > MEMORY_MOST) throw new Error(`${byteLength} bytes of memory`);
	return exchanges;
}

// ---- Against the reference ------------------------------------------------------------------------------------------

function compareWithReference(random: Random, isTls = false): void {
	const calls = randomCalls(random);
	lastCalls = calls;
	const closed = random.chance(0.7);
	const records = recordsOf(calls, closed, random);
	const rows = decode(isTls ? asPlaintext(records, random) : records, random);
	compareRows(calls, closed, rows);
	checkLibrary(rows, isTls);
}

/** Compares a conversation over TLS with the reference (0), loses records of several (1), does the first with HTTP/2, or flips bits (2). */
function runPlaintext(random: Random, index: number, what: number): void {
	if (what === 0) compareWithReference(random, true);
	else if (what === 1) loseRecords(random, true);
	else if (random.chance(0.5)) runHttp2(random, index, 0, true);
	else flipIn(buildBatch(asPlaintext(lossyTape(random).lossy, random)), random);
}

function checkLibrary(rows: readonly ExchangeRow[], isTls: boolean): void {
	const wrong = rows.find(({ tls }) => (tls === 'openssl') !== isTls);
	if (wrong !== undefined) throw new Error(`row ${wrong.id} has tls ${wrong.tls}`);
}

function compareRows(calls: readonly Call[], closed: boolean, actual: readonly ExchangeRow[]): void {
	const expected = referenceRows(calls, closed);
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
		['reqVersion', wanted.version, found.reqVersion],
		['version', answered ? wanted.resVersion : 0, found.version],
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
	// The reference does not report oddities inside what it reads.
	const malformed = found.state === 'incomplete' && found.reason === 'malformed' && state === 'complete';
	const wrong = pairs.find(([name, a, b]) => a !== b && !(malformed && name === 'state'));
	return wrong === undefined
		? undefined
		: `${wrong[0]} is ${JSON.stringify(wrong[2])} instead of ${JSON.stringify(wrong[1])}`;
}

/** The calls as records, cut anywhere; runs of unseen bytes become sendfile. */
function recordsOf(calls: readonly Call[], closed: boolean, random: Random): Uint8Array[] {
	const tape = new Tape();
	const server = tape.server(1, { local: '10.0.0.1:80', remote: '10.0.0.2:999' }).open();
	// No more records than may wait for an answer to CONNECT.
	const least = Math.ceil(calls.reduce((sum, { bytes }) => sum + bytes.length, 0) / 3000);
	const tiny = random.chance(0.4);
	const size = tiny ? random.between(1, 5) : random.chance(0.4) ? random.between(5, 300) : 16384;
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

/** Several connections at once, with records lost, duplicated and moved. No row may mix two exchanges. */
function loseRecords(random: Random, isTls = false): void {
	const { whole, lossy } = lossyTape(random);
	lastCalls = describe(whole, lossy);
	for (const row of decode(isTls ? asPlaintext(lossy, random) : lossy, random)) {
		const named = namesIn(row);
		if (named.size > 1)
			throw new Error(`row ${row.id} mixes exchanges ${[...named].join(' ')}: ${JSON.stringify(row)}`);
	}
}

/** Whenever the capture began and whatever was lost, no request gets another's response, and certain pairs are found. */
function pairInTime(random: Random): void {
	const conversation = timedConversation(random);
	lastCalls = describe(conversation.records, conversation.records);
	const rows = decode(conversation.records, random);
	certainPairs += conversation.certain.length;
	missed += missedPairs(conversation, rows);
	for (const row of mixedRows(conversation, rows))
		throw new Error(`row ${row.id} mixes exchanges ${[...namesIn(row)].join(' ')}: ${conversation.description}`);
}

// ---- HTTP/2 ---------------------------------------------------------------------------------------------------------

/** Compares a conversation with the reference (0), loses records of it (1), or damages its bytes (2). */
function runHttp2(random: Random, index: number, what: number, isTls = false): void {
	const { side, calls, captured } = randomHttp2(random);
	lastCalls = captured.map(({ direction, bytes }) => ({ direction, bytes: Buffer.from(bytes).toString('latin1') }));
	const begunBefore = what === 1 && random.chance(0.4);
	const tape = new Tape();
	const conn = index + 1;
	const connection = tape[side](conn, { flags: begunBefore ? wire.FLAG_MIDSTREAM : 0 });
	if (!begunBefore) connection.open();
	// An answer that comes too early waits whole, in no more records than may wait.
	const part = calls === captured && random.chance(0.1) ? random.between(9, 300) : 16384;
	for (const { direction, bytes, unseen } of captured) {
		const given = what === 2 && random.chance(0.2) ? damaged(random, bytes) : bytes;
		if (unseen === true) connection.sendfile(given.length);
		else if ((direction === 'in') === (side === 'server')) connection.in(given, { part });
		else connection.out(given, { part });
	}
	connection.close();
	if (what === 2) {
		decodeBytes(shared.get(build)!.calm, buildBatch(tape.records), random);
		return;
	}
	if (what === 0) {
		const records = isTls ? asPlaintext(tape.records, random) : tape.records;
		// An answer may come before its request by one call of plaintext, with ciphertext between them.
		const rows = decodeClosed(records, conn, random, isTls ? 5 : 1);
		checkLibrary(rows, isTls);
		const problem = http2Difference(rows, http2Rows(calls));
		if (problem !== undefined) throw new Error(problem);
		return;
	}
	const share = random.pick([0.02, 0.1, 0.3]);
	const first = begunBefore ? random.between(0, tape.records.length - 1) : 0;
	const kept = tape.records.filter((_, i) => i >= first && !random.chance(share));
	const isClosed = kept.at(-1) === tape.records.at(-1);
	const rows = isClosed ? decodeClosed(kept, conn, random) : decode(kept, random);
	const problem = http2Mixture(rows, http2Rows(calls, false));
	if (problem !== undefined) throw new Error(problem);
}

/** The rows of a connection that is closed, decoded after those of other cases. */
function decodeClosed(records: readonly Uint8Array[], conn: number, random: Random, least = 1): ExchangeRow[] {
	const { steady } = shared.get(build)!;
	const rows: ExchangeRow[] = [];
	for (let at = 0; at < records.length; ) {
		const length = random.chance(0.3) ? records.length : random.between(least, 10);
		rows.push(...decodeBytes(steady, buildBatch(records.slice(at, at + length)), random));
		at += length;
	}
	// Unanswered questions delay rows until the end of the next batch.
	for (let round = 0; round < 2; round++) rows.push(...decodeBytes(steady, NOTHING, random));
	return rows.filter((row) => row.conn === conn).toSorted((a, b) => a.id - b.id);
}

// ---- Messages inside streams ----------------------------------------------------------------------------------------

/** Streams of messages, with calls that were not captured, are compared with the reference. */
function runMessages(random: Random): void {
	const { tape, expected, bodyLimit } = randomMessages(random);
	lastCalls = [];
	const rows = decodeRecords(tape.records, {
		settings: { bodyLimit },
		build,
		recordsPerBatch: random.chance(0.5) ? random.between(1, 5) : tape.records.length,
	}).messages;
	const problem = messageDifference(rows, expected);
	if (problem !== undefined) throw new Error(problem);
}

/** The same bytes with some changed, missing or repeated. */
function damaged(random: Random, bytes: Uint8Array): Uint8Array {
	const copy = Buffer.from(bytes);
	for (let i = random.between(1, 4); i > 0; i--) copy[random.between(0, copy.length - 1)] = random.between(0, 255);
	if (random.chance(0.7)) return copy;
	const at = random.between(0, copy.length - 1);
	return Buffer.concat([copy.subarray(0, at), copy.subarray(random.between(0, at))]);
}

/** The records of a case as text, with lost ones in brackets. */
function describe(all: readonly Uint8Array[], kept: readonly Uint8Array[]): Call[] {
	return all.map((record) => {
		const view = new DataView(record.buffer, record.byteOffset);
		const text = Buffer.from(record.subarray(wire.CAPTURE_EVENT_HEADER_BYTES)).toString('latin1').slice(0, 60);
		const words = `${view.getUint8(wire.EVENT_KIND)} conn ${view.getBigUint64(wire.EVENT_CONN, true)} ${JSON.stringify(text)}`;
		const direction = view.getUint8(wire.EVENT_DIRECTION) === wire.DIRECTION_IN ? 'in' : 'out';
		return { direction, bytes: kept.includes(record) ? words : `[${words}]` };
	});
}

/** Rows in id order, from records fed in batches of any size. */
function decode(records: readonly Uint8Array[], random: Random): ExchangeRow[] {
	const decoder = newDecoder({ bodyLimit: -1 }, build);
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
