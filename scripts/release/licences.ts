// The licences of everything that is bundled, as one text.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './places.ts';

const BUNDLES = ['tinytap', 'capture-thread', 'query-thread', 'parquet-library', 'proto-library'];

/** Not in the bundles, but compiled into the decoder and the addon. */
export const COMPILED_IN: readonly string[] = ['assemblyscript', 'node-addon-api'];

/** `folders`: files about libraries that are linked in, made by their builds. */
export function licences(folders: readonly string[]): string {
	const names = [...new Set([...bundledPackages(), ...COMPILED_IN])].sort();
	const packages = names.map((name) => {
		const folder = join(ROOT, 'node_modules', name);
		const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
		const files = readdirSync(folder).filter((file) => /^(licen[cs]e|notice)/i.test(file));
		if (!files.some((file) => /^licen[cs]e/i.test(file))) throw new Error(`${folder} has no file with its licence`);
		return section(
			`${name} ${version} (${license})`,
			files.map((file) => join(folder, file)),
		);
	});
	const linked = folders.flatMap((folder) =>
		existsSync(folder)
			? readdirSync(folder)
					.sort()
					.map((file) => section(file, [join(folder, file)]))
			: [],
	);
	return `tinytap is under the MIT licence (LICENSE). It contains the following works of others.\n\n${[...packages, ...new Set(linked)].join('\n')}`;
}

/** The packages from which esbuild took files, as its source maps say. */
export function bundledPackages(): string[] {
	const sources = BUNDLES.flatMap((name) => {
		const map: { sources: string[] } = JSON.parse(readFileSync(join(ROOT, `dist/${name}.cjs.map`), 'utf8'));
		return map.sources;
	});
	return sources.flatMap((source) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.[1] ?? []);
}

function section(title: string, files: readonly string[]): string {
	const texts = files.map((file) => readFileSync(file, 'utf8').trim().replaceAll('\r\n', '\n'));
	return `${'='.repeat(80)}\n${title}\n${'='.repeat(80)}\n\n${texts.join('\n\n')}\n`;
}
