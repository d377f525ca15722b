// The row formats: tables, CSV, JSON and others.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import {
	createExchangeWriter,
	createResultWriter,
	isAligned,
	isResultFormat,
	printsExchanges,
	RESULT_FORMATS,
} from '../../src/output/result-format.ts';
import { createRowWriter, formatRows, type Result, ROW_FORMATS, type RowFormat } from '../../src/output/row-format.ts';
import { createTheme, type Theme, themeOn, wantsColor } from '../../src/output/theme.ts';
import type { SqlValue } from '../../src/store/table.ts';

const people: Result = {
	columns: [
		{ name: 'id', type: 'int' },
		{ name: 'name', type: 'text' },
		{ name: 'score', type: 'float' },
	],
	rows: [
		[1, 'Ada', 0.1],
		[20, '', null],
		[9007199254740993n, null, -1e21],
	],
};

function format(name: RowFormat, result: Result, options: Parameters<typeof formatRows>[2] = {}): string {
	return [...formatRows(name, result, options)].join('');
}

function oneColumn(values: readonly SqlValue[], type: Result['columns'][0]['type'] = 'text'): Result {
	return { columns: [{ name: 'x', type }], rows: values.map((value) => [value]) };
}

/** The result of a Python program that reads `input`, as JSON. */
function python(program: string, input: string): unknown {
	const run = spawnSync('python3', ['-c', `import sys, json, csv, base64\n${program}`], { input, encoding: 'utf8' });
	assert.equal(run.status, 0, run.stderr || String(run.error));
	return JSON.parse(run.stdout);
}

describe('table', () => {
	it('aligns columns, numbers to the right, and shows NULL and an empty text differently', () => {
		assert.equal(
			format('table', people, { footer: true }),
			[
				'               id | name |  score',
				'------------------+------+--------',
				'                1 | Ada  |    0.1',
				'               20 |      |   NULL',
				' 9007199254740993 | NULL | -1e+21',
				'(3 rows)',
				'',
			].join('\n'),
		);
	});

	it('has a heading even without rows', () => {
		assert.equal(
			format('table', { columns: people.columns, rows: [] }, { footer: true }),
			' id | name | score\n----+------+-------\n(0 rows)\n',
		);
		assert.equal(format('table', oneColumn(['a']), { footer: true }), ' x\n---\n a\n(1 row)\n');
	});

	it('cuts texts at 200 columns, or at the given number, and never cuts numbers', () => {
		const [, , cell] = format('table', oneColumn(['a'.repeat(300)])).split('\n');
		assert.equal(cell, ` ${'a'.repeat(199)}…`);
		assert.ok(format('table', oneColumn(['a'.repeat(300), 10n ** 30n]), { cellColumns: 5 }).includes(`\n aaaa…`));
		assert.ok(format('table', oneColumn([10n ** 30n], 'int'), { cellColumns: 5 }).includes(`1${'0'.repeat(30)}`));
	});

	it('cuts the widest texts so that its lines fit the screen', () => {
		const result: Result = {
			columns: [...people.columns, { name: 'path', type: 'text' }],
			rows: [[1, 'Grace Brewster Hopper', 2.5, '/a/very/long/path/that/goes/on']],
		};
		assert.equal(
			format('table', result, { screenColumns: 50 }),
			[
				' id | name             | score | path',
				'----+------------------+-------+------------------',
				'  1 | Grace Brewster … |   2.5 | /a/very/long/pa…',
				'',
			].join('\n'),
		);
	});

	it('shows rows vertically on a screen too narrow for its columns', () => {
		assert.equal(
			format('table', { columns: people.columns, rows: people.rows.slice(0, 1) }, { screenColumns: 15, footer: true }),
			`${'*'.repeat(27)} 1. row ${'*'.repeat(27)}\n   id: 1\n name: Ada\nscore: 0.1\n(1 row)\n`,
		);
	});

	it('keeps its columns if rows are written one by one', () => {
		const writer = createRowWriter('table', people.columns.slice(0, 2));
		const text = writer.begin() + people.rows.map((row) => writer.rows([row])).join('') + writer.end();
		assert.equal(text, '    id | name\n-------+--------------\n     1 | Ada\n    20 | \n 9007199254740993 | NULL\n');
	});

	it('is as wide as the sample needs if the first rows are known', () => {
		const writer = createRowWriter('table', people.columns, { sample: people.rows });
		assert.equal(writer.begin() + writer.rows(people.rows) + writer.end(), format('table', people));
	});

	it('formats a long result in pieces', () => {
		const rows = Array.from({ length: 5003 }, (_, i) => [i, `name ${i}`, i / 2]);
		const chunks = [...formatRows('table', { columns: people.columns, rows })];
		assert.ok(chunks.length > 1 && chunks.every((chunk) => chunk.length < 70000 && chunk.endsWith('\n')));
		assert.equal(chunks.join('').split('\n').length, 5003 + 3);
	});
});

