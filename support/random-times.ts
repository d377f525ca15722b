// Random expressions of times and intervals, in the SQL of tinytap and of PostgreSQL. Only forms with the same meaning
// are used. PostgreSQL's intervals are justified where their days and hours are looked at, since tinytap's days always
// have 24 hours.
import { executeSync, prepare, SqlError } from '../src/sql/sql.ts';
import { parseInterval } from '../src/sql/values/interval.ts';
import type { SqlValue } from '../src/store/table.ts';

type Kind = 'instant' | 'local' | 'date' | 'clock' | 'interval' | 'number' | 'truth';
export type TimeExpression = { readonly kind: Kind; readonly ours: string; readonly theirs: string };

const ZONES = [
	...['UTC', 'Europe/Berlin', 'Europe/London', 'America/New_York', 'America/St_Johns', 'America/Sao_Paulo'],
	...['Asia/Tokyo', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'Pacific/Auckland', 'Africa/Cairo'],
];
const TRUNCATIONS = [
	...['microseconds', 'milliseconds', 'second', 'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year'],
	'decade',
];
const CLOCK_FIELDS = ['microseconds', 'milliseconds', 'second', 'minute', 'hour'];
const FIELDS = [
	...CLOCK_FIELDS,
	...['day', 'dow', 'isodow', 'doy', 'week', 'isoyear', 'month', 'quarter', 'year', 'decade', 'century', 'millennium'],
];
const COMPARISONS = ['=', '<>', '<', '<=', '>', '>='];
/** Near these times, the clocks of some zone are changed. */
const EDGES = [
	...['2021-03-28 01:30:00', '2021-10-31 01:30:00', '2019-03-10 06:59:59.999999', '2019-11-03 06:30:00'],
	...['2018-11-04 03:00:00', '2020-02-29 23:59:59.5', '2000-01-01 00:00:00', '1999-12-31 23:59:59.999999'],
];

export class TimeMaker {
	readonly #random: () => number;

	constructor(random: () => number) {
		this.#random = random;
	}

