// Writes a captured body into a new file of the invoking user.
import { writeFileSync } from 'node:fs';
import { systemCode, UserError } from '../base/errors.ts';
import { fileError } from '../base/file-error.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { NewFile } from '../base/new-file.ts';
import { systemProblem } from '../base/system-problem.ts';
import { decodeContent } from '../decode/content-coding.ts';
import { type ExchangeDetail, messageBody } from '../output/exchange-parts.ts';
import { forTerminal } from '../output/terminal-text.ts';
import type { ShowArguments } from './show-arguments.ts';

/**
 * Saves the body of an exchange: the response's if `messages` allows it and it has one, otherwise the request's.
 * Returns the sentence about it.
 */
export function saveBody(
	exchange: ExchangeDetail,
	path: string,
	user: InvokingUser,
	{ messages, bodies }: Pick<ShowArguments, 'messages' | 'bodies'>,
): string {
	const message = [...messages].reverse().find((each) => (messageBody(exchange, each).raw?.length ?? 0) > 0);
	if (message === undefined) throw nothingToSave(exchange, messages);
	const { raw, contentEncoding, note } = messageBody(exchange, message);
	const bytes = bodies.startsWith('raw') ? raw! : decodeContent(raw!, contentEncoding).bytes;
	writeNewFile(path, bytes, user);
	const which = message === 'req' ? 'request' : 'response';
	const rest = note === null ? '' : ` (${forTerminal(note)})`;
	return `saved ${bytes.length} bytes of the ${which} body to ${forTerminal(path)}${rest}\n`;
}

/** If not all of it can be written, nothing is left. Exported for tests. */
export function writeNewFile(path: string, bytes: Uint8Array, user: InvokingUser): void {
	let file: NewFile;
	try {
		file = new NewFile(path, user, false);
	} catch (error) {
		throw fileError(path, error, 'Give the name of a new file in a directory that you may write to.');
	}
	try {
		writeFileSync(file.fd, bytes);
		file.keep();
	} catch (error) {
		file.discard();
		throw new UserError(
			`cannot write ${path}: ${systemProblem(systemCode(error) ?? String(error))}`,
			'ERR_OUTPUT',
			'The incomplete file was removed. Write where there is more space.',
		);
	}
}

function nothingToSave(exchange: ExchangeDetail, messages: readonly ('req' | 'res')[]): UserError {
	const notes = messages.map((message) => messageBody(exchange, message).note).filter((note) => note !== null);
	return new UserError(
		`no body of exchange ${exchange.columns.id} is held`,
		'ERR_NO_BODY',
		notes.length === 0 ? undefined : notes.join('; '),
	);
}