describe('the settings of tables', () => {
	const rows: SqlValue[][] = [[1, 'a long text', null]];
	const columns: Result['columns'] = [
		{ name: 'id', type: 'int' },
		{ name: 'text', type: 'text' },
		{ name: 'method', type: 'text' },
	];
	const settings = { nullText: '∅', headers: false, widest: [0, 6], separator: ';' };

	it('table and box: no column names, another text for NULL, widest columns', () => {
		assert.equal(format('table', { columns, rows }, settings), ' 1 | a lon… | ∅\n');
		assert.equal(
			format('box', { columns, rows }, settings),
			'┌───┬────────┬───┐\n│ 1 │ a lon… │ ∅ │\n└───┴────────┴───┘\n',
		);
	});

	it('csv: another separator; NULL stays nothing. markdown and line: another text for NULL', () => {
		assert.equal(format('csv', { columns, rows }, settings), '1;"a long text";\n');
		assert.equal(format('csv', { columns, rows }, { separator: '\t' }), 'id\ttext\tmethod\n1\t"a long text"\t\n');
		assert.ok(format('markdown', { columns, rows }, settings).endsWith('| 1 | a long text | *∅* |\n'));
		assert.ok(format('line', { columns, rows }, settings).endsWith('method: ∅\n'));
	});

	it('colour statuses by class, and dim methods', () => {
		const result: Result = {
			columns: [
				{ name: 'method', type: 'text' },
				{ name: 'status', type: 'int' },
			],
			rows: [['GET', 404]],
		};
		for (const name of ['table', 'box', 'line'] as const) {
			const text = format(name, result, { theme: createTheme(true) });
			assert.ok(text.includes('\x1b[2mGET\x1b[22m') && text.includes('\x1b[33m404\x1b[39m'), text);
		}
	});
});

describe('box', () => {
	it('draws lines around cells', () => {
		assert.equal(
			format('box', people),
			[
				'┌──────────────────┬──────┬────────┐',
				'│               id │ name │  score │',
				'├──────────────────┼──────┼────────┤',
				'│                1 │ Ada  │    0.1 │',
				'│               20 │      │   NULL │',
				'│ 9007199254740993 │ NULL │ -1e+21 │',
				'└──────────────────┴──────┴────────┘',
				'',
			].join('\n'),
		);
	});
});

describe('markdown', () => {
	it('is a table in which cells contain no markup', () => {
		const result = { columns: people.columns, rows: [...people.rows, [2, 'a|b <i>*x*</i> [y](z) `c` \\', 1.5]] };
		assert.equal(
			format('markdown', result),
			[
				'| id | name | score |',
				'| ---: | --- | ---: |',
				'| 1 | Ada | 0.1 |',
				'| 20 |  | *NULL* |',
				'| 9007199254740993 | *NULL* | -1e+21 |',
				'| 2 | a\\|b &lt;i&gt;\\*x\\*&lt;/i&gt; \\[y\\](z) \\`c\\` \\\\ | 1.5 |',
				'',
			].join('\n'),
		);
	});
});

