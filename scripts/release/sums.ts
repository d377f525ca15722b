// SHA256SUMS of the packages, and what they contain as an SBOM (CycloneDX, by `npm sbom`).
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundledPackages, COMPILED_IN } from './licences.ts';
import { manifest, NODE_VERSION, PACKAGES, ROOT, run, sourceDate } from './places.ts';

/** Writes both; returns their paths. */
export function writeSums(): string[] {
	const bom = join(PACKAGES, `tinytap-${manifest().version}.cdx.json`);
	writeFileSync(bom, billOfMaterials());
	const sums = join(PACKAGES, 'SHA256SUMS');
	const names = readdirSync(PACKAGES).filter(
		(name) => name.startsWith('tinytap') && statSync(join(PACKAGES, name)).isFile(),
	);
	const lines = names.sort().map((name) => `${sha256(readFileSync(join(PACKAGES, name)))}  ${name}\n`);
	writeFileSync(sums, lines.join(''));
	return [sums, bom];
}

type Component = { readonly name: string };
type Bom = {
	serialNumber: string;
	metadata: { timestamp: string; component: Component };
	components: object[];
	dependencies?: object;
};

/** npm's list without its tools for development, and with what does not come from npm. The same for the same commit. */
function billOfMaterials(): string {
	const { version } = manifest();
	const text = run('npm', ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only']);
	const bom: Bom = JSON.parse(text);
	const shipped = new Set([...bundledPackages(), ...COMPILED_IN]);
	const fromNpm = (bom.components as Component[]).filter(({ name }) => shipped.has(name));
	bom.components = [
		...fromNpm.map((component) => ({ ...component, scope: 'required', properties: [] })),
		{
			type: 'application',
			name: 'node',
			version: NODE_VERSION,
			scope: 'optional',
			licenses: [{ license: { id: 'MIT' } }],
		},
		...linkedLibraries(),
	];
	// It would name the tools for development.
	delete bom.dependencies;
	bom.metadata.component = { ...bom.metadata.component, name: 'tinytap' };
	bom.metadata.timestamp = new Date(sourceDate() * 1000).toISOString();
	const hash = sha256(Buffer.from(`${version} ${JSON.stringify(bom.components)}`));
	bom.serialNumber = `urn:uuid:${hash.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/, '$1-$2-4$3-8$4-$5')}`;
	return `${JSON.stringify(bom, null, 2)}\n`;
}

/** libbpf, libelf and zlib in the versions that the recipe of the addon names. */
function linkedLibraries(): object[] {
	const recipe = readFileSync(join(ROOT, 'scripts/release/root'), 'utf8');
	const sources = /^sources=\((.*)\)$/m.exec(recipe)?.[1]?.split(' ') ?? [];
	if (sources.length === 0)
		throw new Error('expected the versions of libbpf, elfutils and zlib in scripts/release/root');
	return sources.map((source) => {
		const [name, version] = source.split('=');
		return {
			type: 'library',
			name,
			version,
			scope: 'required',
			purl: `pkg:deb/debian/${name}@${encodeURIComponent(version ?? '')}`,
		};
	});
}

function sha256(bytes: Buffer): string {
	return createHash('sha256').update(bytes).digest('hex');
}
