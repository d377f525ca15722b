// Bundles the entry files of the three threads into dist/, including alasql's grammar, so that tinytap needs no
// node_modules; what writes Parquet, and what reads .proto files, apart from them, because they are seldom needed; and the code of the page of a report.
import { readdirSync, statSync } from 'node:fs';

const entries = ['src/cli.ts', 'src/threads/capture-thread.ts', 'src/threads/query-thread.ts'];
/** Read only when they are needed. */
const libraries = ['parquet-library', 'proto-library'];
const outputs = ['tinytap', 'capture-thread', 'query-thread', ...libraries].map((name) => `dist/${name}.cjs`);
const page = ['dist/report-page.js', 'dist/report-page.css'];
const sources = ['src', 'decoder-as/assembly', 'package.json', 'package-lock.json', 'scripts/build-cli.mjs'];

/** Latest modification time below the paths, in milliseconds. */
function newest(paths) {
	let latest = 0;
	for (const path of paths) {
		const stat = statSync(path);
		latest = Math.max(latest, stat.mtimeMs);
		if (stat.isDirectory()) latest = Math.max(latest, newest(readdirSync(path).map((name) => `${path}/${name}`)));
	}
	return latest;
}

function oldest(paths) {
	return Math.min(...paths.map((path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0));
}

/** Modules that alasql would load for file formats and platforms that tinytap does not use. */
const leftOut = /^(react-native.*|xlsx|.*\/xlsx\/.*|cross-fetch|jszip|tabletop|es6-promise)$/;

if (newest(sources) >= oldest([...outputs, ...page])) {
	process.stderr.write('tinytap: bundling src/\n');
	// Loading it takes a tenth of a second.
	const { build } = await import('esbuild');
	await build({
		entryPoints: {
			...{ tinytap: entries[0], 'capture-thread': entries[1], 'query-thread': entries[2] },
			...Object.fromEntries(libraries.map((name) => [name, `src/output/${name}.ts`])),
		},
		outdir: 'dist',
		outExtension: { '.js': '.cjs' },
		bundle: true,
		platform: 'node',
		target: 'node20.19',
		format: 'cjs',
		// Minified, because each thread reads its file at every start. Names are kept for messages.
		minifyWhitespace: true,
		minifySyntax: true,
		sourcemap: 'linked',
		legalComments: 'none',
		logLevel: 'warning',
		define: { 'import.meta.dirname': '__dirname', 'import.meta.url': '__filename' },
		plugins: [
			{
				name: 'load-later',
				setup(api) {
					api.onResolve({ filter: /\/(parquet|proto)-library\.ts$/ }, ({ kind, path }) =>
						kind === 'dynamic-import'
							? { path: path.replace(/^.*\/(.*)\.ts$/, './$1.cjs'), external: true }
							: undefined,
					);
				},
			},
			{
				name: 'leave-out',
				setup(api) {
					api.onResolve({ filter: leftOut }, ({ path }) => ({ path, namespace: 'left-out' }));
					api.onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({ contents: 'module.exports = {};' }));
				},
			},
		],
	});
	// A classic script, which runs where it stands in the page. ASCII, so that nothing in it depends on a charset.
	await build({
		entryPoints: { 'report-page': 'src/report/page/main.ts' },
		outdir: 'dist',
		bundle: true,
		platform: 'browser',
		target: ['chrome111', 'firefox115', 'safari16.4'],
		format: 'iife',
		minify: true,
		charset: 'ascii',
		legalComments: 'none',
		logLevel: 'warning',
	});
	await build({
		entryPoints: { 'report-page': 'src/report/page/page.css' },
		outdir: 'dist',
		bundle: true,
		target: ['chrome111', 'firefox115', 'safari16.4'],
		minify: true,
		charset: 'ascii',
		logLevel: 'warning',
	});
}
