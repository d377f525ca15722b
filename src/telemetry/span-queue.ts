// Spans that wait to be sent: a bounded queue, whose batches go out one after another.
import type { Outcome } from './delivery.ts';
import type { ServiceSpans } from './spans.ts';

/** The queue's limit beside the number of spans, because attributes can be long. */
const QUEUE_BYTES = 16 << 20;
/** A batch is sent when it has this size, although it could have more spans. */
const BATCH_BYTES = 2 << 20;

export type QueueLimits = { readonly delayMs: number; readonly batchSpans: number; readonly queueSpans: number };

export type QueueWays = QueueLimits & {
	/** Sends a batch; resolves when it is clear what became of it. */
	readonly send: (batch: readonly ServiceSpans[], spans: number) => Promise<Outcome>;
	/** Called with the number of spans of a batch and what became of it. */
	readonly onSent: (spans: number, outcome: Outcome) => void;
};

type Waiting = { readonly service: string; readonly json: string };

export class SpanQueue {
	readonly #ways: QueueWays;
	#waiting: Waiting[] = [];
	#bytes = 0;
	#timer: NodeJS.Timeout | undefined;
	#sending: Promise<void> | undefined;
	/** Called when there is room again. */
	#roomFor: (() => void)[] = [];

	constructor(ways: QueueWays) {
		this.#ways = ways;
	}

	/** Number of spans that are not sent yet, without those being sent. */
	get length(): number {
		return this.#waiting.length;
	}

	get isFull(): boolean {
		return this.#waiting.length >= this.#ways.queueSpans || this.#bytes >= QUEUE_BYTES;
	}

	/** Adds a span, as JSON. Returns false if there is no room. */
	add(service: string, json: string): boolean {
		if (this.isFull) return false;
		this.#waiting.push({ service, json });
		this.#bytes += json.length;
		if (this.#isBatch) this.#start();
		else this.#timer ??= setTimeout(() => this.#start(), this.#ways.delayMs);
		return true;
	}

	/** Resolves when there is room for a span. */
	async room(): Promise<void> {
		while (this.isFull) await new Promise<void>((resolve) => this.#roomFor.push(resolve));
	}

	/** Sends everything now; resolves when nothing is left. */
	async flush(): Promise<void> {
		while (this.#waiting.length > 0 || this.#sending !== undefined) {
			this.#start();
			await this.#sending;
		}
	}

	/** Forgets what is left, and returns how many spans that are. */
	clear(): number {
		clearTimeout(this.#timer);
		const left = this.#waiting.length;
		this.#waiting = [];
		this.#bytes = 0;
		this.#tellRoom();
		return left;
	}

	get #isBatch(): boolean {
		return this.#waiting.length >= this.#ways.batchSpans || this.#bytes >= BATCH_BYTES;
	}

	#start(): void {
		clearTimeout(this.#timer);
		this.#timer = undefined;
		if (this.#sending !== undefined || this.#waiting.length === 0) return;
		this.#sending = this.#sendBatch().finally(() => {
			this.#sending = undefined;
			if (this.#isBatch) this.#start();
			else if (this.#waiting.length > 0) this.#timer ??= setTimeout(() => this.#start(), this.#ways.delayMs);
		});
	}

	async #sendBatch(): Promise<void> {
		const services = new Map<string, string[]>();
		let spans = 0;
		for (let bytes = 0; spans < this.#waiting.length && spans < this.#ways.batchSpans && bytes < BATCH_BYTES; spans++) {
			const { service, json } = this.#waiting[spans]!;
			bytes += json.length;
			const known = services.get(service);
			if (known === undefined) services.set(service, [json]);
			else known.push(json);
		}
		for (const { json } of this.#waiting.splice(0, spans)) this.#bytes -= json.length;
		this.#tellRoom();
		const batch = [...services].map(([service, some]) => ({ service, spans: some }));
		this.#ways.onSent(spans, await this.#ways.send(batch, spans));
	}

	#tellRoom(): void {
		for (const tell of this.#roomFor.splice(0)) tell();
	}
}
