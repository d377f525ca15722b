// Writes results to stdout as fast as its reader takes them. A reader that closes the pipe (`| head`) ends the output
// quietly.
import { UserError } from '../base/errors.ts';
import type { OutputStream } from '../output/output-stream.ts';
import { outputError } from './error-text.ts';

export type Sink = {
	/**
	 * Resolves when the stream can take more. Does nothing once the reader is gone. Throws a UserError if the
	 * output cannot be written.
	 */
	write(text: string): Promise<void>;
	/** The same for bytes. Only where results in binary formats go: not on the screen. */
	writeBytes?(bytes: Uint8Array): Promise<void>;
	/**
	 * A result in this binary format begins. Throws a UserError if there is something else already; and so do later writes
	 * of anything but its bytes.
	 */
	beginBinary?(format: string): void;
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

/** A sink that holds either texts or one result in a binary format, because bytes before or after it would spoil that. */
export function unmixed(sink: Sink): Sink {
	let held: 'nothing' | 'text' | { readonly format: string } = 'nothing';
	const isText = () => {
		if (typeof held === 'object') throw mixed(held.format, 'more after it');
		held = 'text';
	};
	return {
		write: async (text) => {
			if (text === '') return;
			isText();
			await sink.write(text);
		},
		writeRows: async (texts) => {
			if (texts.length === 0) return;
			isText();
			await sink.writeRows(texts);
		},
		...(sink.writeBytes === undefined ? {} : { writeBytes: (bytes) => sink.writeBytes!(bytes) }),
		beginBinary: (format) => {
			if (held !== 'nothing') throw mixed(format, held === 'text' ? 'text before it' : 'another one before it');
			held = { format };
		},
		get closed() {
			return sink.closed;
		},
		gone: sink.gone,
		discard: () => sink.discard(),
	};
}

function mixed(format: string, got: string): UserError {
	return new UserError(
		`expected one result in the format ${format} and nothing else in a file or pipe, got ${got}`,
		'ERR_FORMAT',
		'Write each result into a file of its own: .once FILE before its statement, or tinytap query -o FILE.',
	);
}

/** A sink for an output stream; `before` is called before each write. */
export function createSink(stream: OutputStream, before: () => void = () => undefined): Sink {
	const put = async (write: () => boolean) => {
		if (!stream.closed) {
			before();
			if (!write()) await stream.ready();
		}
		if (stream.failure !== undefined) throw outputError(stream.failure);
	};
	return unmixed({
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
	});
}
