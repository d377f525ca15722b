// What is compared of an exchange, whoever read it.
import { parseRows } from '../../support/tinytap.ts';

export type ReadExchange = {
	/** Both ends of the connection, the client first: `ip:port ip:port`. */
	readonly connection: string;
	readonly method: string;
	/** The request target. */
	readonly uri: string;
	readonly host: string;
	readonly status: number;
	readonly contentType: string;
	readonly requestBytes: number;
	readonly responseBytes: number;
	/** Held bytes of both bodies; undefined if the reader does not show them. */
	readonly bodies?: readonly [request: Buffer, response: Buffer] | undefined;
	/** Why it is not complete; '' if it is. */
	readonly reason: string;
};

/** Columns of `exchanges` for `exchangeOf`. */
export const EXCHANGE_SQL = `SELECT side, local, remote, method, path, query_string, host, status, state, reason, content_type,
	req_body_bytes, res_body_bytes, req_captured_bytes, res_captured_bytes, req_body_raw, res_body_raw
	FROM exchanges ORDER BY ts, id`;

/** The exchanges of a server, in order of time. */
export function serverExchanges(ndjson: string): ReadExchange[] {
	return parseRows(ndjson)
		.filter(({ side }) => side === 'server')
		.map(exchangeOf);
}

function exchangeOf(row: Readonly<Record<string, unknown>>): ReadExchange {
	const text = (name: string) => (typeof row[name] === 'string' ? row[name] : '');
	const bytes = (name: string) => Buffer.from(text(name), 'base64');
	return {
		connection: `${text('remote')} ${text('local')}`,
		method: text('method'),
		uri: row.query_string === null ? text('path') : `${text('path')}?${text('query_string')}`,
		host: text('host'),
		status: Number(row.status ?? 0),
		contentType: text('content_type'),
		requestBytes: Number(row.req_body_bytes ?? 0),
		responseBytes: Number(row.res_body_bytes ?? 0),
		bodies: [bytes('req_body_raw'), bytes('res_body_raw')],
		reason: row.state === 'complete' ? '' : `${text('state')} ${text('reason')}`.trim(),
	};
}

/** The differences of two lists of exchanges, one sentence each. Connections are compared one by one. */
export function differences(
	expected: readonly ReadExchange[],
	got: readonly ReadExchange[],
	{ bodies, states }: { readonly bodies: boolean; readonly states: boolean },
): string[] {
	const found: string[] = [];
	for (const connection of new Set([...expected, ...got].map((each) => each.connection))) {
		const one = expected.filter((each) => each.connection === connection);
		const other = got.filter((each) => each.connection === connection);
		if (one.length !== other.length) found.push(`${connection}: expected ${one.length} exchanges, got ${other.length}`);
		for (const [i, exchange] of one.entries()) {
			const same = other[i];
			if (same === undefined) continue;
			const where = `${connection}, exchange ${i + 1} (${exchange.method} ${exchange.uri})`;
			found.push(...memberDifferences(exchange, same, states).map((difference) => `${where}: ${difference}`));
			if (bodies) found.push(...bodyDifferences(exchange, same).map((difference) => `${where}: ${difference}`));
		}
	}
	return found;
}

function memberDifferences(one: ReadExchange, other: ReadExchange, states: boolean): string[] {
	const names = [
		...(['method', 'uri', 'host', 'status', 'contentType', 'requestBytes', 'responseBytes'] as const),
		...(states ? (['reason'] as const) : []),
	];
	return names
		.filter((name) => one[name] !== other[name])
		.map((name) => `${name}: expected ${JSON.stringify(one[name])}, got ${JSON.stringify(other[name])}`);
}

/** Bodies that `one` holds whole must be the same in `other`, which must hold every body whole. */
function bodyDifferences(one: ReadExchange, other: ReadExchange): string[] {
	const found: string[] = [];
	for (const [i, name, length] of [
		[0, 'request body', other.requestBytes],
		[1, 'response body', other.responseBytes],
	] as const) {
		const [expected, got] = [one.bodies?.[i], other.bodies?.[i]];
		if (got?.length !== length) found.push(`${name}: ${got?.length} of ${length} bytes are held`);
		else if (expected?.length === length && !expected.equals(got)) found.push(`${name}: its bytes differ`);
	}
	return found;
}
