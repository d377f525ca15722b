// What the hellos of TLS say, read from what the decoder keeps of them (decoder-as/assembly/tls/hello.ts).
import { createHash } from 'node:crypto';
import {
	HELLO_FLAGS,
	HELLO_HAS_ECH,
	HELLO_HAS_NAME,
	HELLO_LISTS,
} from '../../decoder-as/assembly/wire/output-layout.ts';
import { cipherSuite } from './cipher-suites.ts';

type ClientHello = {
	readonly version: number;
	readonly hasName: boolean;
	readonly hasEch: boolean;
	readonly ciphers: readonly number[];
	readonly extensions: readonly number[];
	/** The server's name: where its bytes are in the block. */
	readonly name: { readonly from: number; readonly to: number };
	/** Offered protocols, each as its bytes. */
	readonly protocols: readonly Uint8Array[];
	readonly versions: readonly number[];
	readonly signatureAlgorithms: readonly number[];
};

/** Reads a block of what is kept, a list at a time. */
class KeptReader {
	at = 0;
	readonly #bytes: Uint8Array;
	readonly #view: DataView;

	constructor(bytes: Uint8Array) {
		this.#bytes = bytes;
		this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	}

	word(): number {
		this.at += 2;
		return this.#view.getUint16(this.at - 2);
	}

