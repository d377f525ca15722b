// Redirects keys away from the line editor.

/** A key as Node's readline names it. */
export type Key = { readonly name?: string; readonly ctrl?: boolean; readonly sequence?: string };

/**
 * Redirects keys to `onKey` until it returns `last`. Later keys wait; calling the returned function passes them to
 * the line editor.
 */
export function grabKeys(onKey: (key: Key) => 'last' | undefined): () => void {
	const input = process.stdin;
	const others = input.listeners('keypress');
	const later: [text: string | undefined, key: Key][] = [];
	let isOver = false;
	const take = (text: string | undefined, key: Key) => {
		if (isOver) later.push([text, key]);
		else isOver = onKey(key) === 'last';
	};
	input.removeAllListeners('keypress');
	input.on('keypress', take);
	return () => {
		input.removeListener('keypress', take);
		for (const other of others) input.on('keypress', other as (...args: unknown[]) => void);
		for (const [text, key] of later) input.emit('keypress', text, key);
	};
}