	next(): TimeExpression {
		return this.#pick([
			() => this.#instant(3),
			() => this.#local(3),
			() => this.#interval(3),
			() => this.#date(3),
			() => this.#clock(3),
			() => this.#number(3),
			() => this.#truth(2),
			() => this.#scaled(),
			() => {
				// Not inside other expressions: differences of a thousand years are too long for tinytap.
				const [time, unit] = [this.#instant(2), this.#pick(['century', 'millennium'])];
				return this.#both('instant', (of) => `date_trunc('${unit}', ${of(time)})`);
			},
			() => this.#aggregate(),
		])();
	}

	#int(below: number): number {
		return Math.floor(this.#random() * below);
	}

	#pick<T>(list: readonly T[]): T {
		return list[this.#int(list.length)]!;
	}

	#both(kind: Kind, write: (part: (expression: TimeExpression) => string) => string): TimeExpression {
		return { kind, ours: write(({ ours }) => ours), theirs: write(({ theirs }) => theirs) };
	}

	#instant(depth: number): TimeExpression {
		if (depth === 0 || this.#random() < 0.3) return this.#literal();
		return this.#pick([
			() => this.#moved('instant', this.#instant(depth - 1), depth),
			() => this.#truncated('instant', this.#instant(depth - 1)),
			() => {
				const [date, clock] = [this.#date(depth - 1), this.#clock(depth - 1)];
				return this.#both('instant', (of) => `(${of(date)} + ${of(clock)})`);
			},
			() => {
				const [local, zone] = [this.#local(depth - 1), this.#pick(ZONES)];
				const ours = `(${local.ours} AT TIME ZONE '${zone}')`;
				return {
					kind: 'instant',
					ours,
					theirs: `((${local.theirs} AT TIME ZONE '${zone}') AT TIME ZONE 'UTC')`,
				} as const;
			},
		])();
	}

	#literal(): TimeExpression {
		if (this.#random() < 0.3) {
			const edge = this.#pick(EDGES);
			return this.#both('instant', () => `timestamp '${edge}'`);
		}
		const time = new Date(
			Date.UTC(1980 + this.#int(44), this.#int(12), 1 + this.#int(31), this.#int(24), this.#int(60)),
		);
		const seconds = this.#pick(['00', '59', '07.5', '30.123456', '59.999999', '00.000001']);
		return this.#both('instant', () => `timestamp '${time.toISOString().slice(0, 16).replace('T', ' ')}:${seconds}'`);
	}

	#moved(kind: Kind, time: TimeExpression, depth: number): TimeExpression {
		const [interval, sign] = [this.#interval(depth - 1), this.#pick(['+', '-'])];
		return this.#both(kind, (of) => `(${of(time)} ${sign} ${of(interval)})`);
	}

	#truncated(kind: Kind, time: TimeExpression): TimeExpression {
		const unit = this.#pick(TRUNCATIONS);
		return this.#both(kind, (of) => `date_trunc('${unit}', ${of(time)})`);
	}

	#local(depth: number): TimeExpression {
		if (depth > 1 && this.#random() < 0.4)
			return this.#random() < 0.5
				? this.#moved('local', this.#local(depth - 1), depth)
				: this.#truncated('local', this.#local(depth - 1));
		const [instant, zone] = [this.#instant(depth - 1), this.#pick(ZONES)];
		// A literal without a zone would itself be local.
		const ours = `(coalesce(${instant.ours}, now()) AT TIME ZONE '${zone}')`;
		return { kind: 'local', ours, theirs: `((${instant.theirs} AT TIME ZONE 'UTC') AT TIME ZONE '${zone}')` };
	}

	#date(depth: number): TimeExpression {
		const time = this.#random() < 0.7 ? this.#instant(Math.max(0, depth - 1)) : this.#local(Math.max(1, depth - 1));
		return this.#both('date', (of) => `${of(time)}::date`);
	}

	#clock(depth: number): TimeExpression {
		if (depth > 1 && this.#random() < 0.4) return this.#moved('clock', this.#clock(depth - 1), depth);
		const time = this.#instant(Math.max(0, depth - 1));
		return this.#both('clock', (of) => `${of(time)}::time`);
	}

	#interval(depth: number): TimeExpression {
		if (depth <= 0 || this.#random() < 0.3) return this.#intervalLiteral();
		return this.#pick([
			() => {
				const kind = this.#random() < 0.7 ? 'instant' : 'clock';
				const [a, b] =
					kind === 'instant'
						? [this.#instant(depth - 1), this.#instant(depth - 1)]
						: [this.#clock(depth - 1), this.#clock(depth - 1)];
				return this.#both('interval', (of) => `(${of(a)} - ${of(b)})`);
			},
			() => {
				const [a, b, sign] = [this.#interval(depth - 1), this.#interval(depth - 1), this.#pick(['+', '-'])];
				return this.#both('interval', (of) => `(${of(a)} ${sign} ${of(b)})`);
			},
			() => {
				const a = this.#interval(depth - 1);
				return this.#both('interval', (of) => `(- ${of(a)})`);
			},
			() => {
				const [a, factor] = [this.#interval(depth - 1), this.#pick(['2', '-3', '0'])];
				return this.#both('interval', (of) => `(${of(a)} * ${factor})`);
			},
			() => {
				const [a, unit] = [this.#interval(depth - 1), this.#pick(TRUNCATIONS.filter((name) => name !== 'week'))];
				return {
					kind: 'interval',
					ours: `date_trunc('${unit}', ${a.ours})`,
					theirs: `date_trunc('${unit}', justify_hours(${a.theirs}))`,
				} as const;
			},
		])();
	}

	/** Rounded to microseconds, so the last one may differ. */
	#scaled(): TimeExpression {
		const [interval, by] = [this.#interval(2), this.#pick(['* 0.5', '* 1.5', '/ 2', '/ -4', '/ 10'])];
		return this.#both('interval', (of) => `(${of(interval)} ${by})`);
	}

	#intervalLiteral(): TimeExpression {
		const number = this.#int(40);
		const text = this.#pick([
			`${number} minutes`,
			`${number} days ago`,
			`${this.#int(30)} months`,
			`${this.#int(3)} years ${this.#int(12)} mons -${number} days`,
			`${this.#int(5)} days ${this.#int(24)}:${10 + this.#int(50)}:07.25`,
			`-00:00:${10 + this.#int(50)}`,
			`${number}.5 hours`,
			'1.5 months',
			'00:00:00.000001',
			`P${this.#int(3)}Y${this.#int(12)}M${number}DT${this.#int(24)}H5M6.5S`,
			`${this.#int(9)} weeks`,
			`${number} milliseconds`,
		]);
		return this.#both('interval', () => `interval '${text}'`);
	}

	#number(depth: number): TimeExpression {
		return this.#pick([
			() => {
				const [time, field] = [
					this.#random() < 0.7 ? this.#instant(depth - 1) : this.#local(depth - 1),
					this.#pick([...FIELDS, 'epoch']),
				];
				return this.#both('number', (of) => `extract(${field} FROM ${of(time)})`);
			},
			() => {
				const [interval, field] = [
					this.#interval(depth - 1),
					this.#pick([...CLOCK_FIELDS, 'day', 'month', 'year', 'quarter']),
				];
				return {
					kind: 'number',
					ours: `extract(${field} FROM ${interval.ours})`,
					theirs: `extract(${field} FROM justify_hours(${interval.theirs}))`,
				} as const;
			},
			() => {
				const [clock, field] = [this.#clock(depth - 1), this.#pick([...CLOCK_FIELDS, 'epoch'])];
				return this.#both('number', (of) => `extract(${field} FROM ${of(clock)})`);
			},
		])();
	}

	#truth(depth: number): TimeExpression {
		const make = this.#pick([
			() => this.#instant(depth),
			() => this.#interval(depth),
			() => this.#clock(depth),
			() => this.#date(depth),
			() => this.#local(depth),
		]);
		const [a, b, operator] = [make(), make(), this.#pick(COMPARISONS)];
		return this.#both('truth', (of) => `(${of(a)} ${operator} ${of(b)})`);
	}

	#aggregate(): TimeExpression {
		const list = [this.#interval(1), this.#interval(1), this.#interval(1)];
		const name = this.#pick(['sum', 'avg', 'min', 'max']);
		return this.#both(
			'interval',
			(of) => `(SELECT ${name}(column1) FROM (VALUES ${list.map((item) => `(${of(item)})`).join(', ')}) v)`,
		);
	}
}

