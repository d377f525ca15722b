// Judges the stories of a corpus of header blocks (JSON: `cases` with `wire` in hex and `headers`): each is a connection on
// which every block is the head of a request. Each is also read from each of several places in its middle, and with a
// block missing: fields may be unknown then, but none may be wrong.
import { readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { FLAG_MIDSTREAM } from '../../decoder-as/assembly/wire/capture-event.ts';
import { decodeRecords, type ExchangeRow } from '../decoded-rows.ts';
import { END_HEADERS, END_STREAM, frame, PREFACE, settings } from '../http2-frames.ts';
import { Tape } from '../record-builder.ts';

type Story = {
	readonly cases: readonly { readonly wire: string; readonly headers: readonly Readonly<Record<string, string>>[] }[];
};
type Fields = readonly string[];
type Outcome = { readonly name: string; readonly got: string; readonly want: string; readonly why?: string };

/** Blocks after a start in the middle for which the known fields are counted. */
const COUNTED_AFTER = [1, 5, 10];
const FRAME_MOST = 16384;

export function judgeHpackStories(paths: readonly string[]): Outcome[] {
	const stories = paths.filter((path) => /story_\d+\.json$/.test(path));
	const encoders = new Map<string, string[]>();
	for (const path of stories) {
		const encoder = basename(dirname(path));
		encoders.set(encoder, [...(encoders.get(encoder) ?? []), path]);
	}
	const all = { blocks: 0, right: 0, wrong: 0, known: COUNTED_AFTER.map(() => [0, 0]) };
	const outcomes = [...encoders].map(([encoder, files]) => {
		let [blocks, right, wrong] = [0, 0, 0];
		const known = COUNTED_AFTER.map(() => [0, 0]);
		for (const file of files) {
			const story = JSON.parse(readFileSync(file, 'utf8')) as Story;
			const rows = rowsOf(story, 0, false);
			blocks += story.cases.length;
			right += story.cases.filter((_, index) => equal(rows.get(index), expected(story, index))).length;
			const starts = [1, 2, 3].map((part) => Math.floor((story.cases.length * part) / 4));
			for (const { start, missing } of starts.flatMap((at) => [
				{ start: at, missing: false },
				{ start: at, missing: true },
			])) {
				const later = rowsOf(story, start, missing);
				for (const [index, got] of later) {
					const want = [...expected(story, index)];
					for (const field of got) {
						const place = want.indexOf(field);
						if (place < 0) wrong++;
						else want.splice(place, 1);
					}
					if (missing) continue;
					const counted = COUNTED_AFTER.indexOf(index - start + 1);
					if (counted < 0) continue;
					known[counted]![0]! += got.length;
					known[counted]![1]! += expected(story, index).length;
				}
			}
		}
		all.blocks += blocks;
		all.right += right;
		all.wrong += wrong;
		for (const [i, [got, want]] of known.entries()) {
			all.known[i]![0]! += got!;
			all.known[i]![1]! += want!;
		}
		return outcome(encoder, blocks, right, wrong, known);
	});
	return encoders.size === 0 ? [] : [...outcomes, outcome('all', all.blocks, all.right, all.wrong, all.known)];
}

function outcome(name: string, blocks: number, right: number, wrong: number, known: number[][]): Outcome {
	const shares = known.map(([got, want]) => `${((100 * got!) / want!).toFixed(1)} %`).join(', ');
	return {
		name: `hpack ${name} (after a start in the middle, known in blocks ${COUNTED_AFTER.join(', ')}: ${shares})`,
		got: `${right} right, ${wrong} wrong`,
		want: `${blocks} right, 0 wrong`,
	};
}

/** What is visible of a block: the fields without `:scheme`. */
function expected(story: Story, index: number): Fields {
	return story.cases[index]!.headers.flatMap((field) => Object.entries(field))
		.filter(([name]) => name !== ':scheme')
		.map(([name, value]) => `${name}: ${Buffer.from(value, 'utf8').toString('latin1')}`);
}

/** The fields of each block from `start` on, by its number. `missing`: the block `start` is lost instead. */
function rowsOf(story: Story, start: number, missing: boolean): Map<number, Fields> {
	const tape = new Tape();
	const middle = start !== 0 && !missing;
	const server = tape.server(1, middle ? { flags: FLAG_MIDSTREAM } : {}).open();
	if (middle) {
		// Two calls that begin like frames.
		server.in(frame('windowUpdate', 0, Uint8Array.of(0, 0, 1, 0)));
	} else {
		server.in(PREFACE).in(settings()).out(settings());
	}
	for (let index = middle ? start : 0; index < story.cases.length; index++) {
		const block = Buffer.from(story.cases[index]!.wire, 'hex');
		const id = index * 2 + 1;
		const frames: Uint8Array[] = [];
		for (let at = 0; at === 0 || at < block.length; at += FRAME_MOST) {
			const part = block.subarray(at, at + FRAME_MOST);
			const flags = (at === 0 ? END_STREAM : 0) | (at + FRAME_MOST >= block.length ? END_HEADERS : 0);
			frames.push(frame(at === 0 ? 'headers' : 'continuation', id, part, flags));
		}
		const bytes = Buffer.concat(frames);
		if (missing && index === start) server.inOffset += BigInt(bytes.length);
		else server.in(bytes);
	}
	server.close();
	const rows = decodeRecords(tape.records).exchanges;
	return new Map(rows.map((row) => [(row.streamId - 1) / 2, fieldsOf(row)]));
}

function fieldsOf(row: ExchangeRow): Fields {
	return [
		...(row.method === null ? [] : [`:method: ${row.method}`]),
		...(row.host === null || row.reqHeaders.some(({ name }) => name === 'host') ? [] : [`:authority: ${row.host}`]),
		...(row.target === null ? [] : [`:path: ${row.target}`]),
		...row.reqHeaders.map(({ name, value }) => `${name}: ${value}`),
	];
}

function equal(got: Fields | undefined, want: Fields): boolean {
	return got !== undefined && got.toSorted().join('\n') === want.toSorted().join('\n');
}
