// Numbers as the page shows them, and the marks of its axes. All times are UTC.

/** `840 µs`, `12.3 ms`, `1.23 s`, `2 min 5 s`; `–` if unknown. */
export function durationText(ms: number): string {
	if (Number.isNaN(ms)) return '–';
	if (ms === 0) return '0 ms';
	if (ms < 0.9995) return `${digits(ms * 1000)} µs`;
	if (ms < 999.5) return `${digits(ms)} ms`;
	if (ms < 59_950) return `${digits(ms / 1000)} s`;
	const seconds = Math.round(ms / 1000);
	if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
	return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** `512 B`, `50 KiB`, `1.21 MiB`. */
export function bytesText(bytes: number): string {
	if (Number.isNaN(bytes)) return '–';
	let value = bytes;
	let unit = 0;
	while (value >= 999.5 && unit < UNITS.length - 1) {
		value /= 1024;
		unit++;
	}
	return unit === 0 ? `${bytes} B` : `${digits(value)} ${UNITS[unit]}`;
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** Three digits, without zeros at the end. */
function digits(value: number): string {
	return String(Number(value.toPrecision(3)));
}

/** `1,840` */
export function countText(count: number): string {
	// toLocaleString() takes a hundred times as long.
	return count < 1000 ? String(count) : String(count).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

/** `1 exchange`, `3 exchanges`. */
export function plural(count: number, one: string, many = `${one}s`): string {
	return `${countText(count)} ${count === 1 ? one : many}`;
}

/** `0 %`, `0.4 %`, `12 %`. */
export function percentText(part: number, whole: number): string {
	if (whole === 0) return '–';
	const percent = (100 * part) / whole;
	if (percent === 0 || percent >= 9.95) return `${Math.round(percent)} %`;
	return percent < 0.05 ? '< 0.1 %' : `${percent.toFixed(1)} %`;
}

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `12:56:01.123`, with as many digits of the second as `stepUs` needs. */
export function clockText(us: number, stepUs = 1000): string {
	const whole = new Date(Math.floor(us / 1000)).toISOString();
	if (stepUs >= DAY) return whole.slice(0, 10);
	if (stepUs >= MINUTE) return whole.slice(11, 16);
	const places = stepUs >= SECOND ? 0 : Math.min(6, Math.ceil(6 - Math.log10(stepUs) - 1e-9));
	const part = us - Math.floor(us / SECOND) * SECOND;
	const fraction = String(Math.floor(part)).padStart(6, '0').slice(0, places);
	return whole.slice(11, 19) + (places === 0 ? '' : `.${fraction}`);
}

/** `2026-11-22` */
export function dateText(us: number): string {
	return new Date(Math.floor(us / 1000)).toISOString().slice(0, 10);
}

const TIME_STEPS: readonly number[] = [
	...[1, 10, 100, 1000, 10_000, 100_000].flatMap((unit) => [unit, 2 * unit, 5 * unit]),
	...[1, 2, 5, 10, 15, 30].map((seconds) => seconds * SECOND),
	...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE),
	...[1, 2, 3, 6, 12].map((hours) => hours * HOUR),
	...[1, 2, 7, 14, 30, 90, 365].map((days) => days * DAY),
];

/** The smallest natural step of time of which at most `most` fit into `spanUs`. */
export function timeStep(spanUs: number, most: number): number {
	return TIME_STEPS.find((step) => spanUs / step <= most) ?? TIME_STEPS.at(-1)!;
}

/** `100 ms`, `5 s`, `1 min`, `6 h`, `1 day`. */
export function stepText(stepUs: number): string {
	if (stepUs >= DAY) return plural(stepUs / DAY, 'day');
	if (stepUs >= HOUR) return `${stepUs / HOUR} h`;
	if (stepUs >= MINUTE) return `${stepUs / MINUTE} min`;
	return durationText(stepUs / 1000);
}

/** Multiples of a natural step between two times. */
export function timeMarks(from: number, to: number, most: number): { readonly step: number; readonly at: number[] } {
	const step = timeStep(Math.max(1, to - from), most);
	const at: number[] = [];
	for (let mark = Math.ceil(from / step) * step; mark <= to; mark += step) at.push(mark);
	return { step, at };
}

/** Multiples of 1, 2 or 5 times a power of ten from 0 to at least `largest`. `least`: the smallest step. */
export function linearMarks(largest: number, most: number, least = 0): number[] {
	const rough = Math.max(largest / most, least, Number.MIN_VALUE);
	const power = 10 ** Math.floor(Math.log10(rough));
	const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough - 1e-12) ?? rough;
	const marks: number[] = [];
	for (let i = 0; i === 0 || marks[i - 1]! < largest - 1e-9; i++) marks.push(Number((i * step).toPrecision(12)));
	return marks;
}

/** Marks for a logarithmic axis of durations: 1, 2 and 5 per decade if there is room, else only 1. */
export function logMarks(from: number, to: number, most: number): number[] {
	const powers: number[] = [];
	for (let power = Math.floor(Math.log10(from)); 10 ** power <= to * 1.0001; power++) powers.push(power);
	const inside = (marks: number[]) => marks.filter((mark) => mark >= from * 0.9999 && mark <= to * 1.0001);
	const fine = inside(powers.flatMap((power) => [1, 2, 5].map((each) => Number((each * 10 ** power).toPrecision(3)))));
	return fine.length <= most ? fine : inside(powers.map((power) => Number((10 ** power).toPrecision(3))));
}