	/** A list of numbers of two bytes. */
	words(): number[] {
		const { from, to } = this.range();
		const words: number[] = [];
		for (let at = from; at + 2 <= to; at += 2) words.push(this.#view.getUint16(at));
		return words;
	}

	range(): { from: number; to: number } {
		const length = this.word();
		this.at += length;
		return { from: this.at - length, to: this.at };
	}

	/** A list of texts, each with a byte for its length before it. */
	texts(): Uint8Array[] {
		const { from, to } = this.range();
		const texts: Uint8Array[] = [];
		for (let at = from; at < to; ) {
			const end = at + 1 + this.#bytes[at]!;
			if (end > to) break;
			texts.push(this.#bytes.subarray(at + 1, end));
			at = end;
		}
		return texts;
	}
}

function readClientHello(bytes: Uint8Array): ClientHello {
	const reader = new KeptReader(bytes);
	const version = reader.word();
	const flags = bytes[HELLO_FLAGS]!;
	reader.at = HELLO_LISTS;
	return {
		version,
		hasName: (flags & HELLO_HAS_NAME) !== 0,
		hasEch: (flags & HELLO_HAS_ECH) !== 0,
		ciphers: reader.words(),
		extensions: reader.words(),
		name: reader.range(),
		protocols: reader.texts(),
		versions: reader.words(),
		signatureAlgorithms: reader.words(),
	};
}

/** Returns where the server's name is in what is kept of a client's hello; undefined if it names none. */
export function serverName(client: Uint8Array): { from: number; to: number } | undefined {
	const { name } = readClientHello(client);
	return name.from === name.to ? undefined : name;
}

/**
 * Returns the protocols (ALPN, RFC 7301) that the client offers, such as `h2,http/1.1`, and the one that the server chose,
 * if that was seen: `h2,http/1.1; chosen: h2`. TLS 1.3 encrypts the choice. Null if neither names any. Bytes outside
 * printable ASCII, and commas, semicolons and percent signs, are percent-encoded.
 */
export function protocolNames(client: Uint8Array | undefined, server: Uint8Array | undefined): string | null {
	const offered = client === undefined ? [] : readClientHello(client).protocols.filter((name) => !isGrease(name));
	const chosen = server === undefined ? undefined : serverProtocol(server);
	const texts = [...(offered.length === 0 ? [] : [offered.map(protocolText).join(',')])];
	if (chosen !== undefined) texts.push(`chosen: ${protocolText(chosen)}`);
	return texts.length === 0 ? null : texts.join('; ');
}

function serverProtocol(server: Uint8Array): Uint8Array | undefined {
	const reader = new KeptReader(server);
	reader.at = HELLO_LISTS;
	return reader.texts()[0];
}

function protocolText(name: Uint8Array): string {
	let text = '';
	for (const byte of name) {
		const plain = byte > 0x20 && byte < 0x7f && byte !== 0x2c && byte !== 0x3b && byte !== 0x25;
		text += plain ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, '0').toUpperCase()}`;
	}
	return text;
}

/** Returns the version that the server chose: `1.3`, `1.2`, `1.1`, `1.0`, `SSL 3.0`, or the number, such as `0x0305`. */
export function chosenVersion(server: Uint8Array): string {
	const version = new KeptReader(server).word();
	return VERSIONS.get(version)?.name ?? `0x${version.toString(16).padStart(4, '0')}`;
}

/** Returns the registered name of the cipher suite that the server chose. */
export function chosenCipher(server: Uint8Array): string {
	const reader = new KeptReader(server);
	reader.at = 2;
	return cipherSuite(reader.word());
}

/** Returns whether the client offers an encrypted hello (ECH), or pretends to, as browsers do. */
export function offersEch(client: Uint8Array): boolean {
	return readClientHello(client).hasEch;
}

const VERSIONS: ReadonlyMap<number, { readonly name: string; readonly ja4: string }> = new Map([
	[0x0304, { name: '1.3', ja4: '13' }],
	[0x0303, { name: '1.2', ja4: '12' }],
	[0x0302, { name: '1.1', ja4: '11' }],
	[0x0301, { name: '1.0', ja4: '10' }],
	[0x0300, { name: 'SSL 3.0', ja4: 's3' }],
	[0x0002, { name: 'SSL 2.0', ja4: 's2' }],
]);

const SERVER_NAME = 0;
const ALPN = 16;

/**
 * Returns the JA4 fingerprint of a client's hello over TCP, such as `t13d1516h2_8daaf6152771_e5627efa2ab1`: version, server
 * name or address, numbers of ciphers and extensions, first protocol; then hashes of the sorted ciphers, and of the sorted
 * extensions with the signature algorithms. (FoxIO, technical details of JA4.)
 */
export function ja4(client: Uint8Array): string {
	const hello = readClientHello(client);
	const ciphers = hello.ciphers.filter((cipher) => !isGreaseWord(cipher));
	const extensions = hello.extensions.filter((extension) => !isGreaseWord(extension));
	const versions = hello.versions.filter((version) => !isGreaseWord(version));
	const version = versions.length === 0 ? hello.version : Math.max(...versions);
	const first = [
		't',
		VERSIONS.get(version)?.ja4 ?? '00',
		hello.hasName ? 'd' : 'i',
		count(ciphers),
		count(extensions),
		endsOf(hello.protocols[0]),
	].join('');
	const hashed = extensions.filter((extension) => extension !== SERVER_NAME && extension !== ALPN);
	const algorithms = hello.signatureAlgorithms.filter((algorithm) => !isGreaseWord(algorithm)).map(hex);
	const parts = [sorted(hashed), ...(algorithms.length === 0 ? [] : [algorithms.join(',')])];
	return [first, shortHash(sorted(ciphers)), hashed.length === 0 ? NO_HASH : shortHash(parts.join('_'))].join('_');
}

const NO_HASH = '000000000000';

/** The first 12 hexadecimal digits of SHA-256. */
function shortHash(text: string): string {
	return text === '' ? NO_HASH : createHash('sha256').update(text).digest('hex').slice(0, 12);
}

function count(list: readonly number[]): string {
	return String(Math.min(list.length, 99)).padStart(2, '0');
}

function sorted(list: readonly number[]): string {
	return list.map(hex).sort().join(',');
}

function hex(word: number): string {
	return word.toString(16).padStart(4, '0');
}

/** The first and last character of the first protocol's name, or, if one is not alphanumeric, of its hexadecimal form. */
function endsOf(protocol: Uint8Array | undefined): string {
	if (protocol === undefined || protocol.length === 0) return '00';
	const text = Buffer.from(protocol).toString('latin1');
	const ends = text[0]! + text.at(-1)!;
	if (/^[0-9A-Za-z]{2}$/.test(ends)) return ends;
	const digits = Buffer.from(protocol).toString('hex');
	return digits[0]! + digits.at(-1)!;
}

/** Values that clients send so that servers learn to ignore what they do not know (RFC 8701). */
function isGreaseWord(word: number): boolean {
	return (word & 0x0f0f) === 0x0a0a && word >> 8 === (word & 0xff);
}

function isGrease(name: Uint8Array): boolean {
	return name.length === 2 && name[0] === name[1] && (name[0]! & 0x0f) === 0x0a;
}