describe('line', () => {
	it('shows bodies whole, JSON indented, blobs as hex, and notes in place of the rest', () => {
		const body = `${'x'.repeat(500)}\nsecond line`;
		const result: Result = {
			columns: [
				{ name: 'id', type: 'int' },
				{ name: 'res_headers', type: 'json' },
				{ name: 'req_body', type: 'text' },
				{ name: 'res_body', type: 'text' },
				{ name: 'res_body_raw', type: 'blob' },
				{ name: 'res_body_note', type: 'text' },
				{ name: 'path', type: 'text' },
			],
			rows: [
				[
					1,
					'{"a":"b"}',
					body,
					'{"n":1.0,"l":["a',
					Buffer.from('hi'),
					'body: first 16 of 20 bytes (body limit)',
					'a\nb',
				],
			],
		};
		assert.equal(
			format('line', result),
			[
				`${'*'.repeat(27)} 1. row ${'*'.repeat(27)}`,
				'           id: 1',
				'  res_headers:',
				'{',
				'  "a": "b"',
				'}',
				'     req_body:',
				'x'.repeat(500),
				'second line',
				'     res_body:',
				'{',
				'  "n": 1.0,',
				'  "l": [',
				'    "a',
				'body: first 16 of 20 bytes (body limit)',
				' res_body_raw: 2 bytes',
				'00000000  68 69                                             |hi|',
				'res_body_note: body: first 16 of 20 bytes (body limit)',
				'         path: a\\x0ab',
				'',
			].join('\n'),
		);
	});

	it('names images instead of showing them', () => {
		const result: Result = {
			columns: [
				{ name: 'res_body', type: 'text' },
				{ name: 'content_type', type: 'text' },
				{ name: 'res_body_bytes', type: 'int' },
			],
			rows: [['\ufffdPNG', 'image/png', 68]],
		};
		assert.ok(format('line', result).includes('      res_body: [image/png, 68 bytes]\n'));
	});
});

