// Compares the decoder's rows of HTTP/2 with those of the reference: all of them if nothing is missing; otherwise each field
// must be right or unknown, and no row may hold anything of another stream.
import type { ExchangeRow, FieldRow } from './decoded-rows.ts';
import { bodyByte, UNSEEN } from './random-http2.ts';
import type { Http2Row } from './reference-http2.ts';

const CODES = [
	'NO_ERROR',
	'PROTOCOL_ERROR',
	'INTERNAL_ERROR',
	'FLOW_CONTROL_ERROR',
	'SETTINGS_TIMEOUT',
	'STREAM_CLOSED',
];
const MORE_CODES = ['FRAME_SIZE_ERROR', 'REFUSED_STREAM', 'CANCEL', 'COMPRESSION_ERROR', 'CONNECT_ERROR'];
const LAST_CODES = ['ENHANCE_YOUR_CALM', 'INADEQUATE_SECURITY', 'HTTP_1_1_REQUIRED'];
const ERRORS = [...CODES, ...MORE_CODES, ...LAST_CODES];

/** What differs if all was captured; undefined if nothing does. */
export function http2Difference(rows: readonly ExchangeRow[], wanted: readonly Http2Row[]): string | undefined {
	const found = rows.toSorted((a, b) => a.streamId - b.streamId);
	if (found.length !== wanted.length) return `${found.length} rows instead of ${wanted.length}`;
	for (const [i, row] of wanted.entries()) {
		const actual = found[i]!;
		const answered = row.status !== null;
		const upgraded = row.method === 'CONNECT' && answered && row.status! < 300;
		const whole = row.reqEnded && row.resEnded;
		const state = upgraded ? 'upgraded' : !answered ? 'unanswered' : whole ? 'complete' : 'incomplete';
		const [word, code] = row.refused === null ? ['reset', row.reset] : ['goaway', row.refused];
		// Otherwise the end of the connection ends its streams.
		const reason = upgraded || whole ? null : code === null ? 'closed' : `${word}: ${ERRORS[code] ?? 'unknown code'}`;
		const pairs: readonly (readonly [string, unknown, unknown])[] = [
			['stream', row.stream, actual.streamId],
			['method', row.method, actual.method],
			['target', row.target, actual.target],
			['host', row.host, actual.host],
			['request fields', JSON.stringify(row.reqHeaders), JSON.stringify(actual.reqHeaders)],
			['versions', row.upgraded ? 'HTTP/1.1' : 'HTTP/2', actual.reqVersion === 0x101 ? 'HTTP/1.1' : 'HTTP/2'],
			['request body', seen(row.reqBody), actual.reqBody ?? ''],
			['bytes of the request', row.reqBody.length, actual.reqBodyBytes ?? 0],
			['interim', row.interim.length === 0 ? null : row.interim.join(','), actual.interim],
			['status', row.status ?? 0, actual.status],
			['response fields', JSON.stringify(row.resHeaders), JSON.stringify(actual.resHeaders)],
			['response body', answered ? seen(row.resBody) : null, answered ? (actual.resBody ?? '') : actual.resBody],
			['bytes of the response', row.resBody.length, actual.resBodyBytes ?? 0],
			['state', state, actual.state],
			['reason', reason, actual.reason],
			['anomalies', row.pushed ? 'pushed' : null, actual.anomalies],
			['lost bytes', 0, actual.lostBytes],
		];
		const wrong = pairs.find(([, a, b]) => a !== b);
		if (wrong !== undefined) {
			return `stream ${row.stream}: ${wrong[0]} is ${JSON.stringify(wrong[2])} instead of ${JSON.stringify(wrong[1])}`;
		}
	}
	return undefined;
}

/** The part of a body that is captured. */
function seen(body: string): string {
	return body.replaceAll(UNSEEN, '');
}

/** What is wrong in rows of a capture that missed something; undefined if nothing is. */
export function http2Mixture(rows: readonly ExchangeRow[], wanted: readonly Http2Row[]): string | undefined {
	const found = new Set<number>();
	for (const row of rows) {
		// If a part of the preface is lost, the rest of it may look like a request of HTTP/1.
		if (row.streamId === 0 && (row.method === null || 'PRI'.endsWith(row.method))) continue;
		// If the answer to Upgrade is lost, its request stays one of HTTP/1.
		const number = row.streamId === 0 && wanted[0]?.upgraded ? 1 : row.streamId;
		const whole = wanted.find(({ stream }) => stream === number);
		if (whole === undefined) return `there is no stream ${row.streamId}`;
		if (row.streamId === 0 && row.status !== 0 && row.status !== 101) return `status ${row.status} in HTTP/1`;
		const of = `stream ${number}`;
		// If its request is lost, or comes after its answer at the start of a capture, a stream may have two rows.
		if (row.method !== null && found.has(number)) return `${of} has two rows with a request`;
		if (row.method !== null) found.add(number);
		if (row.method !== null && row.method !== whole.method) return `${of}: method ${row.method}`;
		// A head of HTTP/1 that was cut is shown as far as it was seen.
		const isCut = whole.upgraded && (row.lostBytes > 0 || (row.anomalies ?? '').includes('incomplete-head'));
		const target = isCut ? `${whole.target} HTTP/1.1`.slice(0, row.target?.length) : whole.target;
		if (row.target !== null && row.target !== target) return `${of}: target ${row.target}`;
		if (!isCut && row.host !== null && row.host !== whole.host) return `${of}: host ${row.host}`;
		const status = row.status === 0 || row.status === whole.status || whole.interim.includes(row.status);
		if (!status) return `${of}: status ${row.status}`;
		const asked = isCut ? undefined : wrongField(row.reqHeaders, whole.reqHeaders);
		const wrong = asked ?? wrongField(row.resHeaders, whole.resHeaders);
		if (wrong !== undefined && whole.interim.length === 0) return `${of}: field ${wrong.name}: ${wrong.value}`;
		for (const [text, direction] of [
			[row.reqBody, 'in'],
			[row.resBody, 'out'],
		] as const) {
			// What was seen of a head of HTTP/1 may be too little to be one: then it is shown as the body of a malformed request.
			if (direction === 'in' && whole.upgraded && row.method === null) continue;
			const own = bodyByte(number, direction);
			if ([...(text ?? '')].some((byte) => byte !== own)) return `${of}: bytes of another stream in its body`;
		}
		if (row.state !== 'complete') continue;
		if (row.reqBodyBytes !== whole.reqBody.length) return `${of}: ${row.reqBodyBytes} bytes of the request, complete`;
		if (row.resBodyBytes !== whole.resBody.length) return `${of}: ${row.resBodyBytes} bytes of the response, complete`;
	}
	return undefined;
}

/** A field that the message does not have, or not so often. */
function wrongField(found: readonly FieldRow[], wanted: readonly FieldRow[]): FieldRow | undefined {
	const left = wanted.map(({ name, value }) => `${name}: ${value}`);
	return found.find(({ name, value }) => {
		const place = left.indexOf(`${name}: ${value}`);
		if (place >= 0) left.splice(place, 1);
		return place < 0;
	});
}
