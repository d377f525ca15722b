// TLS: reads both hellos, while the rest of the connection is only counted, or while it is still undecided whether the
// server answers in HTTP.
import { allocateZeroed, release } from '../memory/memory';
import { Connection, Hello, NO_HELLO, OPAQUE, Stream } from '../memory/state';
import { noteServerName } from '../rows/blind-spots';
import { findKeptName, keepClientHello, keepServerHello, keptLength, nameAt, nameBytes } from '../tls/hello';
import { CLIENT_HELLO, HANDSHAKE, HELLO_MORE, HELLO_WHOLE, freeHello, readHello } from '../tls/records';
import { skipOpaque } from './opaque';

/** Whether the place where a handshake may begin is among `taken` bytes of the stream from `before` on. */
@inline
export function mayBeginHello(stream: Stream, before: u64, taken: u32): bool {
	return stream.helloAt - before < taken;
}

/** Reads on, or begins to: bytes [from, end) of the stream, from `before` on, which its protocol has taken too. */
export function followHello(stream: Stream, before: u64, from: usize, end: usize): void {
	let hello = stream.hello;
	if (hello == NO_HELLO) {
		from += <usize>(stream.helloAt - before);
		if (load<u8>(from) != HANDSHAKE) return;
		hello = changetype<Hello>(allocateZeroed(offsetof<Hello>()));
		if (hello == NO_HELLO) return;
		stream.hello = hello;
	}
	const found = readHello(hello, from, end);
	if (found == HELLO_MORE) return;
	if (found == HELLO_WHOLE) keepHello(stream.connection, hello);
	leaveHello(stream);
}

function keepHello(connection: Connection, hello: Hello): void {
	const from = hello.message;
	const end = from + hello.length;
	if (hello.head >> 24 == CLIENT_HELLO) {
		if (connection.clientHello != 0) return;
		connection.clientHello = keepClientHello(from, end);
		if (connection.clientHello == 0) return;
		connection.clientHelloLength = keptLength;
		findKeptName(connection.clientHello);
		noteServerName(connection, nameAt, nameBytes);
	} else {
		if (connection.serverHello != 0) return;
		connection.serverHello = keepServerHello(from, end);
		if (connection.serverHello != 0) connection.serverHelloLength = keptLength;
	}
}

/** The rest of the stream tells nothing more. */
export function leaveHello(stream: Stream): void {
	if (stream.hello == NO_HELLO) return;
	forgetHello(stream);
	// On a connection of its own the kernel side copies no more by itself.
	if (stream.connection.wrapped && stream.state == OPAQUE) skipOpaque(stream);
}

export function forgetHello(stream: Stream): void {
	freeHello(stream.hello);
	stream.hello = NO_HELLO;
}

/** Frees what is kept of the hellos. */
export function forgetHellos(connection: Connection): void {
	release(connection.clientHello);
	release(connection.serverHello);
	connection.clientHello = 0;
	connection.serverHello = 0;
}
