// Writes to stdout as fast as its reader reads. A reader that closes the pipe (`| head`) ends the output quietly.
import type { Writable } from 'node:stream';
import { systemCode } from '../base/errors.ts';

export type Sink = {
	/** Resolves when the stream can take more. Does nothing once the reader is gone. */
	write(text: string): Promise<void>;
	/** The reader closed the pipe. */
	readonly closed: boolean;
	/** Resolves when the reader closes the pipe. */
	readonly gone: Promise<void>;
};

/** A sink over a stream of the process; `before` is called before each write. write() throws errors other than EPIPE. */
export function createSink(stream: Writable, before: () => void = () => undefined): Sink {
	let closed = false;
	let failure: unknown;
	let wake: (() => void) | undefined;
	let tellGone: () => void = () => undefined;
	const gone = new Promise<void>((resolve) => {
		tellGone = resolve;
	});
	stream.on('error', (error) => {
		if (systemCode(error) === 'EPIPE') {
			closed = true;
			tellGone();
		} else failure = error;
		wake?.();
	});
	stream.on('drain', () => wake?.());
	return {
		async write(text) {
			if (closed || text === '') return;
			if (failure !== undefined) throw failure;
			before();
			if (stream.write(text)) return;
			await new Promise<void>((resolve) => {
				wake = resolve;
			});
			if (failure !== undefined) throw failure;
		},
		get closed() {
			return closed;
		},
		gone,
	};
}
