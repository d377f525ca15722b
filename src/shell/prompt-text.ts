// The text of the prompt: the source of the rows, and whether anything needs attention.
import { basename } from 'node:path';
import { cellForTerminal } from '../output/terminal-text.ts';
import type { Theme } from '../output/theme.ts';

export type PromptFacts = {
	readonly theme: Theme;
	/** The process still has root privileges. */
	readonly isRoot: boolean;
	/** There is loss that the user has not been told about. */
	readonly hasNewLoss: boolean;
	readonly isPaused: boolean;
	/** The rows may hold plaintext of TLS. */
	readonly holdsTls: boolean;
	/** Path of the recording that is read; undefined if this is a live capture. */
	readonly recording: string | undefined;
	/** The host of the store that is asked. */
	readonly store?: string | undefined;
};

/** Maximum width of a recording's name. */
const NAME_COLUMNS = 24;

/** `tinytap> `, `tinytap*> `, `tinytap (paused)> `, `tinytap (tls)> `, `tinytap (demo.tinytap)> `, `tinytap (store:8123)> `. */
export function promptText({ theme, isRoot, hasNewLoss, isPaused, holdsTls, recording, store }: PromptFacts): string {
	const star = hasNewLoss ? theme.loss('*') : '';
	const root = isRoot ? theme.loss(' (root)') : '';
	const source = store ?? (recording === undefined ? undefined : basename(recording));
	const name = source === undefined ? '' : ` (${cellForTerminal(source, NAME_COLUMNS)})`;
	return `${theme.prompt('tinytap')}${star}${root}${holdsTls ? ' (tls)' : ''}${isPaused ? ' (paused)' : ''}${name}${theme.prompt('>')} `;
}
