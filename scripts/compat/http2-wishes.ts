// What clients ask of servers over HTTP/2, and what each says about it: an id and sizes, in fields and in the body.
import { BODIES } from './bodies.ts';

/** One request, and the answer to it. */
export type Wish = {
	readonly id: string;
	/** With its query. */
	readonly path: string;
	/** Bytes of the request's body. */
	readonly sends: number;
	/** Bytes of a long field of the request, so that its head takes several frames. */
	readonly field: number;
	/** The response's body. */
	readonly wants: Buffer;
	/** The interim responses. */
	readonly interim: readonly number[];
	/** The id of a response that is pushed along. */
	readonly pushes: string | undefined;
	readonly trailer: boolean;
};

/** Numbered lines with the id, cut to `size` bytes: the same in every program of the fixtures. */
export function content(id: string, size: number): Buffer {
	const lines: string[] = [];
	for (let length = 0, line = 0; length < size; line++) {
		lines.push(`${id} ${line}\n`);
		length += lines[line]!.length;
	}
	return Buffer.from(lines.join('').slice(0, size));
}

const NOTHING = { sends: 0, field: 0, interim: [], pushes: undefined, trailer: false } as const;

/** Sizes at the edges of frames and windows. */
const SIZES = [0, 1, 200, 16_384, 16_385, 51_200, 65_535, 65_536, 300_000];

/** Requests to a program of ours, which answers `/body/ID?size=N`. */
export function programWishes(does: {
	readonly interim: boolean;
	readonly push: boolean;
	readonly trailer: boolean;
}): Wish[] {
	const wishes: Wish[] = [];
	for (const [i, wants] of SIZES.entries()) wishes.push(programWish(`get${i}`, wants));
	for (const [i, sends] of SIZES.entries())
		wishes.push({ ...programWish(`post${i}`, 100 + i), sends: Math.max(sends, 1) });
	for (let i = 0; i < 20; i++) wishes.push({ ...programWish(`both${i}`, i * 3001), sends: 1 + ((i * 1009) % 20_000) });
	wishes.push({ ...programWish('long', 100), field: 20_000 });
	if (does.trailer) wishes.push({ ...programWish('trailer', 20_000, '&trailer'), trailer: true });
	if (does.interim) wishes.push({ ...programWish('hint', 500, '&hint'), interim: [103] });
	if (does.push) wishes.push({ ...programWish('pushing', 500, '&push=pushed'), pushes: 'pushed' });
	return wishes;
}

function programWish(id: string, size: number, more = ''): Wish {
	return { ...NOTHING, id, path: `/body/${id}?size=${size}${more}`, wants: content(id, size) };
}

/** The request that a push promises. */
export function pushedWish(id: string): Wish {
	return programWish(id, 300);
}

/** Requests for the known bodies, of a server of files. `times`: how often each is requested. */
export function fileWishes(times: number): Wish[] {
	return BODIES.filter(({ bytes }) => bytes.length < 1_000_000).flatMap(({ name, bytes }) =>
		Array.from({ length: times }, (_, i) => {
			const id = `${name.replace('.', '')}-${i}`;
			return { ...NOTHING, id, path: `/${name}?case=${id}`, wants: bytes };
		}),
	);
}
