// `tinytap merge A B … -o C`: merges several recordings of one host.
import { resolve } from 'node:path';
import { EXIT, systemCode, UserError, usageError } from '../base/errors.ts';
import { version } from '../base/installation.ts';
import { invokingUser } from '../base/invoking-user.ts';
import { systemProblem } from '../base/system-problem.ts';
import { removeUserFile } from '../base/user-files.ts';
import { checkMergeable, inOrder, mergedMeta, mergeRecords, scanForMerge } from '../capture/merge-recordings.ts';
import { RecordingWriter } from '../capture/recording.ts';
import { damageText } from '../capture/recording-damage.ts';
import { forTerminal } from '../output/terminal-text.ts';
import { say } from './running-capture.ts';

/** The options as commander returns them. */
export type MergeOptions = {
	readonly output: string;
	readonly compress?: boolean;
	readonly force?: boolean;
	readonly user?: string;
};

/** Runs the command; resolves to the exit status: 1 if one of the recordings is damaged. */
export async function mergeCommand(paths: readonly string[], given: MergeOptions): Promise<number> {
	const { output, compress = false, force = false } = given;
	const user = invokingUser(given.user);
	const inputs = inOrder(paths.map((path) => scanForMerge(path, user)));
	checkMergeable(inputs);
	const isInput = paths.some((path) => resolve(path) === resolve(output));
	if (isInput)
		throw usageError(
			`-o: expected another file than those to merge, got ${JSON.stringify(output)}`,
			'It would be replaced before it is read.',
		);
	const meta = mergedMeta(inputs, { tinytap: version() });
	const writer = new RecordingWriter(output, meta, { force, compress, user });
	try {
		const records = mergeRecords(inputs, writer, user);
		writer.close();
		say(`tinytap: merged ${inputs.length} recordings: ${records} records, ${writer.bytes} bytes\n`);
	} catch (error) {
		writer.abandon();
		removeUserFile(output, user, writer.file);
		const code = systemCode(error);
		if (code === undefined || error instanceof UserError) throw error;
		throw new UserError(
			`cannot write ${output}: ${systemProblem(code)}`,
			`ERR_FILE_${code}`,
			'Free some space there, or choose another place.',
		);
	}
	for (const { path, damage } of inputs) {
		if (damage === undefined) continue;
		const sentence = `${path} ${damageText(damage)}`;
		if (damage.what === 'damaged')
			throw new UserError(sentence, 'ERR_RECORDING_DAMAGED', 'Everything else is in the merged recording.');
		say(`tinytap: warning: ${forTerminal(sentence)}\n`);
	}
	return EXIT.ok;
}
