// What is recognised as HTTP by its first bytes, its first line or its answer. Everything else stays out of the ring.
import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
	CAPTURE_DATA,
	CAPTURE_OPEN,
	FLAG_CUT_CAPTURE_LIMIT,
	FLAG_MIDSTREAM,
	DIRECTION_IN as IN,
	DIRECTION_OUT as OUT,
} from '../../decoder-as/assembly/wire/capture-event.ts';
import {
	BPF_OBJECTS,
	joinStream,
	runScenario,
	type Scenario,
	startCapture,
	type TestCapture,
} from '../../support/captured-records.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
const BAD = 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';

/** The pieces that the client sends, and those of the answer; one character per byte. */
type Conversation = { readonly pieces: readonly string[]; readonly answer?: readonly string[] };

const request = (line: string): Conversation => ({ pieces: [`${line}\r\nHost: a\r\n\r\n`] });
const hex = (text: string) => Buffer.from(text, 'latin1').toString('hex');

for (const objectPath of BPF_OBJECTS) {
	describe(`what is recognised (${basename(objectPath)})`, () => {
		let test: TestCapture;
		before(() => {
			test = startCapture({ objectPath });
		});
		after(() => test.capture.close());

		async function speak(conversations: readonly Conversation[], silent = false): Promise<Scenario> {
			const spoken = conversations.map(({ pieces, answer }) => [pieces.map(hex), (answer ?? []).map(hex)]);
			return await runScenario(test, silent ? 'spoken_silently' : 'spoken', JSON.stringify(spoken));
		}

		/**
		 * Requests and answers of conversation `number` at both ends, and whether something before them may be
		 * missing.
		 */
		function seen(run: Scenario, number: number) {
			return (['client', 'server'] as const).map((end) => {
				const open = run.records.find((each) => each.kind === CAPTURE_OPEN && each.fd === run.said[`${end}${number}`]);
				if (open === undefined) return undefined;
				const sent = run.data(open.conn, OUT);
				const received = run.data(open.conn, IN);
				const [requests, answers] = end === 'client' ? [sent, received] : [received, sent];
				return {
					request: joinStream(requests).toString('latin1'),
					from: requests[0]?.offset,
					answer: joinStream(answers).toString('latin1'),
					whole: [...sent, ...received].every(({ flags }) => (flags & FLAG_MIDSTREAM) === 0),
				};
			});
		}

		/** Checks that every byte of each conversation was captured, at both ends. */
		async function comesWhole(conversations: readonly Conversation[]): Promise<void> {
			const run = await speak(conversations);
			conversations.forEach(({ pieces, answer }, number) => {
				const all = { request: pieces.join(''), from: 0, answer: (answer ?? []).join(''), whole: true };
				assert.deepEqual(seen(run, number), [all, all], JSON.stringify(pieces));
			});
		}

		it('a request is recognised whatever its target is', async () => {
			const targets = [
				'favicon.ico',
				'?q=1',
				'#f',
				'"q"',
				"'q'",
				'%2F',
				'\\x',
				'\\\\host\\x',
				'\xef\xbb\xbf/',
				'\xff\xfe/x',
				'host:80',
				' /x',
				' x',
				'ftp://h/x',
				'ws://h/x',
				'wss://h/x',
				'urn:x',
				'mailto:a@b',
				'\t/x',
				'\x01',
				'\x7f',
				'\xe4',
				'<x>',
				'{x}',
				'[::1]:80',
				'//h/x',
				'..',
				'.',
				'$',
				':80',
				'=',
				'@',
				'|',
				'~',
				'`',
				'x y z',
				'x\ty',
				'HTTP/1.0',
				'x'.repeat(900),
				`x${'\xff'.repeat(100)}`,
			];
			await comesWhole(targets.map((target) => request(`GET ${target} HTTP/1.1`)));
		});

		it('a request is recognised whatever its method is', async () => {
			const methods = [
				'get',
				'Get',
				'FOO',
				'x',
				'VERSION-CONTROL',
				'a'.repeat(60),
				'!',
				'G{T',
				'"GET"',
				'\xefGET',
				'GET,',
			];
			await comesWhole(methods.map((method) => request(`${method} x HTTP/1.1`)));
		});

		it('a request is recognised if its line is odd in other ways', async () => {
			const lines = [
				'GET HTTP/1.1',
				'GET  HTTP/1.1',
				'GET\tx\tHTTP/1.1',
				'\r\n\r\nGET x HTTP/1.1',
				'\nGET x HTTP/1.1',
				'GET x http/1.1',
				'GET x HTTP/1.1 ',
				'GET x  HTTP/1.1',
				'GET x HTTP/2.0',
				'GET x HTTP/11',
				'GET x HTTP/',
				'xHTTP/1.1',
				' GET x HTTP/1.1',
				'\xff\0\0\0 GET /x HTTP/1.1',
				'\xef\xbb\xbfGET / HTTP/1.1',
				'\0GET / HTTP/1.0',
				'POST /HTTP/1.1',
			];
			await comesWhole([...lines.map(request), { pieces: ['GET x HTTP/1.1\nHost: a\n\n'] }]);
		});

		it('a line longer than the examined part is left to the decoder if it begins with a word', async () => {
			await comesWhole([request(`GET ftp://h/${'x'.repeat(3000)} HTTP/1.1`)]);
		});

		it('a request in pieces of any size is recognised, including its first pieces', async () => {
			const text = 'GET favicon.ico HTTP/1.1\r\nHost: a\r\n\r\n';
			const sizes = [1, 2, 3, 5, 7, 16, 23];
			const cut = (size: number) => text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
			await comesWhole([
				...sizes.map((size) => ({ pieces: cut(size) })),
				{ pieces: ['GET ', 'favicon.ico HTT', 'P/1.1\r\n\r\n'], answer: [OK] },
				{ pieces: ['\r', '\n', 'GET x HTTP', '/', '1.1\r\n\r\n'], answer: [OK] },
			]);
		});

		it('bytes before a request are captured with it, even if they came in earlier calls', async () => {
			const texts = [
				' GET /x HTTP/1.1',
				'\tGET /x HTTP/1.1',
				'\0GET /x HTTP/1.1',
				'\xff\0\0\0 GET /x HTTP/1.1',
				`${'a'.repeat(60)} /x HTTP/1.1`,
				'G@T /x HTTP/1.1',
				'(x) /x HTTP/1.1',
				`${'\r\n'.repeat(9)}GET /x HTTP/1.1`,
				'junk\r\nGET /x HTTP/1.1',
			];
			await comesWhole([
				...texts.map((text) => ({ pieces: [...`${text}\r\nHost: a\r\n\r\n`], answer: [OK] })),
				{ pieces: ['junk\r\n', 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n'], answer: [OK] },
				{ pieces: ['junk', 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n'] },
			]);
		});

		it('bytes that do not look like a request are captured if the answer is HTTP', async () => {
			await comesWhole(
				[
					['\x16\x03\x01\x00\x05hello'],
					['OPTIONS\r\nHost: a\r\n\r\n'],
					['OPT', 'IONS\r\n', 'Host: a\r\n\r\n'],
					['GET favicon.ico\r\n\r\n'],
					['junk\r\n\r\n'],
					['\x00'],
					['\x80\x2e\x01\x00\x02'],
					['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
					['\x05\x01\x00'],
					['*1\r\n$4\r\nPING\r\n'],
					['\r\n\r\n'],
					['G'],
					['\x16\x03', '\x01\x02\x00', '\x01\x00\x01\xfc\x03\x03'],
				].map((pieces) => ({ pieces, answer: [BAD] })),
			);
		});

		it('the first 1,024 bytes of a long beginning are kept, and the rest is counted', async () => {
			const text = `junk\r\n${'x'.repeat(5000)}`;
			const run = await speak([{ pieces: [text, 'more'], answer: [BAD] }]);
			for (const name of ['client0', 'server0']) {
				const [first, ...more] = run.data(run.conn(name), name === 'client0' ? OUT : IN);
				assert.equal(more.length, 0);
				assert.equal(first!.payload.toString(), text.slice(0, 1024));
				assert.equal(first!.bytes, text.length + 4);
				assert.equal(first!.flags, FLAG_CUT_CAPTURE_LIMIT);
			}
		});

		it('an answer in pieces is recognised too', async () => {
			await comesWhole(
				[1, 2, 3, 6].map((size) => ({
					pieces: ['junk\r\n'],
					answer: [BAD.slice(0, size), BAD.slice(size, 9), BAD.slice(9)],
				})),
			);
		});

		it('other protocols stay out of the ring', async () => {
			const talks: readonly (readonly [request: string, answer: string])[] = [
				['GET k\r\n', '$1\r\nv\r\n'],
				['get k\r\n', 'VALUE k 0 1\r\nv\r\nEND\r\n'],
				['set k 0 0 1\r\nv\r\n', 'STORED\r\n'],
				['HELO x\r\n', '250 x\r\n'],
				['NICK x\r\nUSER x 0 * :x\r\n', ':h 001 x\r\n'],
				['a1 LOGIN u p\r\n', 'a1 OK\r\n'],
				['USER x\r\n', '331 p\r\n'],
				['OPTIONS rtsp://h/x RTSP/1.0\r\nCSeq: 1\r\n\r\n', 'RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n'],
				['INVITE sip:a@b SIP/2.0\r\n\r\n', 'SIP/2.0 100 Trying\r\n\r\n'],
				['SELECT 1;\n', '1\n'],
				['\x00\x00\x00\x08\x04\xd2\x16\x2f', 'N'],
			];
			const run = await speak(
				talks.map(([text, answer]) => ({ pieces: [text, text], answer: [answer] })),
				true,
			);
			assert.deepEqual(
				run.records.filter(({ kind }) => kind === CAPTURE_DATA || kind === CAPTURE_OPEN),
				[],
			);
		});
	});
}
