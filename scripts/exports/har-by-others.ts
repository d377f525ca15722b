// HAR files as others read them: the JSON schema of HAR 1.2, and httpsnippet, which makes requests of them.
import { readFileSync } from 'node:fs';
import { isIPv4, isIPv6 } from 'node:net';
import type { Source } from './source.ts';
import { requireEqual } from './source.ts';

type Ajv = {
	addMetaSchema(schema: unknown): void;
	addSchema(schema: unknown): void;
	addFormat(name: string, format: unknown): void;
	compile(schema: unknown): ((data: unknown) => boolean) & { errors?: readonly object[] | null };
};
type Snippet = {
	requests: readonly {
		method: string;
		url: string;
		fullUrl: string;
		postData: { text?: string };
		headers: readonly Pair[];
	}[];
	convert(target: string, client: string): unknown;
};
type Pair = { readonly name: string; readonly value: string };
type Entry = {
	readonly request: {
		method: string;
		url: string;
		headers: readonly Pair[];
		postData?: { text: string; params?: unknown[] };
	};
};

/** Throws if the file is invalid or read differently; returns what was compared. */
export async function compareHar(source: Source, from: NodeJS.Require): Promise<string> {
	const { path, bytes } = await source.export('har');
	const archive = JSON.parse(readFileSync(path, 'utf8')) as { log: { entries: Entry[] } };
	requireValid(archive, from);
	const { entries } = archive.log;
	if (entries.length !== source.rows.length)
		throw new Error(`expected ${source.rows.length} entries, got ${entries.length}`);
	const { HTTPSnippet } = from('httpsnippet') as { HTTPSnippet: new (har: unknown) => Snippet };
	const columns = ['method', 'url', 'fields', 'body'].map((name) => ({ name }));
	// A request that was not seen has no method; it refuses those.
	const requests = entries.filter(({ request }) => /^[A-Z]/i.test(request.method));
	const read = requests.map((entry) => {
		const snippet = new HTTPSnippet({ log: { ...archive.log, entries: [entry] } });
		const [request] = snippet.requests;
		if (typeof snippet.convert('shell', 'curl') === 'boolean') throw new Error('httpsnippet makes no curl command');
		return [request!.method, plainUrl(request!.fullUrl), fields(request!.headers), request!.postData.text ?? ''];
	});
	requireEqual(
		'httpsnippet',
		columns,
		read,
		requests.map(({ request }, index) => [
			request.method,
			plainUrl(request.url),
			fields(request.headers),
			// It makes a text of its own from the fields of a form.
			request.postData?.params === undefined ? (request.postData?.text ?? '') : read[index]![3],
		]),
	);
	return `${entries.length} entries valid, ${requests.length} read by httpsnippet, ${bytes} bytes`;
}

/** httpsnippet encodes other characters than we do. */
function plainUrl(text: string): string {
	const { origin, pathname, searchParams } = new URL(text);
	return JSON.stringify([origin, Buffer.from(unescape(pathname), 'latin1').toString(), [...searchParams]]);
}

function fields(list: readonly Pair[]): string {
	return JSON.stringify(list.map(({ name, value }) => [name, value]));
}

function requireValid(archive: unknown, from: NodeJS.Require): void {
	const { default: Constructor } = from('ajv') as { default: new (options: object) => Ajv };
	const ajv = new Constructor({ strict: false, allErrors: true });
	ajv.addMetaSchema(from('ajv/dist/refs/json-schema-draft-06.json'));
	ajv.addFormat(
		'date-time',
		(text: string) => !Number.isNaN(Date.parse(text)) && /^\d{4}-\d\d-\d\dT.*(?:Z|[+-]\d\d:\d\d)$/.test(text),
	);
	ajv.addFormat('uri', (text: string) => URL.canParse(text));
	ajv.addFormat('ipv4', isIPv4);
	ajv.addFormat('ipv6', isIPv6);
	const schemas = from('har-schema') as Record<string, object>;
	const { har, ...others } = schemas;
	for (const schema of Object.values(others)) ajv.addSchema(schema);
	const validate = ajv.compile(har);
	if (!validate(archive)) throw new Error(`HAR 1.2: ${JSON.stringify(validate.errors?.slice(0, 3))}`);
}
