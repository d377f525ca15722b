// Transpiles all tests at once into build/test/js, where Node starts them far faster than from their sources.
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const OUT = 'build/test/js';

/** Bundles test files; modules that several of them import become files of their own. */
export async function bundleTests(files) {
	rmSync(OUT, { recursive: true, force: true });
	mkdirSync(OUT, { recursive: true });
	await build({
		entryPoints: files,
		outdir: OUT,
		outbase: '.',
		outExtension: { '.js': '.mjs' },
		bundle: true,
		splitting: true,
		format: 'esm',
		platform: 'node',
		target: 'node20.19',
		packages: 'external',
		sourcemap: 'linked',
		sourcesContent: false,
		logLevel: 'warning',
		plugins: [
			{
				name: 'places',
				setup(api) {
					// A module looks for its files next to its source.
					api.onLoad({ filter: /\.ts$/ }, ({ path }) => ({
						loader: 'ts',
						contents: readFileSync(path, 'utf8')
							.replaceAll('import.meta.dirname', JSON.stringify(dirname(path)))
							.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)),
					}));
				},
			},
		],
	});
}

/** The file that `bundleTests` makes from a test file. */
export function bundled(file) {
	return `${OUT}/${file.replace(/\.ts$/, '.mjs')}`;
}
