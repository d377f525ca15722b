// `.chart` on a terminal: it fits, its numbers are those of the query, and hostile names stay text.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withTerminal } from '../../support/typing.ts';

for (const [columns, rows] of [
	[80, 24],
	[40, 12],
	[160, 50],
] as const) {
	test(`charts fit the screen and have the numbers of the query, ${columns}×${rows}`, async () => {
		await withTerminal(
			async ({ terminal, enter }) => {
				await enter('.chart SELECT host, count(*) AS n FROM exchanges GROUP BY host;');
				const bars = await terminal.shows(/│█+ 24\n/);
				assert.match(bars, /^127\.0\.0\.1:8180 │█+ 32$/m);
				await enter('.chart SELECT ts, duration_ms FROM exchanges');
				const line = await terminal.shows(/min 0\.031797,\s+max 351\.221,\s+last 0\.269039/);
				const drawn = line.split('\n').filter((each) => / │/.test(each) && !/█/.test(each));
				assert.ok(drawn.length >= 4 && drawn.length < rows, `${drawn.length} lines`);
				await enter('.set unicode off');
				await enter('SELECT duration_ms FROM exchanges \\chart histogram');
				const histogram = await terminal.shows(/^ *\S+ to \S+ \|#* \d+$/m);
				const counts = [...histogram.matchAll(/ (?:below|to) \S+ \|#* (\d+)$/gm)].map(([, count]) => Number(count));
				assert.equal(
					counts.reduce((sum, count) => sum + count, 0),
					56,
				);
			},
			{ columns, rows },
		);
	});
}
