// Keys for something else than the line editor.

/** A key as Node's readline names it. */
export type Key = { readonly name?: string; readonly ctrl?: boolean; readonly sequence?: string };

/** From now on, keys go to `onKey` instead of the line editor, until the returned function is called. */
export function grabKeys(onKey: (key: Key) => void): () => void {
	const input = process.stdin;
	const others = input.listeners('keypress');
	const take = (_text: string | undefined, key: Key) => onKey(key);
	input.removeAllListeners('keypress');
	input.on('keypress', take);
	return () => {
		input.removeListener('keypress', take);
		for (const other of others) input.on('keypress', other as (...args: unknown[]) => void);
	};
}
