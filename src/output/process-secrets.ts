// Finds secrets in the arguments of a process.
import { JsonSecrets } from './json-secrets.ts';
import { addPlaces, type Place, type SecretFinder, shifted } from './secret-finder.ts';

/** Between two arguments in a CAPTURE_FACT_PROCESS. */
const SEPARATOR = '\x1f';
const COOKIE_OPTION = /^(?:-b|--cookie)$/;
const COOKIES = /^(?:-b|--cookie=)(?=[^=]+=)/;

/** `text`: arguments as Latin-1, separated by 0x1F. */
export function argumentSecrets(text: string, finder: SecretFinder): Place[] {
	const places = finder.freeText(text.replaceAll(SEPARATOR, ' '));
	let at = 0;
	let before = '';
	for (const argument of text.split(SEPARATOR)) {
		const found = COOKIE_OPTION.test(before) ? finder.header('cookie', argument) : secretsOf(argument, finder);
		addPlaces(places, found, at);
		at += argument.length + 1;
		before = argument;
	}
	return places;
}

function secretsOf(argument: string, finder: SecretFinder): Place[] {
	const option = COOKIES.exec(argument)?.[0].length;
	if (option !== undefined) return shifted(finder.header('cookie', argument.slice(option)), option);
	const field = /^([\w-]+):\s*(?=\S)/.exec(argument);
	if (field !== null && !argument.startsWith('//', field[0].length))
		return shifted(finder.header(field[1]!, argument.slice(field[0].length).trimEnd()), field[0].length);
	if (/^\s*[[{]/.test(argument)) return new JsonSecrets(finder).scan(argument, 'final').places;
	return /^[\w.~%[\]-]{1,64}=[^\s]*$/.test(argument) ? finder.form(argument) : [];
}
