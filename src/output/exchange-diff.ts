// What differs between two exchanges: heads and bodies, line by line.
import { type DetailViewOptions, detailView } from './detail-view.ts';
import type { ExchangeDetail } from './exchange-parts.ts';
import { type DiffLine, diffLines } from './line-diff.ts';
import { plainTheme, type Theme } from './theme.ts';

/** Equal lines shown before and after a difference. */
const CONTEXT = 3;

export function exchangeDiff(before: ExchangeDetail, after: ExchangeDetail, options: DetailViewOptions = {}): string {
	const theme = options.theme ?? plainTheme;
	const heads = `${theme.error(`- exchange ${before.columns.id}`)}\n${theme.success(`+ exchange ${after.columns.id}`)}\n`;
	const sections = (['req', 'res'] as const).map((message) => {
		const lines = (exchange: ExchangeDetail) =>
			detailView(exchange, { raw: options.raw === true, parts: ['headers', 'body'], messages: [message] })
				.trimEnd()
				.split('\n');
		const name = message === 'req' ? 'request' : 'response';
		const diff = diffLines(lines(before), lines(after));
		if (diff.every(({ kind }) => kind === 'same')) return theme.dim(`${name}: no difference\n`);
		return `${theme.dim(`${name}:`)}\n${shownLines(diff, theme)}`;
	});
	return heads + sections.join('');
}

function shownLines(diff: readonly DiffLine[], theme: Theme): string {
	const isNear = diff.map((_, index) =>
		diff.slice(Math.max(0, index - CONTEXT), index + CONTEXT + 1).some(({ kind }) => kind !== 'same'),
	);
	let text = '';
	for (let index = 0; index < diff.length; ) {
		if (isNear[index] === true) {
			text += `${paintedLine(diff[index]!, theme)}\n`;
			index++;
			continue;
		}
		let end = index;
		while (end < diff.length && isNear[end] === false) end++;
		const count = end - index;
		text += theme.dim(`  … ${count} equal ${count === 1 ? 'line' : 'lines'}\n`);
		index = end;
	}
	return text;
}

function paintedLine({ kind, text }: DiffLine, theme: Theme): string {
	if (kind === 'old') return theme.error(`- ${text}`);
	return kind === 'new' ? theme.success(`+ ${text}`) : `  ${text}`.trimEnd();
}