describe('csv', () => {
	it('quotes texts, shows NULL and an empty text differently, and leaves numbers alone', () => {
		assert.equal(format('csv', people), 'id,name,score\n1,"Ada",0.1\n20,"",\n9007199254740993,,-1e+21\n');
	});

	it('turns no text into a formula', () => {
		const starts = [
			'=1+1',
			'+1',
			'-1',
			'@SUM(A1)',
			'\t=1',
			'\r=1',
			'\n=1',
			' =1',
			'"=1',
			"'=1",
			'\uff1d1',
			'\uff0b1',
			'\uff0d1',
			'\uff20A1',
			'-',
			'\tx',
		];
		const cells = python('json.dump(list(csv.reader(sys.stdin)), sys.stdout)', format('csv', oneColumn(starts)));
		assert.equal((cells as string[][]).length, starts.length + 1);
		for (const [cell] of (cells as [string][]).slice(1)) assert.match(cell, /^'/);
		for (const text of ['a=1', '1-1', 'x@y', '']) assert.equal(format('csv', oneColumn([text])), `x\n"${text}"\n`);
		assert.equal(format('csv', oneColumn([-5, -5n]), {}), 'x\n-5\n-5\n');
	});

	it('is read back by Python: quotes, commas and line feeds as they were, controls escaped', () => {
		const rows: SqlValue[][] = [
			['a,b', 'say "hi"', 'two\nlines', 'nul\0 tab\t', 'Grüße 日本', null, '', Buffer.from('\xff', 'latin1')],
		];
		const columns = ['a', 'b c', 'd"e', 'f', 'g', 'h', 'i', 'j'].map((name) => ({ name, type: null }));
		const read = python('json.dump(list(csv.reader(sys.stdin)), sys.stdout)', format('csv', { columns, rows }));
		assert.deepEqual(read, [
			['a', 'b c', 'd"e', 'f', 'g', 'h', 'i', 'j'],
			['a,b', 'say "hi"', 'two\nlines', 'nul\\x00 tab\\x09', 'Grüße 日本', '', '', '/w=='],
		]);
	});

	it('keeps texts exactly with --raw', () => {
		const texts = ['=1+1', 'tab\tand\r\nline', '\x1b[2J\\', '\u202e', '-', "'"];
		const read = python(
			'import io; json.dump(list(csv.reader(io.TextIOWrapper(sys.stdin.buffer, "utf8", newline=""))), sys.stdout)',
			format('csv', oneColumn(texts), { raw: true }),
		);
		assert.deepEqual(read, [['x'], ...texts.map((text) => [text])]);
	});
});

describe('json and ndjson', () => {
	it('are one array, and one object per line', () => {
		assert.equal(
			format('json', people),
			'[\n{"id":1,"name":"Ada","score":0.1},\n{"id":20,"name":"","score":null},\n{"id":9007199254740993,"name":null,"score":-1e+21}\n]\n',
		);
		assert.equal(
			format('ndjson', people),
			'{"id":1,"name":"Ada","score":0.1}\n{"id":20,"name":"","score":null}\n{"id":9007199254740993,"name":null,"score":-1e+21}\n',
		);
		assert.equal(format('json', { columns: people.columns, rows: [] }), '[]\n');
		assert.equal(format('ndjson', { columns: people.columns, rows: [] }), '');
	});

	it('nest columns of type json with every digit, on one line', () => {
		const json = '{ "a": [1.0, 12345678901234567890],\n"__proto__": {"x": "\u202e"}, "a": 2 }';
		assert.equal(
			format('ndjson', oneColumn([json, 'not json', null], 'json')),
			'{"x":{"a":[1.0,12345678901234567890],"__proto__":{"x":"\\u202e"},"a":2}}\n{"x":"not json"}\n{"x":null}\n',
		);
		assert.equal(format('ndjson', oneColumn([json])), `{"x":${JSON.stringify(json).replace('\u202e', '\\u202e')}}\n`);
	});

	it('survive any depth of nesting', () => {
		const deep = '['.repeat(100000) + ']'.repeat(100000);
		assert.equal(format('ndjson', oneColumn([deep], 'json')), `{"x":${deep}}\n`);
		assert.ok(format('line', { columns: [{ name: 'res_body', type: 'text' }], rows: [[deep]] }).includes(deep));
	});

	it('give every column a different name', () => {
		const columns = ['id', 'id', 'id_2', '__proto__', '__proto__', 'id'].map((name) => ({ name, type: null }));
		assert.equal(
			format('ndjson', { columns, rows: [[1, 2, 3, 4, 5, 6]] }),
			'{"id":1,"id_3":2,"id_2":3,"__proto__":4,"__proto___2":5,"id_4":6}\n',
		);
	});

	it('leave all prototypes unchanged', () => {
		const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '__defineGetter__'];
		const prototypes = [Object.prototype, Array.prototype, Function.prototype];
		const before = prototypes.map((prototype) => Object.getOwnPropertyNames(prototype));
		const json = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
		const columns = names.map((name) => ({ name, type: 'json' as const }));
		for (const { name } of ROW_FORMATS) {
			const text = format(name, { columns, rows: [names.map(() => json)] });
			for (const column of names) assert.ok(text.replaceAll('\\_', '_').includes(column), `${name} ${column}`);
		}
		assert.deepEqual(
			prototypes.map((prototype) => Object.getOwnPropertyNames(prototype)),
			before,
		);
		assert.equal(({} as { polluted?: number }).polluted, undefined);
	});

	it('are read back exactly by Python', () => {
		const everything = Array.from({ length: 0x250 }, (_, i) => String.fromCodePoint(i)).join('');
		const texts = [everything, '\u2028\u2029\u202e\ufeff', '\u{e0041}\u{10ffff}', '\\"', '</script>', ''];
		const blob = Uint8Array.from({ length: 256 }, (_, i) => i);
		const rows: SqlValue[][] = [...texts.map((text): SqlValue[] => [text]), [blob], [2n ** 64n], [0.1], [null]];
		const columns = [{ name: 'x', type: null }];
		const expected = [...texts, Buffer.from(blob).toString('base64'), '18446744073709551616', 0.1, null];
		const big = 'v = [str(r["x"]) if type(r["x"]) is int else r["x"] for r in rows]; json.dump(v, sys.stdout)';
		assert.deepEqual(python(`rows = json.load(sys.stdin)\n${big}`, format('json', { columns, rows })), expected);
		const lines = 'rows = [json.loads(line) for line in sys.stdin]';
		assert.deepEqual(python(`${lines}\n${big}`, format('ndjson', { columns, rows })), expected);
	});

	it('escape lone surrogates, which UTF-8 cannot hold', () => {
		assert.equal(format('ndjson', oneColumn(['\ud800a'])), '{"x":"\\ud800a"}\n');
	});

	it('write null for numbers that JSON does not have', () => {
		assert.equal(
			format('ndjson', oneColumn([Number.POSITIVE_INFINITY, Number.NaN], 'float')),
			'{"x":null}\n{"x":null}\n',
		);
		assert.ok(
			format('table', oneColumn([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], 'float')).includes(' -Inf'),
		);
	});
});

