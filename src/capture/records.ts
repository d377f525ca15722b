// Iterates over the records of a batch (docs/event-schema.md).
import {
	CAPTURE_CLOCK,
	CAPTURE_EVENT_HEADER_BYTES,
	CAPTURE_EVENT_VERSION,
	CAPTURE_EVENT_VERSION_FIRST,
	EVENT_KIND,
	EVENT_SIZE,
	EVENT_STREAM_OFFSET,
	EVENT_TIME_NS,
	EVENT_VERSION,
} from '../../decoder-as/assembly/wire/capture-event.ts';

/** Reads the records of a batch in place. */
export class Records {
	readonly bytes: Uint8Array;
	readonly view: DataView;
	/** The offsets of the current record and the next one. */
	at = 0;
	next = 0;

	constructor(bytes: Uint8Array) {
		this.bytes = bytes;
		this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	}

	/**
	 * Moves to the next record. False at the end. Bytes that cannot be a record are the batch's last "record", without a kind
	 * and time.
	 */
	step(): boolean {
		this.at = this.next;
		if (this.at >= this.bytes.byteLength) return false;
		const size = this.isRecord ? (this.view.getUint32(this.at + EVENT_SIZE, true) + 7) & ~7 : Number.POSITIVE_INFINITY;
		this.next = Math.min(this.at + size, this.bytes.byteLength);
		return true;
	}

	/** Whether the current place can be a record. */
	get isRecord(): boolean {
		const room = this.bytes.byteLength - this.at;
		if (room < CAPTURE_EVENT_HEADER_BYTES) return false;
		const size = this.view.getUint32(this.at + EVENT_SIZE, true);
		return size >= CAPTURE_EVENT_HEADER_BYTES && size <= room;
	}

	/** Whether the current place is a record of a version that the decoder reads. */
	get isReadable(): boolean {
		if (!this.isRecord) return false;
		const version = this.view.getUint8(this.at + EVENT_VERSION);
		return version >= CAPTURE_EVENT_VERSION_FIRST && version <= CAPTURE_EVENT_VERSION;
	}

	get kind(): number {
		return this.isRecord ? this.view.getUint8(this.at + EVENT_KIND) : 0;
	}

	/** CLOCK_BOOTTIME in nanoseconds. 0: none. */
	get timeNs(): bigint {
		return this.isRecord ? this.view.getBigUint64(this.at + EVENT_TIME_NS, true) : 0n;
	}

	/** Of a clock: nanoseconds since 1970 minus CLOCK_BOOTTIME. */
	get wallMinusBootNs(): bigint | undefined {
		if (this.kind !== CAPTURE_CLOCK) return undefined;
		return this.view.getBigUint64(this.at + EVENT_STREAM_OFFSET, true) - this.timeNs;
	}

	/** The current record with its padding. */
	get record(): Uint8Array {
		return this.bytes.subarray(this.at, this.next);
	}
}
