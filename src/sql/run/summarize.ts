// SUMMARIZE: reads the rows of a query once and returns one row about each of its columns.
import type { QueryPlan, SourceColumn } from '../bind/bound.ts';
import type { CompiledQuery, Compiler } from '../evaluate/runtime.ts';
import { quantile } from '../functions/quantile.ts';
import type { Guard } from '../limits/guard.ts';
import { Float64List } from '../values/growing-array.ts';
import { Interval, intervalOf, totalMicros } from '../values/interval.ts';
import { compareValues, keyOf, Real, toReal, type Value, valueBytes } from '../values/value.ts';
import { DistinctCount } from './distinct-count.ts';

/** Maximum numbers of a column kept for its quantiles. If there are more, every 2nd, 4th … is kept. */
const MAX_SAMPLE = 1 << 16;

/** `columns`: those of the result, which have type `any` where some values are intervals. */
export function compileSummary(of: QueryPlan, columns: readonly SourceColumn[], c: Compiler): CompiledQuery {
	const { guard } = c.runtime;
	const { run } = c.query(of);
	return {
		*run(sink) {
			const summaries = of.columns.map(({ type }) => new Summary(type === 'real', guard));
			let count = 0;
			yield* run((row) => {
				count++;
				for (let index = 0; index < summaries.length; index++) summaries[index]!.add(row[index]!);
				return true;
			});
			for (const [index, { name, output }] of of.columns.entries()) {
				const row = [name, output ?? 'any', ...summaries[index]!.values(count)];
				if (!sink(row.map((value, place) => boxed(value, columns[place]!)))) return;
			}
		},
	};
}

/** A REAL in a column of unknown type is an object. */
function boxed(value: Value, { type, name }: SourceColumn): Value {
	const isReal = type === 'any' && typeof value === 'number' && name !== 'min' && name !== 'max';
	return isReal ? toReal(value) : value;
}

class Summary {
	/** Whether plain numbers are REALs. */
	readonly #isReal: boolean;
	readonly #guard: Guard;
	readonly #distinct: DistinctCount;
	readonly #sample = new Sample();
	#present = 0;
	#numbers = 0;
	/** How many of the numbers are intervals, in microseconds. */
	#intervals = 0;
	#sum = 0;
	/** Welford's mean, used only for `squares`: the sum gives the same mean as avg(). */
	#mean = 0;
	/** The sum of the squared differences from the mean. */
	#squares = 0;
	#min: Value = null;
	#max: Value = null;

	constructor(isReal: boolean, guard: Guard) {
		this.#isReal = isReal;
		this.#guard = guard;
		this.#distinct = new DistinctCount(guard);
	}

	add(value: Value): void {
		if (value === null) return;
		this.#present++;
		this.#distinct.add(keyOf(value)!);
		if (this.#min === null || compareValues(value, this.#min) < 0) this.#min = this.#kept(value, this.#min);
		if (this.#max === null || compareValues(value, this.#max) > 0) this.#max = this.#kept(value, this.#max);
		if (typeof value === 'string' || value instanceof Uint8Array) return;
		const number = value instanceof Real ? value.value : value instanceof Interval ? totalMicros(value) : Number(value);
		this.#numbers++;
		if (value instanceof Interval) this.#intervals++;
		this.#sum += number;
		const difference = number - this.#mean;
		this.#mean += difference / this.#numbers;
		this.#squares += difference * (number - this.#mean);
		if (this.#sample.add(number)) this.#guard.grow(8);
	}

	#kept(value: Value, before: Value): Value {
		this.#guard.grow(valueBytes(value));
		this.#guard.shrink(valueBytes(before));
		return value;
	}

	/** The values from column `min` on. `count`: the number of rows. */
	values(count: number): Value[] {
		// A column that holds anything but numbers, or anything but intervals, has no mean.
		const isOne = this.#intervals === 0 || this.#intervals === this.#numbers;
		const areNumbers = this.#numbers > 0 && this.#numbers === this.#present && isOne;
		const measure = (number: number | null): Value =>
			number === null ? null : this.#intervals > 0 ? intervalOf(0, number) : number;
		const sample = areNumbers ? this.#sample.values : new Float64Array(0);
		const at = (q: number) => measure(quantile(sample.slice(), q, () => this.#guard.poll()));
		return [
			this.#boxed(this.#min),
			this.#boxed(this.#max),
			this.#distinct.value,
			areNumbers ? measure(this.#sum / this.#numbers) : null,
			areNumbers && this.#numbers > 1 ? measure(Math.sqrt(this.#squares / (this.#numbers - 1))) : null,
			at(0.25),
			at(0.5),
			at(0.75),
			count,
			count === 0 ? null : (100 * (count - this.#present)) / count,
		];
	}

	#boxed(value: Value): Value {
		return this.#isReal && typeof value === 'number' ? toReal(value) : value;
	}
}

/** Every nth number, with n doubled whenever there are too many. */
class Sample {
	#list = new Float64List();
	#every = 1;
	#skip = 0;

	/** Returns whether the number needed more memory. */
	add(number: number): boolean {
		if (this.#skip > 0) {
			this.#skip--;
			return false;
		}
		this.#skip = this.#every - 1;
		const grows = this.#list.length < MAX_SAMPLE;
		if (!grows) {
			const half = new Float64List();
			for (let index = 0; index < this.#list.length; index += 2) half.push(this.#list.at(index));
			this.#list = half;
			this.#every *= 2;
			this.#skip = this.#every - 1;
		}
		this.#list.push(number);
		return grows;
	}

	get values(): Float64Array {
		return this.#list.view;
	}
}
