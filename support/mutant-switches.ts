// Puts many mutants into the decoder, each behind a switch, so that it is compiled once instead of once per mutant. This
// decoder reports which mutants can make a difference in a test: those that are reached and, where it can be computed,
// whose value differs from that of the original code. Mutants outside functions, and those that the compiler rejects here,
// have no switch.
import type { Mutant } from './mutants.ts';

/** A source file compiled with the others. The host says which mutant is on (-1: none), and whether to report differences. */
export const SWITCHES = `// @ts-ignore: decorator
@external('env', 'mutant') declare const MUTANT: i32;
// @ts-ignore: decorator
@external('env', 'measuring') declare const MEASURING: i32;
// @ts-ignore: decorator
@external('env', 'reached') declare function reached(mutant: i32): void;

// @ts-ignore: decorator
@global @inline
export function isMeasuring(): bool {
	return MEASURING != 0;
}

/** Reports that the mutant makes a difference. Always false. */
// @ts-ignore: decorator
@global
export function differs(mutant: i32): bool {
	reached(mutant);
	return false;
}

// @ts-ignore: decorator
@global @inline
export function isOn(mutant: i32): bool {
	return mutant == MUTANT;
}

/** Whether the mutant is on; reports that it makes a difference. */
// @ts-ignore: decorator
@global @inline
export function isReached(mutant: i32): bool {
	if (MEASURING != 0) reached(mutant);
	return mutant == MUTANT;
}

/** Returns the value; reports that the mutant makes a difference unless the value is \`same\`. */
// @ts-ignore: decorator
@global @inline
export function keeps(mutant: i32, same: bool, value: bool): bool {
	if (MEASURING != 0 && value != same) reached(mutant);
	return value;
}
`;

/** Functions of the decoder without side effects, which may be called twice. */
const PURE =
	/^(load|min|max|changetype|offsetof|begins|isWord|isSpace|isDigit|isToken|isVisible|isClient|isWaiting|nextWaiting|record[A-Z]\w*|firstPendingTime|pendingTime|opposite|findByte|findLineFeed|skipSpace|trimSpace)$/;

/** Whether the mutant can have a switch. */
export function mayHaveSwitch({ body }: Mutant): boolean {
	return body !== undefined;
}

function isPure(code: string): boolean {
	if (/(^|[^=!<>])=([^=]|$)|\+\+|--/.test(code)) return false;
	return [...code.matchAll(/([A-Za-z_]\w*)\s*(?:<[^()<>]*>)?\(/g)].every(([, name]) => PURE.test(name!));
}

/** Returns the text of a file with switches for its mutants; `numbers`: the numbers of those that have one. */
export function withSwitches(text: string, mutants: readonly Mutant[], numbers: ReadonlyMap<string, number>): string {
	// Outer mutants come first, so that a nested mutant is in the unmutated branch of the outer one.
	const own = mutants.filter(({ key }) => numbers.has(key));
	own.sort((a, b) => a.whole.start - b.whole.start || b.whole.end - a.whole.end);
	/** Renders `start` to `end`; `from`: index of the first mutant in it; `next`: index of the first one after it. */
	const render = (start: number, end: number, from: number): { code: string; next: number } => {
		let [code, at, next] = ['', start, from];
		while (next < own.length && own[next]!.whole.start < end) {
			const mutant = own[next]!;
			const inner = render(mutant.whole.start, mutant.whole.end, next + 1);
			code += text.slice(at, mutant.whole.start) + switched(text, mutant, numbers.get(mutant.key)!, inner.code);
			next = inner.next;
			at = mutant.whole.end;
		}
		return { code: code + text.slice(at, end), next };
	};
	return render(0, text.length, 0).code;
}

/** `code`: the unmutated code, which may contain switches of other mutants. */
function switched(source: string, mutant: Mutant, number: number, code: string): string {
	const { start, end, isStatement } = mutant.whole;
	// On one line, so that line numbers in the compiler's messages match the original file.
	const inOneLine = (some: string) => some.replace(/(^|\s)\/\/ .*$/gm, '').replace(/\s+/g, ' ');
	const before = inOneLine(source.slice(start, end));
	const after = inOneLine(source.slice(start, mutant.start) + mutant.replacement + source.slice(mutant.end, end));
	if (isStatement) return `{ if (!isReached(${number})) { ${code} } }`;
	const pure = isPure(before) && isPure(after);
	// Conditions may also be numbers or pointers.
	const keeps = (same: boolean) => (pure ? `keeps(${number}, ${same}, !!(${code}))` : `!!(${code})`);
	const isOn = `${pure ? 'isOn' : 'isReached'}(${number})`;
	if (after === 'true') return `(${isOn} || ${keeps(true)})`;
	if (after === 'false') return `(!${isOn} && ${keeps(false)})`;
	if (mutant.text === '&&' || mutant.text === '||') return `(${isOn} ? !!(${after}) : ${keeps(mutant.text === '&&')})`;
	// Values are not compared where they always differ, or where computing them could trap.
	if (!pure || /^[\w.]+$|^!/.test(before) || mutant.replacement === '/')
		return `(isReached(${number}) ? (${after}) : (${code}))`;
	return `((isMeasuring() && (${before}) != (${after}) && differs(${number})) || isOn(${number}) ? (${after}) : (${code}))`;
}

/** Returns the mutants on the lines that the compiler complains about. */
export function rejected(complaint: string, mutants: readonly Mutant[], texts: ReadonlyMap<string, string>): Mutant[] {
	const places = [...complaint.matchAll(/ in (\S+\.ts)\((\d+),\d+\)/g)].map(([, file, line]) => `${file}:${line}`);
	const wrong = new Set(places);
	return mutants.filter(({ file, line, whole: { start, end } }) => {
		const [from, to] = [start, end].map((at) => texts.get(file)!.slice(0, at).split('\n').length) as [number, number];
		for (let each = from; each <= Math.max(to, line); each++) if (wrong.has(`${file}:${each}`)) return true;
		return false;
	});
}