describe('a narrow terminal', () => {
	it('cuts texts, but no numbers and times, whatever the type of their column', () => {
		const ts = '2026-11-22T12:56:01.123456Z';
		const types: readonly (readonly [type: Result['columns'][0]['type'], value: SqlValue])[] = [
			...[
				['int', 1234567890123],
				['float', -0.123456789],
				['datetime', ts],
				['local', ts.slice(0, -1)],
			],
			...[
				['date', '2026-11-22'],
				['time', '12:56:01.123456'],
				['interval', '123 days 12:56:01'],
			],
			...[
				[null, 2n ** 62n],
				[null, 1234567890123],
			],
		] as [Result['columns'][0]['type'], SqlValue][];
		for (const [type, value] of types) {
			const columns = [
				{ name: 'a', type },
				{ name: 'b', type: 'text' as const },
				{ name: 'c', type: null },
			];
			const row = [value, 'x'.repeat(30), 'y'.repeat(30)];
			const width = String(value).length;
			for (const style of ['table', 'box'] as const) {
				const between = style === 'box' ? 10 : 8;
				const at = (screenColumns: number) => format(style, { columns, rows: [row] }, { screenColumns });
				const whole = at(width + 60 + between);
				assert.ok(
					whole.includes(` ${value} `) && whole.includes('x'.repeat(30)) && whole.includes('y'.repeat(30)),
					whole,
				);
				// The remaining columns go to the first column that is cut.
				const cut = at(width + 41 + between);
				assert.ok(cut.includes(` ${value} `), cut);
				assert.ok(cut.includes(` ${'x'.repeat(20)}… `) && cut.includes(` ${'y'.repeat(19)}…`), cut);
				assert.ok(at(width + 20 + between).includes(` ${'x'.repeat(9)}… `));
				assert.ok(at(width + 19 + between).includes(`\nb: ${'x'.repeat(30)}`), at(width + 19 + between));
			}
		}
	});
});

