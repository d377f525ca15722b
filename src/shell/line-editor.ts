// Line editing, history and search of node:repl, and nothing else of it: its evaluation and its commands, which write and
// read files, are gone. A line that was typed is told to `onLine`.
import { type REPLServer, type ReplOptions, start } from 'node:repl';
import type { Completed } from './completion.ts';

/** What readline keeps but its types do not name. */
type ReadlineState = {
	history: string[];
	prevRows: number;
	isCompletionEnabled: boolean;
	_insertString(text: string): void;
	_refreshLine(): void;
	_ttyWrite(text: string | undefined, key: unknown): void;
};

export type LineEditor = REPLServer & ReadlineState;

export type LineEditorParts = {
	readonly historySize: number;
	readonly complete: () => Completed;
	readonly onLine: (line: string) => void;
	readonly onInterrupt: () => void;
};

export function openLineEditor({ historySize, complete, onLine, onInterrupt }: LineEditorParts): LineEditor {
	const editor = start({
		prompt: '',
		input: process.stdin,
		output: process.stdout,
		terminal: true,
		preview: false,
		historySize,
		completer: complete,
		// node:repl passes what readline knows on to it, though its types do not say so.
	} as ReplOptions) as LineEditor;
	for (const name of Object.keys(editor.commands)) delete (editor.commands as Record<string, unknown>)[name];
	editor.removeAllListeners('line');
	editor.on('line', onLine);
	editor.removeAllListeners('SIGINT');
	editor.on('SIGINT', onInterrupt);
	insertWhereTheCursorIs(editor);
	return editor;
}

/**
 * Of several characters that arrive at once readline puts all but the last at the end of the line, wherever the cursor
 * is. The line is drawn once for all of them.
 */
function insertWhereTheCursorIs(editor: LineEditor): void {
	const insert = editor._insertString.bind(editor);
	const refresh = editor._refreshLine.bind(editor);
	const write = editor._ttyWrite.bind(editor);
	let isStale = false;
	const draw = () => {
		if (!isStale) return;
		isStale = false;
		refresh();
	};
	editor._insertString = (text) => {
		if (editor.cursor >= editor.line.length) {
			draw();
			insert(text);
			return;
		}
		const { isCompletionEnabled } = editor;
		editor.isCompletionEnabled = true;
		editor._refreshLine = () => {
			isStale = true;
		};
		try {
			insert(text);
		} finally {
			editor.isCompletionEnabled = isCompletionEnabled;
			editor._refreshLine = refresh;
		}
		if (isCompletionEnabled) draw();
		else setImmediate(draw);
	};
	editor._ttyWrite = (text, key) => {
		// Whatever is no text finds the line as it is.
		if (text === undefined || text < ' ') draw();
		write(text, key);
	};
}
