// The arguments of the commands that show exchanges: `.show -1 --body --save page.html`.
import { usageError } from '../base/errors.ts';
import { parseInteger } from '../base/quantity.ts';
import type { BodyForm } from '../output/body-lines.ts';
import type { DetailPart } from '../output/detail-view.ts';
import type { WantedExchange } from '../store/exchange-detail.ts';
import { commandWords } from './command-words.ts';

export type ShowArguments = {
	readonly wanted: WantedExchange;
	readonly parts: readonly DetailPart[];
	readonly messages: readonly ('req' | 'res')[];
	readonly bodies: BodyForm;
	/** The file that gets the body. */
	readonly save: string | undefined;
};

export const SHOW_OPTIONS: readonly string[] = [
	'--headers',
	'--body',
	'--request',
	'--response',
	'--raw',
	'--hex',
	'--save',
];

/** Throws a UserError for an argument that `command` does not take. */
export function parseShow(command: string, argument: string): ShowArguments {
	const given = new Set<string>();
	const others: string[] = [];
	let save: string | undefined;
	const words = commandWords(argument);
	for (let index = 0; index < words.length; index++) {
		const word = words[index]!;
		if (!word.startsWith('--')) others.push(word);
		else if (!SHOW_OPTIONS.includes(word))
			throw usageError(`${command}: expected an id and ${SHOW_OPTIONS.join(', ')} FILE, got ${JSON.stringify(word)}`);
		else given.add(word);
		if (word !== '--save') continue;
		save = words[++index];
		if (save === undefined || save === '') throw usageError(`${command} --save: expected the name of a new file`);
	}
	if (others.length > 1) throw usageError(`${command}: expected one id, got ${others.join(' ')}`);
	const hex = given.has('--hex');
	return {
		wanted: parseWanted(command, others[0]),
		parts: partsOf(given),
		messages: chosen(given, [
			['--request', 'req'],
			['--response', 'res'],
		]),
		bodies: given.has('--raw') ? (hex ? 'raw hex' : 'raw') : hex ? 'hex' : 'readable',
		save,
	};
}

/** Parses an id, `-1` for the exchange before the latest, or nothing for the latest. */
export function parseWanted(command: string, word: string | undefined): WantedExchange {
	if (word === undefined) return { back: 0 };
	if (/^-\d+$/.test(word)) return { back: parseInteger(word.slice(1), command, 0, Number.MAX_SAFE_INTEGER) };
	if (!/^\d+$/.test(word))
		throw usageError(
			`${command}: expected the id of an exchange, got ${JSON.stringify(word)}`,
			'.tail and FROM exchanges; show the ids. .show without an id shows the latest exchange.',
		);
	return { id: parseInteger(word, command, 1, Number.MAX_SAFE_INTEGER) };
}

function partsOf(given: ReadonlySet<string>): DetailPart[] {
	const parts = chosen<DetailPart>(given, [
		['--headers', 'headers'],
		['--body', 'body'],
	]);
	const isAll = !given.has('--headers') && !given.has('--body');
	return isAll ? ['facts', ...parts] : parts;
}

/** The values whose options are given, or all values if there are none. */
function chosen<T>(given: ReadonlySet<string>, options: readonly (readonly [option: string, value: T])[]): T[] {
	const some = options.filter(([option]) => given.has(option));
	return (some.length === 0 ? options : some).map(([, value]) => value);
}
