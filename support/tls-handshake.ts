// Real handshakes of TLS between two ends in this process, as the bytes that each end wrote, one piece for each write.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { type ConnectionOptions, connect, createSecureContext, TLSSocket, type TLSSocketOptions } from 'node:tls';

export type Certificate = { readonly cert: string; readonly key: string };

/** What the ends wrote, in the order in which they did. */
export type Handshake = {
	readonly writes: readonly { readonly from: 'client' | 'server'; readonly bytes: Buffer }[];
	readonly version: string | null;
	/** The standard name of the cipher suite. */
	readonly cipher: string;
	readonly protocol: string | false | null;
	readonly session: Buffer | undefined;
	readonly resumed: boolean;
};

/** Makes a certificate for the name `localhost` with openssl. */
export function makeCertificate(): Certificate {
	const directory = mkdtempSync(join(tmpdir(), 'tinytap-certificate-'));
	try {
		const [cert, key] = ['cert.pem', 'key.pem'].map((name) => join(directory, name)) as [string, string];
		const made = spawnSync('openssl', [
			...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
			...['-subj', '/CN=localhost', '-keyout', key, '-out', cert],
		]);
		if (made.status !== 0) throw new Error(`openssl failed: ${made.stderr}`);
		return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
	} finally {
		rmSync(directory, { recursive: true });
	}
}

/** Shakes hands, sends `text` to the server, which sends it back, and ends. */
export async function shakeHands(
	certificate: Certificate,
	client: ConnectionOptions,
	server: TLSSocketOptions & Parameters<typeof createSecureContext>[0] = {},
	text = 'hello',
): Promise<Handshake> {
	const writes: { from: 'client' | 'server'; bytes: Buffer }[] = [];
	const [near, far] = wires((from, bytes) => writes.push({ from, bytes }));
	const accepted = new TLSSocket(far, {
		isServer: true,
		secureContext: createSecureContext({ ...certificate, ...server }),
		...server,
	});
	accepted.on('data', (data) => accepted.write(data));
	accepted.on('error', () => undefined);
	const asking = connect({ socket: near, rejectUnauthorized: false, ...client });
	let session: Buffer | undefined;
	asking.on('session', (ticket) => (session = ticket));
	asking.write(text);
	await new Promise<void>((resolve, reject) => {
		asking.once('data', () => resolve());
		asking.once('error', reject);
	});
	const result = {
		version: asking.getProtocol(),
		cipher: asking.getCipher().standardName,
		protocol: asking.alpnProtocol,
		resumed: asking.isSessionReused(),
	};
	asking.destroy();
	accepted.destroy();
	return { writes, session, ...result };
}

/** Two ends: what is written to one is read from the other. */
function wires(note: (from: 'client' | 'server', bytes: Buffer) => void): [Duplex, Duplex] {
	const ends: Duplex[] = [];
	for (const [index, from] of (['client', 'server'] as const).entries()) {
		ends.push(
			new Duplex({
				read: () => undefined,
				write: (chunk: Buffer, _, done) => {
					note(from, Buffer.from(chunk));
					ends[1 - index]!.push(chunk);
					done();
				},
				final: (done) => {
					ends[1 - index]!.push(null);
					done();
				},
			}),
		);
	}
	return ends as [Duplex, Duplex];
}
