// Finds the parts of Markdown that can be checked: links, headings, code blocks, commands.

export type Link = { readonly line: number; readonly target: string };

/** Targets of inline links and images, outside code. */
export function linksOf(text: string): Link[] {
	return withoutBlocks(text).flatMap((line, index) =>
		[...line.replace(/`[^`]*`/g, '').matchAll(/\]\(([^)\s]+)(?: "[^"]*")?\)/g)].map((match) => ({
			line: index + 1,
			target: match[1]!,
		})),
	);
}

/** Paths in backticks that begin with one of the repository's folders: `src/cli.ts`, `docs/`, but not `docs/NAME.md`. */
export function pathsOf(text: string, folders: readonly string[]): Link[] {
	return withoutBlocks(text).flatMap((line, index) =>
		[...line.matchAll(/`([\w.-]+\/[\w./-]*)`/g)]
			.filter(
				([, path]) =>
					folders.includes(path!.split('/')[0]!) &&
					!/\b[A-Z]{3,}\b(?=\.|-|$)/.test(path!.replace(/README|SECURITY/, '')),
			)
			.map((match) => ({ line: index + 1, target: match[1]! })),
	);
}

/** Names and the file they are said to be in, from phrases such as `name`, `other` in `path/file.ts`. */
export function namesInFiles(text: string): { readonly name: string; readonly path: string }[] {
	return text.split(/[|;:\n]/).flatMap((phrase) => {
		let from = 0;
		return [...phrase.matchAll(/,? in `([^`]+)`/g)].flatMap(({ 0: place, 1: path, index }) => {
			const names = phrase.slice(from, index).matchAll(/`(\w+)`/g);
			from = index + place.length;
			return [...names].map(([, name]) => ({ name: name!, path: path! }));
		});
	});
}

/** The anchors of a file's headings, as GitHub generates them. */
export function anchorsOf(text: string): Set<string> {
	const anchors = new Set<string>();
	for (const line of withoutBlocks(text)) {
		const heading = /^#{1,6} +(.*?)(?: +#+)?$/.exec(line)?.[1];
		if (heading === undefined) continue;
		const name = heading
			.replace(/\]\([^)]*\)/g, '')
			.toLowerCase()
			.replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
			.replaceAll(' ', '-');
		let anchor = name;
		for (let count = 1; anchors.has(anchor); count++) anchor = `${name}-${count}`;
		anchors.add(anchor);
	}
	return anchors;
}

export type Block = { readonly line: number; readonly lines: readonly string[] };

/** Fenced code blocks of a language, with the line number of their first line. */
export function codeBlocks(text: string, language = ''): Block[] {
	const blocks: Block[] = [];
	const lines = text.split('\n');
	for (let at = 0; at < lines.length; at++) {
		const fence = /^```(\w*)$/.exec(lines[at]!);
		if (fence === null) continue;
		const end = lines.indexOf('```', at + 1);
		if (end < 0) throw new Error(`line ${at + 1}: a code block without an end`);
		if (fence[1] === language) blocks.push({ line: at + 2, lines: lines.slice(at + 1, end) });
		at = end;
	}
	return blocks;
}

/** Splits a command line into words as a shell does; # begins a comment. */
export function shellWords(command: string): string[] {
	const words = [...command.matchAll(/\s*(?:(#.*)|((?:[^\s"'#]|"[^"]*"|'[^']*')(?:[^\s"']|"[^"]*"|'[^']*')*))/g)];
	return words.flatMap(([, , word]) => (word === undefined ? [] : [word.replace(/"([^"]*)"|'([^']*)'/g, '$1$2')]));
}

/** A session at the prompt: what is typed, and what is printed before the next prompt. */
export type Exchange = { readonly line: number; readonly typed: string; readonly printed: string };

export function sessionOf({ line, lines }: Block): Exchange[] {
	const session: { line: number; typed: string[]; printed: string[] }[] = [];
	for (const [index, text] of lines.entries()) {
		const last = session.at(-1);
		const typed = /^tinytap\*?(?: \([^()]*\))*> (.*)$/.exec(text)?.[1];
		if (typed !== undefined) session.push({ line: line + index, typed: [typed], printed: [] });
		else if (text.startsWith('... ') && last?.printed.length === 0) last.typed.push(text.slice(4));
		else last?.printed.push(text);
	}
	return session.map((said) => ({ line: said.line, typed: said.typed.join('\n'), printed: said.printed.join('\n') }));
}

/** All lines, with those of code blocks emptied. */
function withoutBlocks(text: string): string[] {
	let inside = false;
	return text.split('\n').map((line) => {
		if (!line.startsWith('```')) return inside ? '' : line;
		inside = !inside;
		return '';
	});
}
