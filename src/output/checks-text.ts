// Checks as text: those of this machine for `tinytap doctor` and `.doctor`, those of a store for `tinytap fleet check`.
import type { Check } from '../capture/check.ts';
import { forTerminal } from './terminal-text.ts';
import type { Theme } from './theme.ts';

/** The checks of this machine, and whether it can capture. */
export function checksText(checks: readonly Check[], theme: Theme): string {
	const possible = checks.every(({ status }) => status !== 'failed');
	const answer = possible
		? 'Live capture is possible.'
		: 'Live capture is not possible; recordings can be read: tinytap --replay FILE';
	return `${checkLines(checks, theme)}\n${answer}\n`;
}

/** At least two lines for each problem: what it affects and how to fix it. */
export function checkLines(checks: readonly Check[], theme: Theme): string {
	const paint = { ok: theme.success, warning: theme.warning, failed: theme.error };
	const width = Math.max(...checks.map(({ name }) => name.length));
	const lines = checks.flatMap(({ name, status, detail, affects, fix }) => [
		`${paint[status](status.padEnd(7))}  ${name.padEnd(width)}  ${forTerminal(detail)}`,
		...(affects === undefined ? [] : [`${' '.repeat(9)}affects: ${affects}`]),
		...(fix === undefined ? [] : [`${' '.repeat(9)}${theme.hint('fix:')} ${forTerminal(fix)}`]),
	]);
	return `${lines.join('\n')}\n`;
}
