// The ids of spans, and which span is the parent of which. A span waits a moment, because the rows that decide this
// come in the order in which exchanges end: the call before the request that caused it, the server before its client.
import { randomBytes } from 'node:crypto';
import { RecentMap } from '../base/recent-map.ts';
import type { Observed } from './observed.ts';
import type { Sampler } from './sampler.ts';

/** Where a span belongs. */
export type SpanContext = {
	readonly traceId: string;
	readonly spanId: string;
	readonly parentSpanId: string | undefined;
	/** Of the W3C: bit 0 is `sampled`. */
	readonly traceFlags: number;
	readonly traceState: string | undefined;
	/** The parent is a span of another process. Undefined if there is no parent. */
	readonly isRemote: boolean | undefined;
	readonly isSampled: boolean;
};

type Node = {
	readonly spanId: string;
	readonly arrivedMs: number;
	/** Set when it is decided. */
	context: SpanContext | undefined;
	/** Until then, and until the span is returned. */
	exchange: Observed | undefined;
};

/** How long every span waits, and how long one waits for the row of its parent. */
const SETTLE_MS = 1000;
const PARENT_MS = 30_000;
/** More spans do not wait. */
const WAITING_MAX = 5000;
/** How many spans are remembered at least, so that later ones can become their children. */
const REMEMBERED = 10_000;
/** A chain of parents is not longer. */
const DEPTH_MAX = 64;

const SAMPLED = 1;

/** All times are in milliseconds, from any clock. */
export class SpanLinks {
	readonly #sampler: Sampler;
	/** By the ids of their exchanges. */
	readonly #nodes = new RecentMap<number, Node>(REMEMBERED);
	/** The client's row of a server's row. */
	readonly #clients = new RecentMap<number, number>(REMEMBERED);
	#waiting: Node[] = [];

	constructor(sampler: Sampler) {
		this.#sampler = sampler;
	}

	get waiting(): number {
		return this.#waiting.length;
	}

	/** Adds an exchange that has ended. */
	take(exchange: Observed, nowMs: number): void {
		const node: Node = { spanId: randomId(8), arrivedMs: nowMs, context: undefined, exchange };
		const { id, pairId, side } = exchange;
		this.#nodes.set(id, node);
		if (pairId !== null && side === 'client') this.#clients.set(pairId, id);
		if (pairId !== null && side === 'server') this.#clients.set(id, pairId);
		this.#waiting.push(node);
	}

	/** The spans that have waited long enough, with their contexts. At the end of the capture, all. */
	settled(nowMs: number, isEnd = false): (readonly [exchange: Observed, context: SpanContext])[] {
		const excess = this.#waiting.length - WAITING_MAX;
		const settled: (readonly [Observed, SpanContext])[] = [];
		this.#waiting = this.#waiting.filter((node, i) => {
			const age = nowMs - node.arrivedMs;
			const isDue = isEnd || i < excess || age >= PARENT_MS;
			const context = isDue || age >= SETTLE_MS ? this.#contextOf(node, isDue, 0) : undefined;
			if (context === undefined) return true;
			settled.push([node.exchange!, context]);
			// Only the context is remembered.
			node.exchange = undefined;
			return false;
		});
		return settled;
	}

	/** Undefined if the row of a parent is still missing; with `isDue`, the span begins a trace instead. */
	#contextOf(node: Node, isDue: boolean, depth: number): SpanContext | undefined {
		const { context, exchange, spanId } = node;
		if (context !== undefined || exchange === undefined) return context;
		const caller = parseTraceparent(exchange.traceparent);
		if (caller !== undefined) {
			node.context = {
				...caller,
				spanId,
				traceState: exchange.tracestate ?? undefined,
				isRemote: exchange.side === 'server',
				isSampled: this.#sampler(caller.traceId, (caller.traceFlags & SAMPLED) !== 0),
			};
			return node.context;
		}
		const parentId = exchange.side === 'client' ? exchange.parentId : (this.#clients.get(exchange.id) ?? null);
		const parent = parentId === null || depth >= DEPTH_MAX ? undefined : this.#nodes.get(parentId);
		const above = parent === undefined ? undefined : this.#contextOf(parent, isDue, depth + 1);
		if (above === undefined && parentId !== null && !isDue) return undefined;
		node.context = above === undefined ? this.#root(spanId) : this.#below(above, spanId, exchange.side === 'server');
		return node.context;
	}

	#root(spanId: string): SpanContext {
		const traceId = randomId(16);
		const isSampled = this.#sampler(traceId, undefined);
		const traceFlags = isSampled ? SAMPLED : 0;
		return {
			traceId,
			spanId,
			parentSpanId: undefined,
			traceFlags,
			traceState: undefined,
			isRemote: undefined,
			isSampled,
		};
	}

	#below(above: SpanContext, spanId: string, isRemote: boolean): SpanContext {
		const { traceId, traceFlags, traceState } = above;
		const isSampled = this.#sampler(traceId, above.isSampled);
		return { traceId, spanId, parentSpanId: above.spanId, traceFlags, traceState, isRemote, isSampled };
	}
}

/** The caller's trace and span (W3C Trace Context); undefined if the field is missing or invalid. */
export function parseTraceparent(
	field: string | null,
): { readonly traceId: string; readonly parentSpanId: string; readonly traceFlags: number } | undefined {
	const match = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(field?.trim() ?? '');
	if (match === null) return undefined;
	const [, version, traceId = '', parentSpanId = '', flags = '', more] = match;
	// ff is forbidden, and version 00 ends after the flags; later versions may continue.
	if (version === 'ff' || (version === '00' && more !== undefined)) return undefined;
	if (/^0+$/.test(traceId) || /^0+$/.test(parentSpanId)) return undefined;
	return { traceId, parentSpanId, traceFlags: Number.parseInt(flags, 16) };
}

/** Random bytes are taken from the system in pieces. */
let pool = Buffer.alloc(0);

/** `bytes` random bytes in hexadecimal; not all 0. */
function randomId(bytes: number): string {
	for (;;) {
		if (pool.length < bytes) pool = randomBytes(4096);
		const id = pool.toString('hex', 0, bytes);
		pool = pool.subarray(bytes);
		if (!/^0+$/.test(id)) return id;
	}
}
