// What JavaScript can call: numbers in, numbers out. src/decode/decoder.ts describes each function.
import { decodeAnswers, decodeBatch, finish as finishCapture, settle as settleBatch, writeSnapshot } from './decode';
import { prepareClasses } from './memory/bytes';
import * as counters from './memory/loss';
import { allocateBeyond, memoryInUse, release } from './memory/memory';
import { clear, outputLength, outputStart } from './memory/output';
import { set } from './memory/settings';
import { prepare } from './protocols/protocol';
import { resizeRing } from './rows/events';
import { takeDecoded as takeDecodedBytes } from './rows/items';
import { SETTING_EVENTS_LIMIT } from './wire/output-layout';
import { checkEverything } from './consistency';

let input: usize = 0;
let inputCapacity: u32 = 0;
let answers: usize = 0;
let answersCapacity: u32 = 0;

prepareClasses();
prepare();

export function configure(key: i32, value: f64): void {
	set(key, value);
	if (key == SETTING_EVENTS_LIMIT) resizeRing();
}

/** 0 if the host has no more memory. */
export function inputPointer(bytes: u32): usize {
	if (bytes > inputCapacity || input == 0) {
		release(input);
		input = allocateBeyond(bytes);
		inputCapacity = input == 0 ? 0 : bytes;
	}
	return input;
}

export function decode(bytes: u32): void {
	decodeBatch(input, 0, bytes < inputCapacity ? bytes : inputCapacity, false);
	settleBatch(false);
	checkEverything();
}

export function decodePart(from: u32, bytes: u32): u32 {
	const length = bytes < inputCapacity ? bytes : inputCapacity;
	if (from > length) return bytes;
	const at = decodeBatch(input, from, length, true);
	checkEverything();
	return at == length ? bytes : at;
}

export function settle(): bool {
	const settled = settleBatch(true);
	checkEverything();
	return settled;
}

/** Room for answers, separate from the input, whose batch may not be over; 0 if the host has no more memory. */
export function answersPointer(bytes: u32): usize {
	release(answers);
	answers = allocateBeyond(bytes);
	answersCapacity = answers == 0 ? 0 : bytes;
	return answers;
}

export function takeAnswers(): void {
	decodeAnswers(answers, answersCapacity);
	checkEverything();
	release(answers);
	answers = 0;
	answersCapacity = 0;
}

/** Takes decompressed bytes, at answersPointer(), of the body with this number. CODED_FLAG_*: what comes after them. */
export function takeDecoded(id: u32, flags: u32, time: u64, bytes: u32): void {
	takeDecodedBytes(id, flags, time, answers, min<u32>(bytes, answersCapacity));
	checkEverything();
	release(answers);
	answers = 0;
	answersCapacity = 0;
}

export function outputPointer(): usize {
	return outputStart();
}

export function outputBytes(): u32 {
	return outputLength();
}

export function clearOutput(): void {
	clear();
}

export function snapshot(mask: u32): void {
	writeSnapshot(mask);
	checkEverything();
}

export function finish(): void {
	finishCapture();
	checkEverything();
}

export function lossEvents(reason: i32): f64 {
	return counters.events(reason);
}

export function lossBytes(reason: i32): f64 {
	return counters.bytes(reason);
}

export function lossLast(reason: i32): f64 {
	return counters.last(reason);
}

export function memoryUsed(): f64 {
	return <f64>memoryInUse();
}
