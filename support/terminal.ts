// A real terminal: tmux runs the program, and a test types keys and reads the screen.
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { eventually } from './eventually.ts';
import { TEST_HOME } from './tinytap.ts';

const run = promisify(execFile);

/** The prompt, whatever it says about the capture. */
export const PROMPT = /tinytap\*?(?: \([^()\n]*\))*>/;

export type Terminal = {
	/** Types text literally. */
	readonly type: (text: string) => Promise<void>;
	/** Presses a key by tmux's name for it: Enter, C-c, C-d, Up, Tab. */
	readonly press: (key: string) => Promise<void>;
	/** Pastes text as a terminal does: between the marks of bracketed paste if the program has asked for them. */
	readonly paste: (text: string) => Promise<void>;
	/** The text of the screen, including what has scrolled off. */
	readonly screen: () => Promise<string>;
	/** The visible lines with their colours, as escape sequences. */
	readonly painted: () => Promise<string>;
	/** Resolves with the screen when it shows `text` at least `times` times. */
	readonly shows: (text: string | RegExp, times?: number) => Promise<string>;
	/** Whether the cursor is visible, and whether a program has switched to the alternate screen. */
	readonly modes: () => Promise<{ cursor: boolean; alternate: boolean }>;
	/** Changes the size of the screen. */
	readonly resize: (columns: number, rows: number) => Promise<void>;
	readonly close: () => Promise<void>;
};

let terminals = 0;

/** Opens a terminal that runs `command` (as a shell would split it). */
export async function openTerminal(
	command: string,
	size: { columns: number; rows: number } = { columns: 180, rows: 50 },
): Promise<Terminal> {
	const name = `tinytap-test-${process.pid}-${terminals++}`;
	const tmux = (...args: string[]) => run('tmux', ['-L', name, ...args]);
	execFileSync('tmux', [
		'-L',
		name,
		'-f',
		'/dev/null',
		'new-session',
		'-d',
		'-s',
		'main',
		'-x',
		String(size.columns),
		'-y',
		String(size.rows),
		`env HOME=${TEST_HOME} XDG_DATA_HOME= XDG_STATE_HOME= XDG_CONFIG_HOME= TERM=screen-256color ${command}; echo "[ended $?]"; exec sleep 1000`,
	]);
	const screen = async () => {
		const { stdout } = await tmux('capture-pane', '-p', '-J', '-S', '-2000', '-t', 'main');
		// Cells that were written and erased again are spaces to tmux.
		return stdout.replace(/ +$/gm, '');
	};
	const count = (text: string, wanted: string | RegExp) =>
		typeof wanted === 'string' ? text.split(wanted).length - 1 : [...text.matchAll(new RegExp(wanted, 'gm'))].length;
	return {
		type: async (text) => {
			// tmux takes a `;` at the end of a word as the end of its own command.
			await tmux('send-keys', '-t', 'main', '-l', text.replace(/;$/, '\\;'));
		},
		press: async (key) => {
			await tmux('send-keys', '-t', 'main', key);
		},
		paste: async (text) => {
			const loading = run('tmux', ['-L', name, 'load-buffer', '-']);
			loading.child.stdin?.end(text);
			await loading;
			await tmux('paste-buffer', '-p', '-r', '-d', '-t', 'main');
		},
		screen,
		painted: async () => (await tmux('capture-pane', '-p', '-e', '-t', 'main')).stdout,
		shows: async (text, times = 1) => {
			let last = '';
			return await eventually(
				async () => {
					last = await screen();
					return count(last, text) >= times ? last : undefined;
				},
				() => `the screen does not show ${String(text)} ${times} times:\n${last}`,
			);
		},
		modes: async () => {
			const { stdout } = await tmux('display-message', '-p', '-t', 'main', '#{cursor_flag}#{alternate_on}');
			return { cursor: stdout[0] === '1', alternate: stdout[1] === '1' };
		},
		resize: async (columns, rows) => {
			await tmux('resize-window', '-t', 'main', '-x', String(columns), '-y', String(rows));
		},
		close: async () => {
			await tmux('kill-server');
		},
	};
}
