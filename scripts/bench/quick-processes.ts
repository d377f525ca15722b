// Measurements made by a process of each checkout, which runs scripts/bench/quick-work.ts.
import { createInterface } from 'node:readline';
import { type Checkout, CheckoutError, WORK_FILES } from './checkout.ts';
import type { Comparison, Ratios, Sides } from './comparison.ts';
import { type Started, start } from './processes.ts';
import type { Parts } from './quick-work.ts';

/** Repetitions that do not count, because V8 is still compiling the functions. */
const WARM_UP = 4;
/** --single-threaded: V8 compiles and collects garbage on the main thread, so that their time does not vary with the load. */
const FLAGS = ['--expose-gc', '--single-threaded', '--import', 'tsx', WORK_FILES[0]];

/**
 * Each round starts two new processes. Two processes of the same program can differ for as long as they live, because
 * of memory layout and of what V8 compiled first.
 */
export function compareWork(name: string, checkouts: Sides<Checkout>): Comparison {
	return {
		round: async (mineFirst) => {
			const mine = new Worker(name, checkouts.mine);
			const theirs = new Worker(name, checkouts.theirs);
			try {
				await Promise.all([mine.warmUp(), theirs.warmUp()]);
				const [first, second] = mineFirst ? [mine, theirs] : [theirs, mine];
				// Nested order, so that a machine that slows down affects both.
				for (const worker of [first, second, second, first]) await worker.measure();
				return ratiosOf(mine, theirs);
			} finally {
				await Promise.all([mine.end(), theirs.end()]);
			}
		},
	};
}

class Worker {
	readonly #checkout: Checkout;
	readonly #started: Started;
	readonly #answers: AsyncIterator<string>;
	readonly measured: Parts[] = [];

	constructor(name: string, checkout: Checkout) {
		this.#checkout = checkout;
		this.#started = start(process.execPath, [...FLAGS, name], { cwd: checkout.folder, input: true });
		this.#answers = createInterface({ input: this.#started.child.stdout! })[Symbol.asyncIterator]();
	}

	async warmUp(): Promise<void> {
		for (let i = 0; i < WARM_UP; i++) await this.#repeat();
	}

	async measure(): Promise<void> {
		this.measured.push(await this.#repeat());
	}

	async end(): Promise<void> {
		this.#started.child.stdin!.end();
		await this.#started.ended;
	}

	async #repeat(): Promise<Parts> {
		this.#started.child.stdin!.write('\n');
		const { value, done } = await this.#answers.next();
		if (done === true) throw new CheckoutError(`${this.#checkout.name} cannot be measured:\n${this.#started.stderr()}`);
		return JSON.parse(value) as Parts;
	}
}

/** Compares the parts that both sides have. Throws if they did different work. */
function ratiosOf(mine: Worker, theirs: Worker): Ratios {
	const ratios = new Map<string, number>();
	for (const part of Object.keys(mine.measured[0]!).filter((name) => Object.hasOwn(theirs.measured[0]!, name))) {
		const [work, ...others] = new Set([...mine.measured, ...theirs.measured].map((parts) => parts[part]!.work));
		if (others.length > 0)
			throw new CheckoutError(`${part}: the checkouts did different work: ${[work, ...others].join('; ')}`);
		// The fastest repetition. In another one V8 may have compiled a function, which takes longer than a short query.
		const seconds = ({ measured }: Worker) => Math.min(...measured.map((parts) => parts[part]!.seconds));
		ratios.set(part, seconds(theirs) / seconds(mine));
	}
	if (ratios.size === 0) throw new CheckoutError('the checkouts have no part of this measurement in common');
	return ratios;
}
