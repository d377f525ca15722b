// A capture for tests: the real addon on the real kernel.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import * as wire from '../decoder-as/assembly/wire/capture-event.ts';
import { type CaptureOptions, loadNativeAddon, type NativeCapture } from '../src/capture/native-addon.ts';
import { eventually } from './eventually.ts';
import { type CapturedRecord, parseRecords } from './parsed-records.ts';

const ROOT = join(import.meta.dirname, '..');
export const ADDON_FILE = join(ROOT, 'build/tinytap.node');
export const ADDON = loadNativeAddon(ADDON_FILE);
export const BPF_OBJECT = join(ROOT, 'build/tinytap.bpf.o');
/** Both objects load on a new kernel and must produce the same records. */
export const BPF_OBJECTS = [BPF_OBJECT, join(ROOT, 'build/tinytap-old.bpf.o')];

export type TestCapture = {
	readonly capture: NativeCapture;
	readonly attached: { attached: string[]; missing: string[] };
	/** All records so far, in ring order. */
	readonly records: CapturedRecord[];
	/** Reads everything that is in the ring now. */
	drain(): void;
	/** Drains until `probe` returns a value. */
	until<T>(probe: (records: readonly CapturedRecord[]) => T | undefined, what: string): Promise<T>;
};

export function startCapture(options: Partial<CaptureOptions> = {}): TestCapture {
	const capture = ADDON.openCapture({ objectPath: BPF_OBJECT, ...options });
	const attached = capture.attach();
	return followCapture(capture, attached);
}

export function followCapture(
	capture: NativeCapture,
	attached: { attached: string[]; missing: string[] } = { attached: [], missing: [] },
): TestCapture {
	const batch = new Uint8Array(4 << 20);
	const records: CapturedRecord[] = [];
	const drain = () => {
		for (let bytes = capture.poll(batch, 0, 0); bytes > 0; bytes = capture.poll(batch, 0, 0))
			records.push(...parseRecords(batch.subarray(0, bytes)));
	};
	return {
		capture,
		attached,
		records,
		drain,
		until: (probe, what) =>
			eventually(
				() => {
					drain();
					return probe(records);
				},
				() => `never came: ${what}; ${records.length} records`,
			),
	};
}

export type Scenario = {
	readonly pid: number;
	/** The program's output, parsed as JSON. */
	readonly said: Record<string, number>;
	/** Records of this process. */
	readonly records: CapturedRecord[];
	/** Events of ring_full and missed for the whole host. */
	readonly lost: readonly number[];
	/** DATA records of one direction of one of its connections, in order. */
	data(conn: number, direction: number): CapturedRecord[];
	/** The connection whose records carry the descriptor that the program printed under this name. */
	conn(name: string): number;
};

/** Runs support/socket_calls/run.py SCENARIO to its end and returns its records. */
export async function runScenario(test: TestCapture, name: string, ...args: readonly string[]): Promise<Scenario> {
	const program = spawn('python3', [join(ROOT, 'support/socket_calls/run.py'), name, ...args], {
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	// Drain in the meantime, because other programs on the machine fill the ring, too.
	const draining = setInterval(test.drain, 10);
	const output = await wholeOutput(program).finally(() => clearInterval(draining));
	const said = JSON.parse(output) as Record<string, number>;
	const pid = program.pid!;
	// A connection that carried HTTP ends with a CLOSE record; others have nothing to wait for.
	if (said.silent === undefined) {
		await test.until(
			(records) => records.find((each) => each.pid === pid && each.kind === wire.CAPTURE_PROCESS_EXIT),
			`the end of ${name}`,
		);
	}
	test.drain();
	const counters = test.capture.counters();
	const records = test.records.filter((each) => each.pid === pid);
	// Every byte moves by a call that shows it, unless the program says otherwise or the call's tracepoint is missing.
	if (
		said.unseen === undefined &&
		test.attached.missing.length === 0 &&
		records.some(({ flags }) => (flags & wire.FLAG_AFTER_UNSEEN) !== 0)
	)
		throw new Error(`${name}: bytes that no call has shown`);
	return {
		pid,
		said,
		records,
		lost: [wire.LOSS_RING_FULL, wire.LOSS_MISSED].map((reason) => counters[reason * 2]!),
		data: (conn, direction) =>
			records.filter((each) => each.kind === wire.CAPTURE_DATA && each.conn === conn && each.direction === direction),
		conn(which) {
			const found = records.find((each) => each.kind === wire.CAPTURE_OPEN && each.fd === said[which]);
			if (found === undefined) throw new Error(`${name}: no connection of ${which} (descriptor ${said[which]})`);
			return found.conn;
		},
	};
}

async function wholeOutput(program: ChildProcess): Promise<string> {
	let output = '';
	program.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
		output += chunk;
	});
	const code = await new Promise((resolve) => program.on('close', resolve));
	if (code !== 0) throw new Error(`${program.spawnargs.join(' ')} ended with ${code}`);
	return output;
}

/** The captured part of the stream, checked to have no holes; cut bytes appear as `\0`. */
export function joinStream(records: readonly CapturedRecord[]): Buffer {
	const parts: Buffer[] = [];
	let end: number | undefined;
	for (const record of [...records].sort((a, b) => a.offset - b.offset)) {
		if (end !== undefined && record.offset !== end) throw new Error(`hole from ${end} to ${record.offset}`);
		parts.push(record.payload, Buffer.alloc(record.bytes - record.payload.length));
		end = record.offset + record.bytes;
	}
	return Buffer.concat(parts);
}
