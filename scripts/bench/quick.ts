// Did a change make it slower? Measures two checkouts alternately.
import { loadavg } from 'node:os';
import { CONFIDENCE, geometricMean, LEAST_ROUNDS, medianWithInterval } from '../../support/paired-ratios.ts';
import { type Checkout, CheckoutError, checkoutOf, commitBefore, thisCheckout } from './checkout.ts';
import type { Comparison, Sides } from './comparison.ts';
import { table } from './rounds.ts';

/** A lower ratio is too slow. */
const LEAST_RATIO = 0.95;

/** In the order in which they run. Each is loaded only when chosen. */
const COMPARISONS: Readonly<Record<string, (checkouts: Sides<Checkout>) => Promise<Comparison>>> = {
	decode: async (checkouts) => (await import('./quick-processes.ts')).compareWork('decode', checkouts),
	ingest: async (checkouts) => (await import('./quick-processes.ts')).compareWork('ingest', checkouts),
	sql: async (checkouts) => (await import('./quick-processes.ts')).compareWork('sql', checkouts),
	start: async (checkouts) => (await import('./quick-start.ts')).compareStarts(checkouts),
	overhead: async (checkouts) => (await import('./quick-overhead.ts')).compareOverhead(checkouts),
};

export type QuickOptions = {
	/** Empty: all. */
	readonly names: readonly string[];
	readonly against: string | undefined;
	readonly rounds: number;
};

/** Exits with 1 if something is too slow, with 2 if the checkouts cannot be compared. */
export async function benchQuick(options: QuickOptions): Promise<void> {
	try {
		const slow = await compare(options);
		if (slow.length === 0) return console.log(`every result is at least ${LEAST_RATIO}`);
		console.log(
			`below ${LEAST_RATIO}: ${slow.join(', ')}. If the interval contains 1, measure again with more --rounds.`,
		);
		process.exitCode = 1;
	} catch (error) {
		if (!(error instanceof CheckoutError)) throw error;
		console.error(error.message);
		process.exitCode = 2;
	}
}

/** Prints the comparison. Returns the names of the parts that are too slow. */
async function compare({ names, against, rounds }: QuickOptions): Promise<string[]> {
	const unknown = names.find((name) => !Object.hasOwn(COMPARISONS, name));
	const known = Object.keys(COMPARISONS);
	if (unknown !== undefined) throw new CheckoutError(`expected some of ${known.join(', ')}, got ${unknown}`);
	if (rounds < LEAST_ROUNDS) throw new CheckoutError(`expected at least ${LEAST_ROUNDS} rounds, got ${rounds}`);
	const started = performance.now();
	const checkouts = { mine: thisCheckout(), theirs: checkoutOf(against ?? commitBefore()) };
	console.log(`${checkouts.mine.name} against ${checkouts.theirs.name}, both built; ${rounds} rounds each`);
	const lines: string[][] = [];
	const reports: string[] = [];
	const slow: string[] = [];
	for (const name of known.filter((other) => names.length === 0 || names.includes(other))) {
		const { whole, parts, report } = await measure(name, checkouts, rounds);
		lines.push(line(`**${name}**`, whole), ...[...parts].map(([part, ratios]) => line(`${name}: ${part}`, ratios)));
		if (report !== undefined) reports.push(report);
		if (medianWithInterval(whole).median < LEAST_RATIO) slow.push(name);
	}
	const minutes = (performance.now() - started) / 60_000;
	const head = ['measured', 'ratio of speeds', `${CONFIDENCE * 100} % interval`, 'this checkout'];
	console.log(`\n${[table(head, lines), ...reports].join('\n\n')}\n`);
	console.log(`${minutes.toFixed(1)} minutes, load of the last one ${loadavg()[0]!.toFixed(1)}`);
	return slow;
}

type Measured = {
	readonly whole: readonly number[];
	readonly parts: ReadonlyMap<string, readonly number[]>;
	readonly report: string | undefined;
};

async function measure(name: string, checkouts: Sides<Checkout>, rounds: number): Promise<Measured> {
	const comparison = await COMPARISONS[name]!(checkouts);
	const whole: number[] = [];
	const parts = new Map<string, number[]>();
	try {
		for (let round = 0; round < rounds; round++) {
			const ratios = await comparison.round(round % 2 === 0);
			for (const [part, ratio] of ratios)
				if (part !== comparison.whole && ratios.size > 1) parts.set(part, [...(parts.get(part) ?? []), ratio]);
			whole.push(comparison.whole === undefined ? geometricMean([...ratios.values()]) : ratios.get(comparison.whole)!);
			console.error(`${name} ${round + 1}/${rounds}: ${whole.at(-1)!.toFixed(3)}`);
		}
		return { whole, parts, report: comparison.report?.() };
	} finally {
		await comparison.end?.();
	}
}

function line(name: string, ratios: readonly number[]): string[] {
	const { median, low, high } = medianWithInterval(ratios);
	const seen = low > 1 ? 'faster' : high < 1 ? 'slower' : 'no difference seen';
	return [name, median.toFixed(3), `${low.toFixed(3)}–${high.toFixed(3)}`, seen];
}
