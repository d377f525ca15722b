// npm run picture: writes docs/session.svg, the picture in README.md, from a real session in tmux over the bundled recording.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import stringWidth from 'string-width';

const ROOT = join(import.meta.dirname, '..');
const COLUMNS = 104;
const ROWS = 30;
const CELL = { width: 8.4, height: 18 };
const MARGIN = 14;

/** What is typed, and a text that its result shows. */
const TYPED: readonly (readonly [line: string, shown: string])[] = [
	["SELECT method, path, status, via, res_body_note FROM exchanges WHERE via = 'sendfile';", '3 rows'],
	['SELECT host, path, count(*) AS n, round(p95(duration_ms), 1) AS p95_ms', '\n...'],
	["FROM exchanges WHERE side = 'server' GROUP BY ALL ORDER BY p95_ms DESC LIMIT 5;", '5 rows'],
	['.run errors', '/api/broken'],
];

const NAMED = ['#3b4252', '#e06c75', '#98c379', '#e5c07b', '#61afef', '#c678dd', '#56b6c2', '#d8dee9'];
const BRIGHT = ['#7f8796', '#ff7b86', '#b5e890', '#ffd98f', '#82c4ff', '#dd98f0', '#7fdde6', '#ffffff'];

type Style = { color: string; bold: boolean; dim: boolean };
const PLAIN: Style = { color: '#d8dee9', bold: false, dim: false };

const session = `tinytap-picture-${process.pid}`;
const tmux = (...args: string[]) => execFileSync('tmux', ['-L', session, ...args], { encoding: 'utf8' });
const screen = () => tmux('capture-pane', '-p', '-t', session);

async function shows(text: string, times: number): Promise<void> {
	for (const end = Date.now() + 60_000; Date.now() < end; ) {
		if (screen().split(text).length - 1 > times) return;
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
	throw new Error(`expected ${JSON.stringify(text)} on the screen, got:\n${screen()}`);
}

async function recorded(): Promise<string> {
	const program = `env -u NO_COLOR COLORTERM=truecolor HOME=/nonexistent ${join(ROOT, 'bin/tinytap')} --replay demo`;
	tmux('-f', '/dev/null', 'new-session', '-d', '-s', session, '-x', String(COLUMNS), '-y', String(ROWS + 20), program);
	try {
		await shows('tinytap (demo)>', 0);
		for (const [line, shown] of TYPED) {
			const before = screen().split(shown).length - 1;
			// tmux takes a semicolon at the end for the end of its own command.
			tmux('send-keys', '-t', session, '-l', line.replace(/;$/, '\\;'));
			tmux('send-keys', '-t', session, 'Enter');
			await shows(shown, before);
		}
		return tmux('capture-pane', '-p', '-e', '-t', session).trimEnd();
	} finally {
		tmux('kill-server');
	}
}

/** Runs of text in one style. */
function runsOf(line: string): { text: string; style: Style }[] {
	const runs: { text: string; style: Style }[] = [];
	let style = PLAIN;
	for (const [, codes, text] of line.matchAll(/(?:\x1b\[([\d;]*)m)?([^\x1b]*)/g)) {
		if (codes !== undefined) style = styled(style, codes === '' ? [0] : codes.split(';').map(Number));
		if (text !== undefined && text !== '') runs.push({ text, style });
	}
	return runs;
}

function styled(before: Style, codes: readonly number[]): Style {
	let style = before;
	for (let i = 0; i < codes.length; i++) {
		const code = codes[i]!;
		if (code === 0) style = PLAIN;
		else if (code === 1) style = { ...style, bold: true };
		else if (code === 2) style = { ...style, dim: true };
		else if (code === 22) style = { ...style, bold: false, dim: false };
		else if (code === 39) style = { ...style, color: PLAIN.color };
		else if (code >= 30 && code <= 37) style = { ...style, color: NAMED[code - 30]! };
		else if (code >= 90 && code <= 97) style = { ...style, color: BRIGHT[code - 90]! };
		else if (code === 38 && codes[i + 1] === 2) {
			style = { ...style, color: `rgb(${codes.slice(i + 2, i + 5).join(',')})` };
			i += 4;
		} else if (code === 38 && codes[i + 1] === 5) {
			style = { ...style, color: indexed(codes[i + 2]!) };
			i += 2;
		}
	}
	return style;
}

/** A colour of the 256. */
function indexed(index: number): string {
	if (index < 8) return NAMED[index]!;
	if (index < 16) return BRIGHT[index - 8]!;
	if (index >= 232) return `rgb(${Array(3).fill(8 + (index - 232) * 10)})`;
	const level = (value: number) => (value === 0 ? 0 : 55 + value * 40);
	return `rgb(${[Math.floor((index - 16) / 36), Math.floor((index - 16) / 6) % 6, (index - 16) % 6].map(level)})`;
}

function picture(text: string): string {
	const lines = text.split('\n');
	const width = COLUMNS * CELL.width + 2 * MARGIN;
	const height = lines.length * CELL.height + 2 * MARGIN;
	const rows = lines.map((line, row) => {
		let column = 0;
		const spans = runsOf(line).map(({ text: run, style }) => {
			const x = MARGIN + column * CELL.width;
			const cells = stringWidth(run);
			column += cells;
			if (run.trim() === '') return '';
			const weight = style.bold ? ' font-weight="bold"' : '';
			const opacity = style.dim ? ' opacity="0.6"' : '';
			return `<tspan x="${x.toFixed(1)}" textLength="${(cells * CELL.width).toFixed(1)}" fill="${style.color}"${weight}${opacity}>${escaped(run)}</tspan>`;
		});
		return `<text y="${MARGIN + row * CELL.height + 13}">${spans.join('')}</text>\n`;
	});
	return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width.toFixed(0)} ${height}" width="${width.toFixed(0)}" height="${height}" font-family="ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" xml:space="preserve">
<rect width="100%" height="100%" rx="8" fill="#1e222a"/>
${rows.join('')}</svg>
`;
}

function escaped(text: string): string {
	return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

writeFileSync(join(ROOT, 'docs/session.svg'), picture(await recorded()));
