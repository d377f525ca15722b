// The connections known to the decoder, for a recording that starts now.
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';
import type { OpenConnection } from '../capture/recording-start.ts';
import type { Decoder } from '../decode/decoder.ts';
import { type EntryBytes, entryBytes } from '../store/row-writer.ts';

/** Returns the open connections. The decoder's output must be empty, and is empty afterwards. */
export function openConnections(decoder: Decoder): OpenConnection[] {
	decoder.snapshot(layout.SNAPSHOT_CONNECTIONS);
	const output = decoder.output();
	const views = entryBytes(decoder.memory.buffer);
	const connections: OpenConnection[] = [];
	const end = output.byteOffset + output.byteLength;
	const float = (at: number) => views.f64[at >> 3]!;
	for (let at = output.byteOffset; at < end; at += views.u32[at >> 2]!) {
		if (views.u32[(at + layout.ENTRY_TYPE) >> 2] !== layout.ENTRY_CONNECTION) continue;
		if (!Number.isNaN(float(at + layout.CONNECTION_CLOSED))) continue;
		const side = views.u32[(at + layout.CONNECTION_SIDE) >> 2];
		const state = views.u32[(at + layout.CONNECTION_AT_REST) >> 2];
		connections.push({
			conn: float(at + layout.CONNECTION_ID),
			pid: views.u32[(at + layout.CONNECTION_PID) >> 2]!,
			side: side === layout.SIDE_SERVER ? 'server' : side === layout.SIDE_CLIENT ? 'client' : undefined,
			isHttp2: state !== 2 && views.u32[(at + layout.CONNECTION_PROTOCOL) >> 2] === layout.PROTOCOL_HTTP2,
			atRest:
				state !== 1
					? undefined
					: { in: float(at + layout.CONNECTION_OFFSET_IN), out: float(at + layout.CONNECTION_OFFSET_OUT) },
			openedUs: float(at + layout.CONNECTION_OPENED),
			connectMs: float(at + layout.CONNECTION_CONNECT_MS),
			comm: range(views, at, layout.CONNECTION_COMM).slice(),
			local: Buffer.from(range(views, at, layout.CONNECTION_LOCAL)).toString(),
			remote: Buffer.from(range(views, at, layout.CONNECTION_REMOTE)).toString(),
		});
	}
	decoder.clearOutput();
	return connections;
}

/** Returns the bytes of a range of an entry. */
function range({ bytes, u32 }: EntryBytes, at: number, member: number): Uint8Array {
	const from = at + u32[(at + member) >> 2]!;
	return bytes.subarray(from, from + u32[(at + member + 4) >> 2]!);
}
