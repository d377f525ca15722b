// HAR and packets read back by tinytap itself: the columns that both the recording and the format hold.
import type { SqlValue } from '../../src/store/table.ts';
import { openSource, requireEqual, type Source } from './source.ts';

const COMMON = [
	...['ts', 'side', 'method', 'path', 'query_string', 'status', 'status_text', 'http_version', 'req_http_version'],
	...['content_type', 'content_encoding', 'user_agent', 'local', 'remote', 'req_body', 'res_body', 'state'],
];
const HELD: Readonly<Record<'har' | 'pcapng', readonly string[]>> = {
	// It has bodies without their codings, so the sizes of those that had one are other ones; and a request without Host
	// gets one.
	har: [...COMMON, 'pid', 'comm'],
	pcapng: [
		...COMMON,
		'host',
		'req_headers',
		'res_headers',
		'req_body_bytes',
		'res_body_bytes',
		'req_body_raw',
		'res_body_raw',
	],
};

/** Throws if a value differs; returns what was compared. */
export async function compareRoundTrip(source: Source, format: 'har' | 'pcapng', folder: string): Promise<string> {
	const { path } = await source.export(format);
	const read = await openSource(`${source.name}-again`, path, folder, true);
	try {
		const columns = HELD[format].map((name) => ({ name }));
		const of = ({ columns: all, rows }: Source) => {
			const places = HELD[format].map((name) => all.findIndex((column) => column.name === name));
			// A body that is empty and none at all are the same in both formats.
			const value = (each: SqlValue | undefined) =>
				(each instanceof Uint8Array ? Buffer.from(each).toString('hex') : each) || null;
			return rows.map((row) => places.map((place) => value(row[place]))).sort(byText);
		};
		// Packets do not say which side was seen: the rows are the server's.
		const isServer = format === 'har' ? () => true : (row: readonly unknown[]) => row[1] === 'server';
		const [wanted, got] = [of(source).filter(isServer), of(read)];
		requireEqual(`${format} read back`, columns, got, wanted);
		return `${wanted.length} exchanges × ${columns.length} columns`;
	} finally {
		await read.close();
	}
}

function byText(a: readonly unknown[], b: readonly unknown[]): number {
	const [x, y] = [a, b].map((row) => row.map(String).join('\0'));
	return x! < y! ? -1 : x! > y! ? 1 : 0;
}