/** tinytap's answer, in the form in which `show` of postgres.ts writes it. */
export function ourAnswer({
	kind,
	ours,
}: Omit<TimeExpression, 'theirs'>): { readonly text: string | null } | { readonly error: string } {
	let value: SqlValue;
	try {
		const database = { tables: new Map() };
		value = executeSync(prepare(`SELECT ${ours}`, database), database).rows[0]![0]!;
	} catch (error) {
		if (error instanceof SqlError) return { error: error.message };
		throw error;
	}
	if (value === null) return { text: null };
	if (kind === 'instant') return { text: String(value).replace('Z', '') };
	if (kind !== 'interval') return { text: String(value) };
	const { months, micros } = parseInterval(String(value))!;
	return { text: `${months} ${micros}` };
}

/** Whether the answers are equal: numbers to 12 digits, and intervals, which may have been divided, to a microsecond. */
export function sameAnswer(kind: Kind, ours: string | null, theirs: string | null): boolean {
	if (ours === null || theirs === null) return ours === theirs;
	if (kind === 'number') return Math.abs(Number(ours) - Number(theirs)) <= Math.abs(Number(theirs)) * 1e-12;
	if (kind !== 'interval') return ours === theirs;
	const [months, micros] = ours.split(' ').map(Number) as [number, number];
	const [theirMonths, theirMicros] = theirs.split(' ').map(Number) as [number, number];
	return months === theirMonths && Math.abs(micros - theirMicros) <= 1;
}
