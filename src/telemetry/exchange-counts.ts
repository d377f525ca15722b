// Counts of exchanges for Prometheus, with few series: side, method and the first digit of the status.
import { DurationHistogram } from './duration-histogram.ts';
import { type KnownMethods, knownMethod } from './known-methods.ts';
import type { Counted } from './observed.ts';

export const SIDES = ['server', 'client'] as const;

/** `none`: there was no response. */
export function statusClass(status: number | null): string {
	if (status === null) return 'none';
	return status >= 100 && status < 600 ? `${Math.floor(status / 100)}xx` : 'other';
}

export type LabelledCount = { readonly labels: Readonly<Record<string, string>>; count: number };
export type LabelledDurations = {
	readonly labels: Readonly<Record<string, string>>;
	readonly histogram: DurationHistogram;
};

export class ExchangeCounts {
	readonly #knownMethods: KnownMethods;
	readonly #exchanges = new Map<string, LabelledCount>();
	readonly #durations = new Map<string, LabelledDurations>();
	/** By side. */
	readonly bodyBytes = { request: { server: 0, client: 0 }, response: { server: 0, client: 0 } };

	constructor(knownMethods: KnownMethods) {
		this.#knownMethods = knownMethods;
	}

	get exchanges(): readonly LabelledCount[] {
		return [...this.#exchanges.values()];
	}

	get durations(): readonly LabelledDurations[] {
		return [...this.#durations.values()];
	}

	record({ side, method: sent, status, duration, reqBodyBytes, resBodyBytes }: Counted): void {
		const status_class = statusClass(status);
		const method = sent === null ? 'none' : knownMethod(sent, this.#knownMethods);
		entry(this.#exchanges, `${side} ${method} ${status_class}`, () => ({
			labels: { side, method, status_class },
			count: 0,
		})).count++;
		this.bodyBytes.request[side] += reqBodyBytes;
		this.bodyBytes.response[side] += resBodyBytes;
		if (duration === null) return;
		entry(this.#durations, `${side} ${status_class}`, () => ({
			labels: { side, status_class },
			histogram: new DurationHistogram(),
		})).histogram.record(duration);
	}
}

function entry<T>(map: Map<string, T>, key: string, make: () => T): T {
	const found = map.get(key) ?? make();
	map.set(key, found);
	return found;
}
