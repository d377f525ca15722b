// Typing at the prompt, mostly over the bundled recording.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTerminal, PROMPT, type Terminal } from './terminal.ts';
import { CLI, TINYTAP } from './tinytap.ts';

/** The bundled recording, and the command that opens it. */
export const DEMO = join(CLI, '../../recordings/demo.tinytap');
export const SHELL = `${TINYTAP.join(' ')} --replay ${DEMO}`;

export type Size = { readonly columns: number; readonly rows: number };

/** Runs `work` at the prompt of `shell`. */
export type AtPrompt = (
	work: (terminal: Terminal) => Promise<void>,
	ways?: Partial<Size> & { readonly shell?: string },
) => Promise<void>;

/** The terminals have this size unless a test says otherwise. */
export function promptOf(size: Size): AtPrompt {
	return async (work, { shell = SHELL, columns = size.columns, rows = size.rows } = {}) => {
		const terminal = await openTerminal(shell, { columns, rows });
		try {
			await terminal.shows(PROMPT);
			await work(terminal);
		} finally {
			await terminal.close();
		}
	};
}

/** Types lines and ends each with Enter. */
export async function enter(terminal: Terminal, ...lines: string[]): Promise<void> {
	for (const line of lines) {
		if (line !== '') await terminal.type(line);
		await terminal.press('Enter');
	}
}

export type Typing = {
	readonly terminal: Terminal;
	/** Types lines and ends each with Enter. */
	readonly enter: (...lines: string[]) => Promise<void>;
	readonly press: (...keys: string[]) => Promise<void>;
	/** A pattern that matches the prompt followed by this text. */
	readonly line: (text: string) => RegExp;
	/** The directory of the history. */
	readonly state: string;
};

export type TypingOptions = {
	readonly columns?: number;
	readonly rows?: number;
	/** Further arguments of the command line. */
	readonly options?: string;
	/** Variable assignments before the command. */
	readonly env?: string;
	/** The history directory of an earlier session. */
	readonly state?: string;
};

/** Runs `work` at a prompt with its own history, in a terminal of 100 columns and 50 rows. */
export async function withTerminal(
	work: (typing: Typing) => Promise<void>,
	{ columns = 100, rows = 50, options = '', env = '', state }: TypingOptions = {},
): Promise<void> {
	const own = state ?? mkdtempSync(join(tmpdir(), 'tinytap-typing-'));
	const shell = `env XDG_STATE_HOME=${own} ${env} ${SHELL} ${options}`;
	try {
		await promptOf({ columns, rows })(
			async (terminal) =>
				await work({
					terminal,
					enter: async (...lines) => await enter(terminal, ...lines),
					press: async (...keys) => {
						for (const key of keys) await terminal.press(key);
					},
					line: (text) => new RegExp(`^tinytap \\(demo\\.tinytap\\)> ${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`),
					state: own,
				}),
			{ shell },
		);
	} finally {
		if (state === undefined) rmSync(own, { recursive: true });
	}
}
