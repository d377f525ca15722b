// Writes results to stdout as fast as its reader takes them. A reader that closes the pipe (`| head`) ends the output
// quietly.
import type { OutputStream } from '../output/output-stream.ts';
import { outputError } from './error-text.ts';

export type Sink = {
	/**
	 * Resolves when the stream can take more. Does nothing once the reader is gone. Throws a UserError if the
	 * output cannot be written.
	 */
	write(text: string): Promise<void>;
	/** The same for bytes. Only where exports go: stdout and files. */
	writeBytes?(bytes: Uint8Array): Promise<void>;
	/** The same for rows, one text each. Rows that the reader does not take in time are counted. */
	writeRows(texts: readonly string[]): Promise<void>;
	/** The reader closed the pipe. */
	readonly closed: boolean;
	/** Whatever is written now is dropped, because Ctrl-C ended the statement. */
	readonly discards?: boolean;
	/** Resolves when the reader closes the pipe. */
	readonly gone: Promise<void>;
	/** Discards what still waits for the reader. */
	discard(): void;
};

/** A sink for an output stream; `before` is called before each write. */
export function createSink(stream: OutputStream, before: () => void = () => undefined): Sink {
	const put = async (write: () => boolean) => {
		if (!stream.closed) {
			before();
			if (!write()) await stream.ready();
		}
		if (stream.failure !== undefined) throw outputError(stream.failure);
	};
	return {
		write: async (text) => {
			if (text !== '') await put(() => stream.write(text));
		},
		writeBytes: async (bytes) => {
			if (bytes.length > 0) await put(() => stream.writeBytes(bytes));
		},
		writeRows: async (texts) => {
			if (texts.length > 0) await put(() => stream.writeRows(texts));
		},
		get closed() {
			return stream.closed;
		},
		gone: stream.gone,
		discard: () => stream.discard(),
	};
}