describe('columns of a stream', () => {
	it('are as wide as their name and type usually need, and cut later texts only on a terminal', () => {
		const types: Record<string, Result['columns'][0]['type']> = {
			...{ id: 'int', method: 'text', path: 'text', url: 'text', host: 'text', comm: 'text', local: 'text' },
			...{
				remote: 'text',
				duration_ms: 'float',
				ttfb_ms: 'float',
				via: 'text',
				req_via: 'text',
				res_body_bytes: 'int',
			},
			...{
				status: 'int',
				state: 'text',
				a: 'text',
				b: 'int',
				ts: 'datetime',
				l: 'local',
				d: 'date',
				t: 'time',
				i: 'interval',
			},
		};
		const columns = Object.entries(types).map(([name, type]) => ({ name, type }));
		const [, rule] = createRowWriter('table', columns).begin().split('\n');
		const widths = rule!.split('+').map((part) => part.length - 2);
		assert.deepEqual(widths, [5, 7, 32, 40, 20, 15, 21, 21, 11, 9, 8, 8, 14, 6, 10, 12, 8, 27, 26, 10, 15, 15]);
		const text = [{ name: 'a', type: 'text' as const }];
		const row = ['x'.repeat(300)];
		assert.equal(createRowWriter('table', text).rows([row]), ` ${'x'.repeat(199)}…\n`);
		assert.equal(createRowWriter('table', text, { cellColumns: 20 }).rows([row]), ` ${'x'.repeat(19)}…\n`);
		assert.equal(createRowWriter('table', text, { screenColumns: 80 }).rows([row]), ` ${'x'.repeat(11)}…\n`);
		const known = createRowWriter('box', text, { screenColumns: 80, sample: [['xyz']], footer: true });
		assert.equal(
			known.begin() + known.rows([row, ['a']]) + known.end(),
			'┌─────┐\n│ a   │\n├─────┤\n│ xx… │\n│ a   │\n└─────┘\n(2 rows)\n',
		);
	});

	it('become lines of their own if the terminal is too narrow', () => {
		const columns = [
			{ name: 'a', type: 'text' as const },
			{ name: 'number', type: 'int' as const },
		];
		const writer = createRowWriter('table', columns, {
			screenColumns: 20,
			sample: [['x'.repeat(30), 1234567]],
			footer: true,
		});
		const stars = '*'.repeat(27);
		assert.equal(
			writer.begin() + writer.rows([['x', 1]]) + writer.rows([[null, 2]]) + writer.end(),
			[
				...[`${stars} 1. row ${stars}`, '     a: x', 'number: 1'],
				...[`${stars} 2. row ${stars}`, '     a: NULL', 'number: 2', '(2 rows)', ''],
			].join('\n'),
		);
		const fits = createRowWriter('table', columns, { screenColumns: 22, sample: [['x'.repeat(30), 1234567]] });
		assert.equal(fits.rows([['x'.repeat(30), 1234567]]), ` ${'x'.repeat(9)}… | 1234567\n`);
	});

	it('keep their lines in the format line, and are cut in a table that does not fit', () => {
		const columns = (['res_body', 'res_body_note', 'content_type', 'j', 't'] as const).map((name) => ({
			name,
			type: name === 'j' ? ('json' as const) : ('text' as const),
		}));
		const line = (...row: SqlValue[]) => createRowWriter('line', columns).rows([row]).split('\n').slice(1, -1);
		assert.deepEqual(line('one line', null, null, '[1]', 'a\nb'), [
			...['     res_body: one line', 'res_body_note: NULL', ' content_type: NULL', '            j:', '[', '  1', ']'],
			'            t: a\\x0ab',
		]);
		assert.deepEqual(line('one\ntwo', 'cut', 'text/plain', '', null), [
			...['     res_body:', 'one', 'two', 'cut', 'res_body_note: cut', ' content_type: text/plain', '            j: '],
			'            t: NULL',
		]);
		assert.deepEqual(line('a\n\n', null, null, null, null).slice(0, 3), ['     res_body:', 'a', '']);
		assert.deepEqual(line('', null, 'image/png', 'x', null).slice(0, 4), [
			...['     res_body: [image/png]', 'res_body_note: NULL', ' content_type: image/png', '            j: x'],
		]);
		const narrow = createRowWriter(
			'table',
			[
				{ name: 'name', type: 'text' },
				{ name: 'n', type: 'int' },
			],
			{
				...{ screenColumns: 10, cellColumns: 30, sample: [['x', 1234567890]] },
			},
		);
		const [, cut] = narrow.rows([['x'.repeat(100), 1]]).split('\n');
		assert.equal(cut, `name: ${'x'.repeat(22)}…`);
	});

	it('come in pieces of 64 KiB', () => {
		const rows = Array.from({ length: 3000 }, (_, i) => [`${i} ${'x'.repeat(95)}`]);
		const pieces = [...formatRows('csv', { columns: [{ name: 'x', type: 'text' }], rows })];
		assert.ok(pieces.length > 3 && pieces.slice(0, -1).every((piece) => piece.length >= 65536 && piece.length < 65700));
		assert.equal(pieces.join('').split('\n').length, 3002);
		assert.deepEqual([...formatRows('ndjson', { columns: [{ name: 'x', type: 'text' }], rows: [] })], []);
	});
});

