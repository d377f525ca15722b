// parent_id: which request a process was answering when it made a call, if that is certain.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeRecords } from '../../support/decoded-rows.ts';
import { type ConnectionTape, Tape } from '../../support/record-builder.ts';

const PROXY = 100;
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const OTHER_TRACE = '1bf7651916cd43dd8448eb211c80319c';
const traceparent = (trace: string, span: string) => `traceparent: 00-${trace}-${span}-01\r\n`;
const [A_SPAN, B_SPAN] = ['b7ad6b7169203331', '00f067aa0ba902b7'];

/** A process that answers requests and makes calls. */
class Service {
	readonly tape = new Tape();
	#connections = 0;

	/** A request arrives and is read by thread `tid`. Returns a function that answers it. */
	asked(path: string, tid = PROXY, fields = '', pid = PROXY): () => void {
		const connection = this.tape.server(++this.#connections, { pid, tid, fd: this.#connections + 10 }).open();
		connection.in(`GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`);
		return () => connection.out(OK);
	}

	/** Thread `tid` sends a request, which is answered at once unless `leaveOpen`. */
	calls(path: string, tid = PROXY, fields = '', pid = PROXY): ConnectionTape {
		const connection = this.tape.client(++this.#connections, { pid, tid, fd: this.#connections + 10 }).open();
		connection.out(`GET ${path} HTTP/1.1\r\nHost: b\r\n${fields}\r\n`);
		return connection.in(OK);
	}

	/** By path of the call: the path of its parent; null if it has none. */
	parents(): Record<string, string | null> {
		const found = [undefined, 1].map((recordsPerBatch) => {
			const { exchanges } = decodeRecords(this.tape.records, { recordsPerBatch });
			const paths = new Map(exchanges.map(({ id, path }) => [id, path]));
			const related = exchanges.filter(({ side, parentId }) => side === 'client' || parentId !== 0);
			return Object.fromEntries(related.map(({ path, parentId }) => [path, paths.get(parentId) ?? null]));
		});
		assert.deepEqual(found[0], found[1]);
		return found[0]!;
	}
}

test('a call belongs to the only request that its thread is answering', () => {
	const service = new Service();
	const first = service.asked('/first', 1);
	const second = service.asked('/second', 2);
	service.calls('/of-first', 1);
	service.calls('/of-second', 2);
	service.calls('/of-first-again', 1);
	service.calls('/of-nobody', 3);
	first();
	service.calls('/after', 1);
	second();
	assert.deepEqual(service.parents(), {
		'/of-first': '/first',
		'/of-second': '/second',
		'/of-first-again': '/first',
		'/of-nobody': null,
		'/after': null,
	});
});

test('with several requests in one thread, only equal headers decide', () => {
	const service = new Service();
	const ends = [
		service.asked('/a', PROXY, `X-Request-ID: id-a\r\n${traceparent(TRACE, A_SPAN)}`),
		service.asked('/b', PROXY, 'x-request-id: id-b\r\n'),
		service.asked('/c', PROXY, traceparent(OTHER_TRACE, A_SPAN)),
		service.asked('/d'),
	];
	service.calls('/unmarked');
	service.calls('/id-b', PROXY, 'X-Request-Id: id-b\r\n');
	service.calls('/id-case', PROXY, 'X-Request-Id: ID-B\r\n');
	service.calls('/trace-a', PROXY, traceparent(TRACE, B_SPAN));
	service.calls('/trace-c', 77, traceparent(OTHER_TRACE, B_SPAN));
	service.calls('/unknown-id-then-trace', PROXY, `X-Request-Id: new\r\n${traceparent(OTHER_TRACE, B_SPAN)}`);
	service.calls('/id-before-trace', PROXY, `${traceparent(OTHER_TRACE, B_SPAN)}X-Request-Id: id-b\r\n`);
	service.calls('/no-trace', PROXY, traceparent('0'.repeat(32), B_SPAN));
	service.calls('/short', PROXY, `traceparent: 00-${TRACE}\r\n`);
	service.calls('/empty', PROXY, 'X-Request-Id: \r\n');
	service.calls('/hyphen-before', PROXY, `traceparent: 00_${TRACE}-${B_SPAN}-01\r\n`);
	service.calls('/hyphen-after', PROXY, `traceparent: 00-${TRACE}_${B_SPAN}-01\r\n`);
	for (const end of ends) end();
	assert.deepEqual(service.parents(), {
		'/unmarked': null,
		'/id-b': '/b',
		'/id-case': null,
		'/trace-a': '/a',
		'/trace-c': '/c',
		'/unknown-id-then-trace': '/c',
		'/id-before-trace': '/b',
		'/no-trace': null,
		'/short': null,
		'/empty': null,
		'/hyphen-before': null,
		'/hyphen-after': null,
	});
});

test('equal headers of two open requests prove nothing', () => {
	const service = new Service();
	const ends = ['/a', '/b'].map((path) =>
		service.asked(path, PROXY, `x-request-id: same\r\n${traceparent(TRACE, A_SPAN)}`),
	);
	service.calls('/same', PROXY, 'x-request-id: same\r\n');
	service.calls('/trace', PROXY, traceparent(TRACE, B_SPAN));
	ends[0]!();
	service.calls('/one-left', 5, 'x-request-id: same\r\n');
	ends[1]!();
	assert.deepEqual(service.parents(), { '/same': null, '/trace': null, '/one-left': '/b' });
});

test('requests of another process, or of the program before exec, are not parents', () => {
	const service = new Service();
	const end = service.asked('/other', 1, 'x-request-id: x\r\n', 7);
	service.calls('/here', 1, 'x-request-id: x\r\n', 8);
	end();
	service.asked('/before', 9, '', 9);
	service.tape.processExec(9, 'new');
	service.calls('/after-exec', 9, '', 9);
	assert.deepEqual(service.parents(), { '/here': null, '/after-exec': null });
});

test('a request that is abandoned, or whose connection ends, is no longer a parent', () => {
	const service = new Service();
	const connection = service.tape.server(50, { pid: PROXY, fd: 50 }).open();
	connection.in('GET /gone HTTP/1.1\r\nHost: a\r\n\r\n');
	service.calls('/during');
	connection.eof().close();
	service.calls('/afterwards');
	assert.deepEqual(service.parents(), { '/during': '/gone', '/afterwards': null });
});

test('calls of a process with more open requests than are searched have no parent', () => {
	const service = new Service();
	const ends = Array.from({ length: 1024 }, (_, i) => service.asked(`/r${i}`, i + 1));
	service.calls('/with-1024', 500);
	ends.push(service.asked('/one-more', 5000));
	service.calls('/with-1025', 500);
	ends[3]!();
	service.calls('/again-1024', 500);
	for (const [index, end] of ends.entries()) if (index !== 3) end();
	assert.deepEqual(service.parents(), { '/with-1024': '/r499', '/with-1025': null, '/again-1024': '/r499' });
});
