// What a capture with `--tls` knows of TLS libraries, and of processes whose plaintext is not read. Both are asked for while
// processes live, and kept after the capture has ended.
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';
import type { BatchSource } from '../capture/batch-source.ts';
import type { TlsLibrary } from '../capture/tls-library.ts';
import type { Decoder } from '../decode/decoder.ts';
import { entryBytes } from '../store/row-writer.ts';
import { withTlsReasons } from '../store/tls-reasons.ts';

/** How often processes are looked at. */
const LOOK_MS = 1000;
/** Processes that are remembered. The decoder keeps as many blind spots. */
const MOST_PROCESSES = 1024;

export class TlsNotes {
	readonly #source: BatchSource;
	readonly #decoder: Decoder;
	#libraries: readonly TlsLibrary[] = [];
	#hasEnded = false;
	#lookedAt = Number.NEGATIVE_INFINITY;
	readonly #reasons = new Map<number, string>();

	/** The decoder's output must be empty whenever a method is called. */
	constructor(source: BatchSource, decoder: Decoder) {
		this.#source = source;
		this.#decoder = decoder;
	}

	/** Called several times a second. */
	tick(): void {
		const now = performance.now();
		if (this.#source.tlsReason === undefined || now < this.#lookedAt + LOOK_MS) return;
		this.#lookedAt = now;
		this.#look();
	}

	/** The source is about to be closed. */
	end(): void {
		if (this.#source.tlsReason === undefined) return;
		this.#look();
		this.#libraries = this.libraries();
		this.#hasEnded = true;
	}

	libraries(): readonly TlsLibrary[] {
		return this.#hasEnded ? this.#libraries : (this.#source.tlsLibraries?.() ?? []);
	}

	/** The same entries of the decoder, with the reasons in the evidence of blind spots. */
	withReasons(entries: ArrayBuffer): ArrayBuffer {
		return this.#reasons.size === 0 ? entries : withTlsReasons(entries, (pid) => this.#reasons.get(pid));
	}

	/** Asks again about processes that live, because libraries are found and attached in the meantime. */
	#look(): void {
		this.#decoder.snapshot(layout.SNAPSHOT_BLIND_SPOTS);
		const output = this.#decoder.output();
		const { u32 } = entryBytes(this.#decoder.memory.buffer);
		const end = output.byteOffset + output.byteLength;
		for (let at = output.byteOffset; at < end; at += u32[at >> 2]!) {
			if (u32[(at + layout.BLIND_SPOT_WHAT) >> 2] !== layout.BLIND_TLS) continue;
			const pid = u32[(at + layout.BLIND_SPOT_PID) >> 2]!;
			const reason = this.#source.tlsReason!(pid);
			if (reason !== undefined) this.#note(pid, reason);
		}
		this.#decoder.clearOutput();
	}

	#note(pid: number, reason: string): void {
		this.#reasons.delete(pid);
		this.#reasons.set(pid, reason);
		if (this.#reasons.size > MOST_PROCESSES) this.#reasons.delete(this.#reasons.keys().next().value!);
	}
}