describe('all formats', () => {
	it('print rows or exchanges, as text or as a page', () => {
		const options = { redactor: null, version: '1' };
		const names = RESULT_FORMATS.map(({ name }) => name);
		for (const name of names) {
			assert.equal(isResultFormat(name), true);
			assert.equal(printsExchanges(name), name === 'har', name);
			assert.equal(isAligned(name), name === 'table' || name === 'box', name);
		}
		assert.equal(isResultFormat('tables'), false);
		for (const { name } of ROW_FORMATS) {
			const writer = createResultWriter(name, people.columns, options);
			const plain = createRowWriter(name, people.columns);
			assert.equal(
				writer.begin() + writer.rows(people.rows) + writer.end(),
				plain.begin() + plain.rows(people.rows) + plain.end(),
			);
		}
		assert.match(createResultWriter('html', people.columns, options).begin(), /^<!DOCTYPE html>/);
		assert.match(createResultWriter('sql', people.columns, options).begin(), /^CREATE TABLE/m);
		assert.match(String(createExchangeWriter('har', options).begin()), /^\{"log":/);
		const redacting = RESULT_FORMATS.filter(({ redacts }) => redacts).map(({ name }) => name);
		assert.deepEqual(redacting, ['html', 'har']);
	});
});

describe('colours', () => {
	it('dim NULL, so that the text NULL looks different', () => {
		const text = format('table', oneColumn([null, 'NULL']), { theme: createTheme(true) });
		assert.ok(text.includes(' \x1b[2mNULL\x1b[22m\n NULL\n'));
	});

	it('differ on a light background, and are absent if the user or the terminal wants none', () => {
		const codes = (theme: Theme) =>
			[theme.warning('x'), theme.hint('x'), theme.status(302, 'x'), theme.status(404, 'x'), theme.status(200, 'x')].map(
				(text) => text.replace('\x1b[39m', ''),
			);
		const dark = createTheme(true);
		assert.deepEqual(codes(dark), ['\x1b[33mx', '\x1b[36mx', '\x1b[36mx', '\x1b[33mx', '\x1b[32mx']);
		const light = ['\x1b[35mx', '\x1b[34mx', '\x1b[34mx', '\x1b[35mx', '\x1b[32mx'];
		assert.deepEqual(codes(themeOn('light', dark)), light);
		assert.deepEqual(codes(themeOn('dark', themeOn('light', dark))), codes(dark));
		const none = ['x', 'x', 'x', 'x', 'x'];
		assert.deepEqual(codes(themeOn('none', dark)), none);
		assert.deepEqual(codes(themeOn('light', createTheme(false))), none);
	});

	it('are used on a terminal unless something disables them', () => {
		const terminal = { isTTY: true };
		assert.equal(wantsColor(terminal, {}), true);
		assert.equal(wantsColor({}, {}), false);
		assert.equal(wantsColor(terminal, { NO_COLOR: '1' }), false);
		assert.equal(wantsColor(terminal, { NO_COLOR: '' }), true);
		assert.equal(wantsColor(terminal, {}, false), false);
		assert.equal(wantsColor({}, {}, true), true);
		assert.equal(wantsColor(terminal, { NO_COLOR: '1' }, true), false);
		assert.equal(wantsColor(terminal, { TERM: 'dumb' }), false);
		assert.equal(wantsColor({}, { FORCE_COLOR: '1' }), true);
		assert.equal(wantsColor(terminal, { FORCE_COLOR: '0' }), false);
		assert.equal(wantsColor(terminal, { FORCE_COLOR: 'false' }), false);
		assert.equal(wantsColor({}, { FORCE_COLOR: '' }), true);
	});

	it('show the class of a status, and are absent from plain output', () => {
		const { status } = createTheme(true);
		for (const [from, to, code] of [
			[100, 199, 2],
			[200, 299, 32],
			[300, 399, 36],
			[400, 499, 33],
			[500, 599, 31],
		] as const)
			for (const each of [from, to]) assert.ok(status(each, 'x').startsWith(`\x1b[${code}mx\x1b[`), String(each));
		const painted = (colors: boolean) => {
			const { status: _, ...others } = createTheme(colors);
			return Object.values(others).map((paint) => paint('x'));
		};
		assert.deepEqual([...new Set(painted(false)), createTheme(false).status(500, 'x')], ['x', 'x']);
		assert.ok(painted(true).every((text) => /^\x1b\[\d+mx\x1b\[\d+m$/.test(text)));
	});
});
