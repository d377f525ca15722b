// Hellos of TLS for tests, as the bytes on the wire (RFC 8446 section 4.1).
import { type Process, TimedTraffic } from './timed-traffic.ts';

const words = (list: readonly number[]) => Buffer.concat(list.map((word) => Buffer.from([word >> 8, word & 255])));
const list8 = (bytes: Buffer) => Buffer.concat([Buffer.from([bytes.length]), bytes]);
const list16 = (bytes: Buffer) => Buffer.concat([words([bytes.length]), bytes]);
const extension = (type: number, content: Buffer) => Buffer.concat([words([type]), list16(content)]);

/** One record with one message. */
function message(type: number, body: Buffer): Buffer {
	const header = Buffer.from([type, body.length >> 16, (body.length >> 8) & 255, body.length & 255]);
	return Buffer.concat([Buffer.from([0x16, 3, 1]), list16(Buffer.concat([header, body]))]);
}

/** A client's hello for TLS up to 1.3, or up to 1.2. */
export function clientHello(options: { name?: string; newest?: 0x0304 | 0x0303; ciphers?: readonly number[] }): Buffer {
	const name =
		options.name === undefined ? [] : [list16(Buffer.concat([Buffer.from([0]), list16(Buffer.from(options.name))]))];
	const extensions = [
		...name.map((content) => extension(0, content)),
		extension(13, list16(words([0x0403]))),
		...(options.newest === 0x0303 ? [] : [extension(43, list8(words([0x0304, 0x0303])))]),
	];
	return message(
		1,
		Buffer.concat([
			words([0x0303]),
			Buffer.alloc(32, 7),
			list8(Buffer.alloc(32, 8)),
			list16(words(options.ciphers ?? [0x1301, 0xc02f])),
			list8(Buffer.from([0])),
			list16(Buffer.concat(extensions)),
		]),
	);
}

/** A server's hello. */
export function serverHello(version: number, cipher: number): Buffer {
	const extensions = version === 0x0304 ? [extension(43, words([version]))] : [];
	return message(
		2,
		Buffer.concat([
			words([Math.min(version, 0x0303)]),
			Buffer.alloc(32, 9),
			list8(Buffer.alloc(32, 8)),
			words([cipher]),
			Buffer.from([0]),
			list16(Buffer.concat(extensions)),
		]),
	);
}

/** Handshakes of several versions: the server `shop` has three, of which one is not answered; the client `front` four. */
export function handshakingTraffic(shop: Process, front: Process): TimedTraffic {
	const traffic = new TimedTraffic();
	const bytes = (hello: Buffer) => hello.toString('latin1');
	const meet = (end: ReturnType<TimedTraffic['server']>, hello: Buffer, answer?: Buffer) => {
		end.ask(10, bytes(hello));
		if (answer !== undefined) end.answer(20, bytes(answer));
	};
	const modern = clientHello({ name: 'a.example' });
	meet(traffic.server(shop, '10.0.0.9'), modern, serverHello(0x0304, 0x1301));
	meet(traffic.server(shop, '10.0.0.8', 5), modern, serverHello(0x0304, 0x1301));
	meet(traffic.server(shop, '10.0.0.9', 6), modern);
	meet(traffic.client(front, '10.0.0.5:443', 7), clientHello({ newest: 0x0303 }), serverHello(0x0303, 0xc02f));
	meet(traffic.client(front, '10.0.0.5:443', 8), clientHello({ name: 'old.example' }), serverHello(0x0301, 0x0005));
	meet(traffic.client(front, '10.0.0.5:443', 9), clientHello({ name: 'b.example' }), serverHello(0x0303, 0x009c));
	meet(traffic.client(front, '10.0.0.5:443', 9), clientHello({ name: 'b.example' }), serverHello(0x0303, 0x1a1a));
	return traffic;
}
