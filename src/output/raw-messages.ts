// Requests and responses as their bytes on the wire, each after a line that says how long it is. The bytes may contain
// anything, even lines like ours, so readers must go by the lengths.
import { type ExchangeDetail, headerValue } from './exchange-parts.ts';
import { type ExchangeWriter, type ExchangeWriterOptions, writtenExchange } from './exchange-writer.ts';
import { isChunked } from './sent-request.ts';
import { forTerminal } from './terminal-text.ts';
import { type WireMessage, wireRequest, wireResponse } from './wire-message.ts';

/** Writes lines that begin with `###`; the bytes follow the last one of each message. */
export function createRawWriter(options: ExchangeWriterOptions): ExchangeWriter<Uint8Array> {
	const { redactor, version } = options;
	const secrets = redactor === null ? [] : ['secrets are replaced by REDACTED-LENGTH-HASH'];
	return {
		begin: () =>
			lines([
				`tinytap ${version}: requests and responses. A message and a line feed follow each line "N bytes:"`,
				...secrets,
			]),
		exchange(exchange) {
			const shared = writtenExchange(exchange, options);
			return Buffer.concat([
				lines([aboutExchange(shared)]),
				...message(shared, 'req', wireRequest(shared)),
				...message(shared, 'res', wireResponse(shared)),
				Buffer.from('\n'),
			]);
		},
		end: () => new Uint8Array(0),
	};
}

function lines(texts: readonly string[]): Buffer {
	return Buffer.from(texts.map((text) => `### ${forTerminal(text)}\n`).join(''));
}

function aboutExchange({ columns }: ExchangeDetail): string {
	const { id, ts, side, comm, pid, local, remote, state, reason } = columns;
	const arrow = side === 'server' ? '←' : side === 'client' ? '→' : '-';
	return [
		`exchange ${Number(id)}`,
		...(ts == null ? [] : [String(ts)]),
		...(comm == null && pid == null ? [] : [`${String(comm ?? '')}[${String(pid ?? '')}]`]),
		...(local == null && remote == null ? [] : [`${String(local ?? '?')} ${arrow} ${String(remote ?? '?')}`]),
		String(state) + (typeof reason === 'string' ? `: ${reason}` : ''),
	].join(', ');
}

function message(exchange: ExchangeDetail, which: 'req' | 'res', wire: WireMessage | undefined): Buffer[] {
	const name = which === 'req' ? 'request' : 'response';
	if (wire === undefined) return [lines([`${name}: not seen`])];
	// After a part that is missing, the end of the last chunk would be in the wrong place.
	const bytes = wire.unheld > 0 ? wire.bytes : Buffer.concat([wire.bytes, wire.tail]);
	const notes = notesOf(exchange, which, wire).map((note) => `${name}: ${note}`);
	return [lines([...notes, `${name}, ${bytes.length} bytes:`]), bytes, Buffer.from('\n')];
}

/** In which ways the bytes are not those of the wire. */
function notesOf(exchange: ExchangeDetail, which: 'req' | 'res', { unheld }: WireMessage): string[] {
	const { columns } = exchange;
	const fields = which === 'req' ? exchange.requestHeaders : exchange.responseHeaders;
	const notes: string[] = [];
	const note = columns[`${which}_body_note`];
	if (typeof note === 'string') notes.push(note);
	if (unheld > 0) notes.push(`${unheld} bytes of the body are missing in what follows`);
	const held = columns[`${which}_body_raw`];
	const hasBody = held instanceof Uint8Array && held.length > 0;
	if (isChunked(fields) && hasBody) notes.push('the chunks of its body are one chunk here');
	if (exchange.bodiesDecoded === true && headerValue(fields, 'content-encoding') !== null)
		notes.push(`${hasBody ? 'its body is decoded, and ' : ''}the field Content-Encoding is left out`);
	if (which === 'res' && typeof columns.interim === 'string')
		notes.push(`interim responses (${columns.interim}) came before it`);
	return notes;
}
