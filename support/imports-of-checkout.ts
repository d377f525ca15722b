// Runs a file in a checkout with another layout: its imports are changed to the paths that the files have there.
import { basename, dirname, join, relative } from 'node:path';

/**
 * `file`: where the text will be placed; `files`: all source files of the checkout. Both are relative to the
 * checkout. An import of a file that is not in its place is looked up by name; with no match, or several, it is left
 * unchanged.
 */
export function adjustImports(text: string, file: string, files: readonly string[]): string {
	const from = dirname(file);
	return text.replace(/(?<= from ')\.[^']+(?=';)/g, (specifier) => {
		if (files.includes(join(from, specifier))) return specifier;
		const [found, ...others] = files.filter((path) => basename(path) === basename(specifier));
		if (found === undefined || others.length > 0) return specifier;
		const path = relative(from, found);
		return path.startsWith('.') ? path : `./${path}`;
	});
}
