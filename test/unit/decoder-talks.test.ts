// Short conversations that could easily be read in another way, each found because a small fault in the decoder changes it. What a
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
			'a status line after a line that is not one',
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
		['two first bytes of responses with a loss between them', 'server', ['< F', '<? 2', '< H', 'batch', 'batch'], []],
		[
			'the lost bytes of a missing response belong to its request',
			'client',
			[
				'> GET /1 HTTP/1.1\r\nHost: h\r\n\r\n',
				'<? HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
				'> GET /2 HTTP/1.1\r\nHost: h\r\n\r\n',
				'< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
				'> GET /3 HTTP/1.1\r\nHost: h\r\n\r\n',
				'< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
			],
			[
				'GET /1 "" | 0 -  | unanswered bytes lost - 38 21',
				'GET /2 "" | 200 OK "" | complete - - 0 63',
				'GET /3 "" | 200 OK "" | complete - - 0 63',
			],
		],
		[
			'the close of a connection older than the capture proves nothing',
			'server midstream',
			['> GET /1 HTTP/1.1\r\nHost: h\r\n\r\n', '< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', 'pause 300', 'close'],
			['GET /1 "" | 0 -  | unanswered capture began - 0 21', '- -  | 200 OK "" | incomplete capture began - 0 42'],
		],
		[
			'a 408 answers nothing, and a request after a silence has the next answer',
			'client midstream',
			[
				'> GET /14 HTTP/1.1\r\nHost: h\r\n\r\n',
				'< HTTP/1.1 408 T\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
				'pause 30',
				'> GET /16\r\n',
				'< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
			],
			[
				'GET /14 "" | 0 -  | unanswered capture began - 0 21',
				'GET /16 "" | 200 OK "" | complete - http09,after-close 0 63',
				'- -  | 408 T "" | incomplete capture began - 0 42',
			],
		],
		[
			'a line that is no request after messages that cannot be read',
			'server',
			[
				'>? POST /1 HTTP/1.1\r\nTransfer-Encoding: foo\r\n\r\nzz',
				'> GET /7 HTTP/1.1\r\nHost: h\r\n\r\n',
				'< HTTP/1.1 200 OK\r\nTransfer-Encoding: foo\r\n\r\nxx',
				'> junk\r\n',
			],
			[
				'GET /7 "" | 0 -  | unanswered malformed - 0 21',
				'- -  | 200 OK "xx" | incomplete request not seen invalid-transfer-encoding,unknown-transfer-coding 0 42',
			],
		],
		[
			'the first bytes of a response before a loss, and the next response',
			'server',
			[
				'> GET /2 HTTP/1.1\r\nHost: h\r\n\r\n',
				'> GET /3 HTTP/1.1\r\nHost: h\r\n\r\n',
				'< HT',
				'<? HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
				'< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
				'> POST /10 HTTP/1.1\r\nTransfer-Encoding: foo\r\n\r\nzz',
				'< HTTP/1.1 100 C\r\n\r\n',
			],
			[
				'GET /2 "" | 0 HT null of 0 | incomplete bytes lost incomplete-head 38 63',
				'GET /3 "" | 200 OK "" | complete - - 0 63',
				'POST /10 "zz" | 0 -  | unanswered malformed missing-host,invalid-transfer-encoding,unknown-transfer-coding 0 21',
			],
		],
		[
			'nothing in a tunnel can be read after a loss',
			'server',
			[
				'> CONNECT x:1 HTTP/1.1\r\nHost: h\r\n\r\n',
				'< HTTP/1.1 200 OK\r\n\r\n',
				'>? zzz',
				'> GET /i HTTP/1.1\r\nHost: h\r\n\r\n',
				'< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
				'close',
			],
			['CONNECT x:1 "" | 200 OK "" | upgraded - - 0 63'],
		],
		[
			'a blank before a request of HTTP/0.9',
			'server',
			['> \r\n GET /key\r\n', '< hello', 'close'],
			['GET /key "" | 0 - "hello" | complete - leading-crlf,http09,whitespace-in-start-line 0 63'],
		],
		['two bytes are enough for an answer of Redis', 'server', ['> GET /key\r\n', '< $5', '< \r\nhello\r\n'], []],
		[
			'a request with a long method needs no answer',
			'server',
			[
				'> MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM /a HTTP/1.1\r\nHost: h\r\n\r\n',
				'close',
			],
			[
				'MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM /a "" | 0 -  | unanswered closed unknown-method 0 21',
			],
		],
		[
			'a response to a lost request, after a lost response',
			'server',
			[
				'> GET /1 HTTP/1.1\r\nHost: h\r\n\r\n',
				'< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
				'> GET /2 HTTP/1.1\r\nHost: h\r\n\r\n',
				'<? HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
				'>? GET /3 HTTP/1.1\r\nHost: h\r\n\r\n',
				'< HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody',
				'> GET /4 HTTP/1.1\r\nHost: h\r\n\r\n',
				'< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
				'>.',
				'close',
			],
			[
				'GET /1 "" | 200 OK "" | complete - - 0 63',
				'GET /2 "" | 0 -  | unanswered bytes lost - 0 21',
				'GET /4 "" | 200 OK "" | complete - - 0 63',
				'- -  | 200 OK "body" | incomplete request not seen - 0 42',
			],
		],
		[
			'the same with two equal responses',
			'server',
			[
				'> GET /1 HTTP/1.1\r\nHost: h\r\n\r\n',
				'< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
				'> GET /2 HTTP/1.1\r\nHost: h\r\n\r\n',
				'<? HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
				'>? GET /3 HTTP/1.1\r\nHost: h\r\n\r\n',
				'< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
				'> GET /4 HTTP/1.1\r\nHost: h\r\n\r\n',
				'< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
				'>.',
				'close',
			],
			[
				'GET /1 "" | 200 OK "" | complete - - 0 63',
				'GET /2 "" | 0 -  | unanswered bytes lost - 0 21',
				'GET /4 "" | 200 OK "" | complete - - 0 63',
				'- -  | 200 OK "" | incomplete request not seen - 0 42',
			],
		],
		[
			'a response before the first request, and later requests that cannot be read',
			'server',
			[
				'< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
				'pause 300',
				'> POST /1 HTTP/1.1\r\nTransfer-Encoding: foo\r\n\r\nzz',
				'> GET /6 HTTP/1.1\r\nHost: h\r\n\r\n',
				'> POST /9 HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nsome',
				'> GET /12 HTTP/1.1\r\nHost: h\r\n\r\n',
				'> GET /13 HTTP/1.1\r\nHost: h\r\n\r\n',
				'< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
				'< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
				'< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
			],
			[
				'POST /1 "zz" | 200 OK "" | incomplete malformed missing-host,invalid-transfer-encoding,early-response,unknown-transfer-coding 0 63',
				'GET /6 "" | 200 OK "" | complete - - 0 63',
				'POST /9 "someGET /" | 200 OK "" | complete - - 0 63',
				'12 - "" | 200 OK "" | incomplete malformed invalid-target 0 63',
				'GET /13 "" | 200 OK "" | complete - - 0 63',
			],
		],
		[
			'two requests after an early response, and later losses',
			'server',
			[
				'< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
				'batch',
				'batch',
				'pause 2',
				'> GET /a HTTP/1.1\r\nHost: h\r\n\r\n',
				'> GET /b HTTP/1.1\r\nHost: h\r\n\r\n',
				'pause 2',
				'< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
				'pause 2',
				'> GET /c HTTP/1.1\r\nHost: h\r\n\r\n',
				'pause 2',
				'<? HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
				'< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
				'pause 2',
				'> GET /d HTTP/1.1\r\nHost: h\r\n\r\n',
				'< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
				'> GET /e HTTP/1.1\r\nHost: h\r\n\r\n',
				'< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
				'close',
			],
			[
				'GET /a "" | 200 OK "" | complete - - 0 63',
				'GET /b "" | 200 OK "" | complete - - 0 63',
				'GET /c "" | 0 -  | unanswered bytes lost - 0 21',
				'GET /d "" | 0 -  | unanswered bytes lost - 0 21',
				'GET /e "" | 0 -  | unanswered bytes lost - 0 21',
				'- -  | 200 OK "" | incomplete request not seen - 0 42',
				'- -  | 200 OK "" | incomplete request not seen - 0 42',
				'- -  | 200 OK "" | incomplete request not seen - 0 42',
			],
		],
		[
			'the end of a request whose beginning was lost',
			'client',
			[
				'> GET /1 HTTP/1.1\r\nHost: h\r\n\r\n',
				'< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
				'> GET /1b HTTP/1.1\r\nHost: h\r\n\r\n',
				'< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
				'>? G',
				'< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
				'> X: y\r\n\r\n',
				'> GET /3 HTTP/1.1\r\nHost: h\r\n\r\n',
				'< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
				'> GET /4 HTTP/1.1\r\nHost: h\r\n\r\n',
				'< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
				'> GET /5 HTTP/1.1\r\nHost: h\r\n\r\n',
				'< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
				'close',
			],
			[
				'GET /1 "" | 200 OK "" | complete - - 0 63',
				'GET /1b "" | 200 OK "" | complete - - 0 63',
				'- -  | 200 OK "" | incomplete request not seen - 0 42',
				'GET /3 "" | 0 -  | unanswered bytes lost - 0 21',
				'GET /4 "" | 0 -  | unanswered bytes lost - 0 21',
				'- -  | 200 OK "" | incomplete request not seen - 0 42',
				'GET /5 "" | 0 -  | unanswered bytes lost - 0 21',
				'- -  | 200 OK "" | incomplete request not seen - 0 42',
				'- -  | 200 OK "" | incomplete request not seen - 0 42',
			],
		],
	];

describe('a short conversation has the rows that its bytes leave no doubt about', () => {
	for (const [what, observed, steps, rows] of TALKS)
		test(what, () => {
			assert.deepEqual(decodeTalk(observed, steps).map(shownRow), rows);
		});
});
