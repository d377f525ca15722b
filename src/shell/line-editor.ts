// The line editor, history and search of node:repl, without its evaluation and its commands, which can read and write
// files. `onLine` is called with each typed line.
import { type REPLServer, type ReplOptions, start } from 'node:repl';
import { standardOutput } from '../output/output-stream.ts';
import type { Completed } from './completion.ts';
import { restoreOnSignals } from './raw-terminal.ts';

/** State of readline that its types do not declare. */
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
	/** Gets several lines if an entry of several lines was recalled. */
	readonly onLine: (text: string) => void;
	readonly onInterrupt: () => void;
};

export function openLineEditor({ historySize, complete, onLine, onInterrupt }: LineEditorParts): LineEditor {
	restoreOnSignals();
	const editor = start({
		prompt: '',
		input: process.stdin,
		output: standardOutput() as unknown as NodeJS.WritableStream,
		terminal: true,
		preview: false,
		historySize,
		completer: complete,
		// node:repl passes these options on to readline, although its types do not declare them.
	} as ReplOptions) as LineEditor;
	for (const name of Object.keys(editor.commands)) delete (editor.commands as Record<string, unknown>)[name];
	editor.removeAllListeners('line');
	// Since Node 24, a recalled text of several lines has CRs between them.
	editor.on('line', (line) => onLine(line.replaceAll('\r', '\n')));
	editor.removeAllListeners('SIGINT');
	editor.on('SIGINT', onInterrupt);
	insertWhereTheCursorIs(editor);
	return editor;
}

/**
 * If several characters arrive at once, readline puts all but the last at the end of the line, wherever the cursor is. This
 * inserts them at the cursor and draws the line once.
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
		// Any other key needs the line up to date.
		if (text === undefined || text < ' ') draw();
		write(text, key);
	};
}
