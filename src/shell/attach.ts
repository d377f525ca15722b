// ATTACH and DETACH: recordings beside the tables, each under a name of its own.
import { UserError } from '../base/errors.ts';
import { DEMO_NAME } from '../base/installation.ts';
import { damageText } from '../capture/recording-damage.ts';
import { forTerminal } from '../output/terminal-text.ts';
import { type AttachStatement, attachNameError } from '../sql/sql-light.ts';
import { TABLES } from '../store/database.ts';
import type { AttachedEnd } from '../threads/attached-recording.ts';
import { readablePath } from './script-path.ts';
import type { ShellSession } from './shell-session.ts';

/** Runs the statement `sql`, which is one of the two, and says what it did. */
export async function runAttachStatement(shell: ShellSession, sql: string, statement: AttachStatement): Promise<void> {
	const { options, threads } = shell;
	const verb = statement.kind.toUpperCase();
	const attached = threads.attachedRecordings.find(({ name }) => isSame(name, statement.schema));
	shell.last = { sql, printed: undefined };
	if (statement.kind === 'detach') {
		if (attached === undefined) {
			const names = threads.attachedRecordings.map(({ name }) => name).join(', ');
			const hint = names === '' ? 'no recording is attached' : `attached: ${names}`;
			throw attachNameError(`no recording is attached as ${statement.schema}`, statement.at, hint);
		}
		await threads.detach(attached.name);
		tellUnlessQuiet(shell, `${attached.name} detached`);
		return;
	}
	if (options.safe) throw new UserError(`${verb} is refused with --safe`, 'ERR_SAFE', 'Start tinytap without --safe.');
	checkName(shell, statement.schema, statement.at);
	const isDemo = statement.path === DEMO_NAME;
	const path = isDemo ? DEMO_NAME : readablePath(shell, statement.path, verb, shell.isTyped);
	await attachRecording(shell, statement.schema, path);
}

/** Reads a recording into tables of its own and says what is in it. `schema` must not be in use. */
export async function attachRecording(shell: ShellSession, schema: string, path: string): Promise<void> {
	const end = await shell.attach(schema, path);
	tellUnlessQuiet(shell, attachedSentence(schema, path, end));
	for (const warning of attachWarnings(path, end))
		shell.tell(`${shell.asideTheme.warning('tinytap: warning:')} ${forTerminal(warning)}\n`);
}

/** Throws an error if a recording cannot have this name. */
function checkName({ threads }: ShellSession, schema: string, at: number): void {
	const attached = threads.attachedRecordings.find(({ name }) => isSame(name, schema));
	if (attached !== undefined)
		throw attachNameError(
			`${attached.path} is already attached as ${attached.name}`,
			at,
			`choose another name, or DETACH ${attached.name} first`,
		);
	const isOwn = ({ name }: { readonly name: string }) =>
		isSame(name, schema) || name.toLowerCase().startsWith(`${schema.toLowerCase()}.`);
	if (/^(main|temp|local)$/i.test(schema) || [...TABLES, ...threads.ownTables].some(isOwn))
		throw attachNameError(`the name ${schema} is taken`, at, 'choose another name for the recording, such as before');
}

function isSame(one: string, other: string): boolean {
	return one.toLowerCase() === other.toLowerCase();
}

function attachedSentence(name: string, path: string, { rows }: AttachedEnd): string {
	return `${path} attached as ${name}: ${rows === 1 ? '1 exchange' : `${rows} exchanges`}`;
}

/** What of an attached recording is missing. */
function attachWarnings(path: string, { damage, evicted, warnings }: AttachedEnd): string[] {
	return [
		...warnings,
		...(damage === undefined ? [] : [`${path} ${damageText(damage)}`]),
		...(evicted === 0
			? []
			: [
					`${path} does not fit into memory: its oldest rows (${evicted}) are missing; raise --max-memory to keep them`,
				]),
	];
}

function tellUnlessQuiet(shell: ShellSession, text: string): void {
	if (!shell.options.presentation.quiet) shell.tell(`${forTerminal(text)}\n`);
}
