// Short conversations, each written as a list of steps, and their rows in one line each.
import * as wire from '../decoder-as/assembly/wire/capture-event.ts';
import { type ExchangeRow, feedBatch, newDecoder, takeOutput } from './decoded-rows.ts';
import { buildBatch, Tape } from './record-builder.ts';

/** Who was observed; `midstream`: the connection is older than the capture. */
export type Observed = 'server' | 'client' | 'server midstream' | 'client midstream';

/**
 * A step: `> BYTES` and `< BYTES` are sent by the client and the server; `>? BYTES` and `<? BYTES` the same, but the record
 * is lost; `>= N` and `<= N` are N bytes from a file, which only the observed side can send. `batch` ends a batch,
 * `pause MS` lets time pass, `>.` and `<.` end the streams, `close` closes the connection, `reset` is an error.
 */
export type Step = string;

/** The rows in the order of their ids, also those that are open at the end. */
export function decodeTalk(observed: Observed, steps: readonly Step[]): ExchangeRow[] {
	const tape = new Tape();
	const server = observed.startsWith('server');
	const options = observed.endsWith('midstream') ? { flags: wire.FLAG_MIDSTREAM, role: wire.ROLE_UNKNOWN } : {};
	const connection = server ? tape.server(1, options) : tape.client(1, options);
	if (!observed.endsWith('midstream')) connection.open();
	const decoder = newDecoder({ bodyLimit: -1 });
	const rows: ExchangeRow[] = [];
	const flush = () => {
		feedBatch(decoder, buildBatch(tape.records.splice(0)));
		rows.push(...takeOutput(decoder).exchanges);
	};
	for (const step of steps) {
		const [, from, how, bytes] = /^([<>])([?=.]?) ?(.*)$/s.exec(step) ?? [];
		const incoming = (from === '>') === server;
		if (from === undefined) {
			if (step === 'batch') flush();
			else if (step === 'close') connection.close();
			else if (step === 'reset') connection.error(104);
			else if (/^pause \d+$/.test(step)) tape.pause(Number(step.slice('pause '.length)));
			else throw new Error(`expected a step, got ${step}`);
		} else if (how === '.') {
			if (incoming) connection.eof();
			else connection.shutdown(1);
		} else if (how === '=') {
			connection.sendfile(Number(bytes));
		} else {
			if (incoming) connection.in(bytes!);
			else connection.out(bytes!);
			if (how === '?') tape.records.pop();
		}
	}
	flush();
	decoder.finish();
	rows.push(...takeOutput(decoder).exchanges);
	return rows.sort((a, b) => a.id - b.id);
}

/** `METHOD TARGET > REQUEST BODY | STATUS < RESPONSE BODY | state, reason, anomalies, lost bytes`. */
export function shownRow(row: ExchangeRow): string {
	const body = (text: string | null, bytes: number | null) =>
		bytes === null ? '' : text?.length === bytes ? JSON.stringify(text) : `${JSON.stringify(text)} of ${bytes}`;
	const request = [row.method ?? '-', row.target ?? '-', body(row.reqBody, row.reqBodyBytes)];
	const response = [row.status, row.statusText ?? '-', body(row.resBody, row.resBodyBytes)];
	const verdict = [row.state, row.reason ?? '-', row.anomalies ?? '-', row.lostBytes, row.flags];
	return `${request.join(' ')} | ${response.join(' ')} | ${verdict.join(' ')}`;
}
