// The decoder with many mutants at once, each with a switch: it is compiled once instead of once for each mutant, and tells
// which mutants make a difference in a test: those that are reached and, where that is easy to say, whose value differs from
// that of the code without the fault. A mutant outside of functions, and one that the compiler does not accept here, has no
// switch.
import type { Mutant } from './mutants.ts';

/** A source file to compile with the others. The host says which mutant is on (-1: none), and whether to report differences. */
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

/** It makes a difference. Always false. */
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

/** Always makes a difference. */
// @ts-ignore: decorator
@global @inline
export function isReached(mutant: i32): bool {
	if (MEASURING != 0) reached(mutant);
	return mutant == MUTANT;
}

/** Makes no difference if the value is \`same\`. */
// @ts-ignore: decorator
@global @inline
export function keeps(mutant: i32, same: bool, value: bool): bool {
	if (MEASURING != 0 && value != same) reached(mutant);
	return value;
}
`;

/** Functions of the decoder without effects, which may be called once more. */
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

/** The text of a file in which mutants are on or off; `numbers`: of the mutants of the file that have a switch. */
export function withSwitches(text: string, mutants: readonly Mutant[], numbers: ReadonlyMap<string, number>): string {
	// Outer ones first, so that a mutant within another one's text is in the part that is not mutated.
	const own = mutants.filter(({ key }) => numbers.has(key));
	own.sort((a, b) => a.whole.start - b.whole.start || b.whole.end - a.whole.end);
	/** The text from `start` to `end`, and the first mutant after it; `from`: the first one in it. */
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

/** `code`: the mutant's whole without it, perhaps with switches of others. */
function switched(source: string, mutant: Mutant, number: number, code: string): string {
	const { start, end, isStatement } = mutant.whole;
	// On one line, so that the compiler's messages name the lines of the file.
	const inOneLine = (some: string) => some.replace(/(^|\s)\/\/ .*$/gm, '').replace(/\s+/g, ' ');
	const before = inOneLine(source.slice(start, end));
	const after = inOneLine(source.slice(start, mutant.start) + mutant.replacement + source.slice(mutant.end, end));
	if (isStatement) return `{ if (!isReached(${number})) { ${code} } }`;
	const pure = isPure(before) && isPure(after);
	// Conditions may be numbers and pointers.
	const keeps = (same: boolean) => (pure ? `keeps(${number}, ${same}, !!(${code}))` : `!!(${code})`);
	const isOn = `${pure ? 'isOn' : 'isReached'}(${number})`;
	if (after === 'true') return `(${isOn} || ${keeps(true)})`;
	if (after === 'false') return `(!${isOn} && ${keeps(false)})`;
	if (mutant.text === '&&' || mutant.text === '||') return `(${isOn} ? !!(${after}) : ${keeps(mutant.text === '&&')})`;
	// Not where it always differs, or may trap.
	if (!pure || /^[\w.]+$|^!/.test(before) || mutant.replacement === '/')
		return `(isReached(${number}) ? (${after}) : (${code}))`;
	return `((isMeasuring() && (${before}) != (${after}) && differs(${number})) || isOn(${number}) ? (${after}) : (${code}))`;
}

/** The mutants at the lines that the compiler complains about. */
export function rejected(complaint: string, mutants: readonly Mutant[], texts: ReadonlyMap<string, string>): Mutant[] {
	const places = [...complaint.matchAll(/ in (\S+\.ts)\((\d+),\d+\)/g)].map(([, file, line]) => `${file}:${line}`);
	const wrong = new Set(places);
	return mutants.filter(({ file, line, whole: { start, end } }) => {
		const [from, to] = [start, end].map((at) => texts.get(file)!.slice(0, at).split('\n').length) as [number, number];
		for (let each = from; each <= Math.max(to, line); each++) if (wrong.has(`${file}:${each}`)) return true;
		return false;
	});
}
