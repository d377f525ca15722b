// Typing at the prompt over the bundled recording, with a history of its own.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTerminal, PROMPT, type Terminal } from './terminal.ts';
import { CLI, TINYTAP } from './tinytap.ts';

const DEMO = join(CLI, '../../recordings/demo.tinytap');

export type Typing = {
	readonly terminal: Terminal;
	/** Types lines and ends each with Enter. */
	readonly enter: (...lines: string[]) => Promise<void>;
	readonly press: (...keys: string[]) => Promise<void>;
	/** A pattern of the prompt with this text. */
	readonly line: (text: string) => RegExp;
	/** The directory of the history. */
	readonly state: string;
};

export type TypingOptions = {
	readonly columns?: number;
	readonly rows?: number;
	/** Further words of the command line. */
	readonly options?: string;
	/** Assignments before it. */
	readonly env?: string;
	/** Of an earlier session. */
	readonly state?: string;
};

/** Runs `work` at a prompt in a terminal of 100 columns and 50 rows. */
export async function withTerminal(
	work: (typing: Typing) => Promise<void>,
	{ columns = 100, rows = 50, options = '', env = '', state }: TypingOptions = {},
): Promise<void> {
	const own = state ?? mkdtempSync(join(tmpdir(), 'tinytap-typing-'));
	const command = `env XDG_STATE_HOME=${own} ${env} ${TINYTAP.join(' ')} --replay ${DEMO} ${options}`;
	const terminal = await openTerminal(command, { columns, rows });
	try {
		await terminal.shows(PROMPT);
		await work({
			terminal,
			enter: async (...lines) => {
				for (const line of lines) {
					await terminal.type(line);
					await terminal.press('Enter');
				}
			},
			press: async (...keys) => {
				for (const key of keys) await terminal.press(key);
			},
			line: (text) => new RegExp(`^tinytap \\(demo\\.tinytap\\)> ${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`),
			state: own,
		});
	} finally {
		await terminal.close();
		if (state === undefined) rmSync(own, { recursive: true });
	}
}
