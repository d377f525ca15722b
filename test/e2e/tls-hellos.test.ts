// TLS without its keys: which process talks to which name, with which version and cipher, from the kernel to SQL.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { parseRows, runTinytap } from '../../support/tinytap.ts';
import { makeCertificate } from '../../support/tls-handshake.ts';

const PEERS = join(import.meta.dirname, '../../support/tls-peers.mjs');
const SQL = `SELECT 'connection' AS found, side, split_part(CASE side WHEN 'client' THEN local ELSE remote END, ':', 2) AS port,
	sni, alpn, tls_version, cipher, ech, ja4, protocol FROM connections WHERE protocol <> 'other';
	SELECT 'spot' AS found, comm, evidence FROM blind_spots;
	SELECT 'lost' AS found, reason, events FROM loss WHERE kind = 'lost' AND events > 0`;

type Told = { port: number; name: string | null; protocols: string[]; version: string; cipher: string };

it('both ends of every connection tell names, versions and ciphers, and nothing counts as lost', async () => {
	const directory = mkdtempSync(join(tmpdir(), 'tinytap-tls-'));
	try {
		const { cert, key } = makeCertificate();
		const [certFile, keyFile] = ['cert.pem', 'key.pem'].map((name) => join(directory, name)) as [string, string];
		writeFileSync(certFile, cert);
		writeFileSync(keyFile, key);
		const program = [process.execPath, PEERS, certFile, keyFile];
		const { code, stdout, stderr } = await runTinytap(['query', SQL, '--format', 'ndjson', '--', ...program]);
		assert.equal(code, 0, stderr);
		const lines = parseRows(stdout);
		const told = lines.filter((line) => 'protocols' in line) as unknown as Told[];
		const rows = lines.filter((line) => line.found === 'connection');
		assert.equal(told.length, 10);
		for (const { port, name, protocols, version, cipher } of told) {
			for (const side of ['client', 'server']) {
				const row = rows.find((row) => row.side === side && row.port === String(port));
				assert.notEqual(row, undefined, `${name}, ${side}`);
				const offered = protocols.join(',');
				const chosen = version === 'TLSv1.2' && offered !== '' ? `${offered}; chosen: http/1.1` : offered;
				assert.deepEqual(
					[row!.sni, row!.alpn, row!.tls_version, row!.cipher, row!.ech, row!.protocol],
					[name, chosen || null, version.replace('TLSv', ''), cipher, 'no', 'tls'],
					`${name}, ${side}`,
				);
				assert.match(String(row!.ja4), /^t1[23][di]\d{4}..(_[0-9a-f]{12}){2}$/);
			}
		}
		// The relay has a connection to each side.
		assert.equal(rows.filter((row) => row.sni === 'pieces.example').length, 4);
		const spots = lines.filter((line) => line.found === 'spot').map(({ comm, evidence }) => `${comm}: ${evidence}`);
		assert.deepEqual(
			spots.filter((spot) => spot.startsWith('curl')),
			['curl: TLS handshake on a connection; server names: curl.example'],
		);
		assert.deepEqual(
			lines.filter((line) => line.found === 'lost'),
			[],
		);
	} finally {
		rmSync(directory, { recursive: true });
	}
});
