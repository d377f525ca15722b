// Short conversations in which two readings are near, each found because a small fault in the decoder changes it. What a
// line of a row says: shownRow in support/short-talks.ts.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeTalk, type Observed, type Step, shownRow } from '../../support/short-talks.ts';

const TALKS: readonly (readonly [what: string, observed: Observed, steps: readonly Step[], rows: readonly string[]])[] =
	[
		[
			'an answer that is not HTTP comes before the end of the first line',
			'server',
			['< F', '> \r0'],
			['- - "F" | 0 - "0" | incomplete malformed invalid-method,invalid-status 0 63'],
		],
		['the first byte of a response, a lost one, and another first byte', 'server', ['< F', '<? 2', '< H'], []],
		[
			'the beginning of a response after a whole one that was not asked for',
			'server',
			['< HTTP/1.1 200 OK\r\nContent-Length: 70\r\n\r', '> CONNECT x:1 HTTP/', '< H'],
			[
				'CONNECT x:1 null of 0 | 200 OK "" | upgraded - bare-cr,unsupported-version,incomplete-head 0 63',
				'- -  | 0 H null of 0 | incomplete request not seen incomplete-head 0 42',
			],
		],
		[
			'the end of a doubtful part',
			'client',
			[
				'>= 1',
				'> HEAD /h HTTP/1.1\r\nHost: h\r\n\r\n',
				'< HTTP/1.1 400 Bad\r\nConnection: close\r\nContent-Length: 0\r\n\r',
				'> POST /t HTTP/1.1\r\nTransfer-Encoding: foo\r\n\r\n',
				'< H',
			],
			[
				'HEAD /h "" | 0 -  | unanswered malformed - 0 21',
				'POST /t "" | 0 -  | unanswered malformed missing-host,invalid-transfer-encoding,unknown-transfer-coding 0 21',
				'- -  | 400 Bad "" | incomplete request not seen bare-cr 0 42',
				'- -  | 0 H null of 0 | incomplete request not seen after-close,incomplete-head 0 42',
			],
		],
		[
			'a gap in the first bytes of a response',
			'server',
			['< H', '<? H', '< H'],
			['- -  | 0 H null of 0 | incomplete request not seen incomplete-head 1 42'],
		],
		[
			'a gap in the middle of a connection older than the capture',
			'server midstream',
			['< o', '> GET /s\r\n', '<? H', '< j'],
			['GET /s "" | 0 -  | unanswered bytes lost http09 0 21'],
		],
		[
			'a request after one of HTTP/0.9',
			'server midstream',
			['> GET /s\r\n', '> PUT /l HTTP/1.1\r\nContent-Length: x\r\n\r\n'],
			[
				'GET /s "" | 0 -  | unanswered capture began http09 0 21',
				'PUT /l "" | 0 -  | unanswered capture began missing-host,invalid-content-length,after-close 0 21',
			],
		],
		[
			"a request with an unknown coding, and another's first byte",
			'server',
			['> POST /t HTTP/1.1\r\nTransfer-Encoding: foo\r\n\r', '> G'],
			[
				'POST /t "G" | 0 -  | unanswered malformed bare-cr,missing-host,invalid-transfer-encoding,unknown-transfer-coding 0 21',
			],
		],
		[
			'a beginning that proves not to be HTTP, and a request in the same bytes',
			'client',
			['> A:', '< 0', '> helloHEAD /h HTTP/1.1\r\nHost: h\r\n\r\n'],
			[],
		],
		[
			'a supposed head in a request whose length cannot be read',
			'client',
			[
				'> PUT /l HTTP/1.1\r\nContent-Length: x\r\n\r',
				'> POST /e HTTP/1.1\r\nExpect: 100-continue\r\nCHEAD /h HTTP/1.1\r\n',
			],
			[
				'PUT /l "POST /e HTTP/1.1\\r\\nExpect: 100-continue\\r\\nCHEAD /h HTTP/1.1\\r\\n" | 0 -  | unanswered malformed bare-cr,missing-host,invalid-content-length 0 21',
			],
		],
		[
			'a status line after a line that is none',
			'server',
			['> F', '< PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n', '< HTTP/1.1 204 No Content\r\n'],
			[
				'- - "F" | 204 No Content null of 0 | incomplete capture ended invalid-method,leading-garbage,incomplete-head 0 63',
			],
		],
		[
			'a gap where a body may begin, in the middle of a connection',
			'server midstream',
			['< HTTP/1.1 200 OK\r\n\r\n', '<? H', '< G'],
			['- -  | 200 OK "" | incomplete request not seen - 0 42'],
		],
		[
			'a request after a head that turns out to be none, after one of HTTP/0.9',
			'server midstream',
			[
				'> GET /s\r\n',
				'> POST /e HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n',
				'> GET /a HTTP/1.1\r\nHost: h\r\n\r\n',
			],
			['GET /s "" | 0 -  | unanswered capture began http09 0 21'],
		],
		[
			'a malformed status line proves HTTP as a good one does',
			'client',
			['< HTT', '< P/1', '< .1 ', '< 20 Bad\r\n', '> xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'],
			[
				'- - "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" | 0 - "HTTP/1.1 20 Bad\\r\\n" | incomplete malformed invalid-method,invalid-status,early-response 0 63',
			],
		],
		[
			'a malformed status line after a first line that is no request',
			'client',
			['> x y z', '< HTTP/1.1 20 Bad\r\nX: y\r\n\r\n'],
			['- - "x y z" | 0 HTTP/1.1 20 Bad "" | incomplete malformed invalid-method,invalid-status 0 63'],
		],
	];

describe('a short conversation has the rows that its bytes leave no doubt about', () => {
	for (const [what, observed, steps, rows] of TALKS)
		test(what, () => {
			assert.deepEqual(decodeTalk(observed, steps).map(shownRow), rows);
		});
});
