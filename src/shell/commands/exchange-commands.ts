// Commands that show exchanges.
import { UserError, usageError } from '../../base/errors.ts';
import { readUserFile } from '../../base/user-files.ts';
import { connectionFacts, conversationPart } from '../../output/conversation.ts';
import { curlLine } from '../../output/curl-line.ts';
import { type DetailViewOptions, detailView } from '../../output/detail-view.ts';
import { exchangeDiff } from '../../output/exchange-diff.ts';
import type { ExchangeDetail } from '../../output/exchange-parts.ts';
import { standardOutput } from '../../output/output-stream.ts';
import { type ProtoSchema, readProto } from '../../output/proto-schema.ts';
import { redactExchange } from '../../output/redacted-exchange.ts';
import type { WantedExchange } from '../../store/exchange-detail.ts';
import { commandWords } from '../command-words.ts';
import { connectionOf, exchangeOf, viewOptions, wantedOf } from '../exchange-lookup.ts';
import { saveBody } from '../saved-body.ts';
import type { ShellSession } from '../shell-session.ts';
import { parseShow, parseWanted, SHOW_OPTIONS } from '../show-arguments.ts';
import type { CommandGroup } from './command.ts';

export const EXCHANGE_COMMANDS: CommandGroup = {
	title: 'Exchanges',
	commands: [
		{
			name: 'tail',
			usage: '.tail [--both] [--messages] [WHERE CONDITION] | off',
			description:
				'print each exchange as it completes, or all of a recording, on one line (--both: one line per side; --messages: each message inside exchanges instead)',
			example: '.tail WHERE status >= 500',
			promptOnly: true,
			argument: 'condition',
			options: ['--both', '--messages'],
			run: (shell, argument) => {
				const options = /^(?:--(?:both|messages)\b\s*)*/.exec(argument)![0];
				const messages = options.includes('--messages');
				if (messages && shell.threads.storeName !== undefined)
					throw usageError('.tail --messages: a store has no messages', '.disconnect, then try again.');
				const condition = argument
					.slice(options.length)
					.replace(/;\s*$/, '')
					.replace(/^where\b/i, '')
					.trim();
				// A number would be true for every exchange.
				if (/^-?\d+$/.test(condition))
					throw usageError(
						`.tail: expected a condition, got ${condition}`,
						messages
							? `For example: .tail --messages WHERE exchange_id = ${condition}`
							: `For example: .tail WHERE status = ${/^[1-5]\d\d$/.test(condition) ? condition : 500}`,
					);
				if (condition.toLowerCase() === 'off') {
					shell.tell(shell.stopTail() ? 'tail is off\n' : 'no tail was running\n');
				} else {
					const both = options.includes('--both') || shell.options.both;
					shell.startTail(condition === '' ? undefined : condition, { both, messages });
				}
				return undefined;
			},
		},
		{
			name: 'show',
			usage: '.show [ID | -N] [--headers] [--body] [--raw] [--hex] [--request] [--response] [--save FILE]',
			description:
				'show an exchange: facts, calls, heads, bodies, messages; without ID: the latest; -1: the one before it; --raw: bodies as sent; --save (at the prompt only): write a body to a new file',
			example: '.show 12 --body',
			options: SHOW_OPTIONS,
			promptOnly: isSaving,
			trusted: true,
			unsafe: isSaving,
			run: async (shell, argument) => {
				const { wanted, save, ...shown } = parseShow('.show', argument);
				if (save === undefined) return await show(shell, wanted, shown);
				const exchange = await exchangeOf(shell, wanted);
				shell.tell(saveBody(exchange, save, shell.options.user, shown));
				return undefined;
			},
		},
		{
			name: 'next',
			usage: '.next',
			description: 'show the next exchange after the one last shown',
			example: '.next',
			run: async (shell) => await show(shell, shell.shownId === undefined ? { back: 0 } : { after: shell.shownId }),
		},
		{
			name: 'prev',
			usage: '.prev',
			description: 'show the previous exchange before the one last shown',
			example: '.prev',
			run: async (shell) => await show(shell, shell.shownId === undefined ? { back: 0 } : { before: shell.shownId }),
		},
		{
			name: 'conn',
			usage: '.conn [ID]',
			description: 'show the conversation of a connection, by default that of the last exchange shown',
			example: '.conn 3',
			run: async (shell, argument) => {
				await shell.page(await conversation(shell, argument));
				return undefined;
			},
		},
		{
			name: 'diff',
			usage: '.diff ID ID',
			description: 'show what differs between two exchanges, line by line',
			example: '.diff 12 14',
			run: async (shell, argument) => {
				const [first, second, ...others] = commandWords(argument);
				if (second === undefined || others.length > 0)
					throw usageError(`.diff: expected two ids, got ${JSON.stringify(argument)}`);
				const before = await exchangeOf(shell, parseWanted('.diff', first));
				const after = await exchangeOf(shell, parseWanted('.diff', second));
				await shell.page(exchangeDiff(before, after, viewOptions(shell)));
				return undefined;
			},
		},
		{
			name: 'curl',
			usage: '.curl [ID]',
			description: 'print the request as a curl command, secrets redacted',
			example: '.curl 12',
			run: async (shell, argument) => {
				const { command, remarks } = await curlOf(shell, '.curl', argument);
				await shell.sink.write(
					`${remarks.map((remark) => `# ${remark}\n`).join('')}${command === null ? '' : `${command}\n`}`,
				);
				return undefined;
			},
		},
		{
			name: 'copy',
			usage: '.copy [ID]',
			description: 'copy the request as a curl command to the clipboard of the terminal (.set clipboard on)',
			example: '.copy 12',
			promptOnly: true,
			run: async (shell, argument) => {
				if (!shell.settings.values.clipboard || !shell.interactive || !standardOutput().canRedraw) {
					throw new UserError(
						'nothing is copied: the clipboard is off, or the terminal has none',
						'ERR_CLIPBOARD',
						'`.set clipboard on` lets .copy write to the clipboard of this terminal.',
					);
				}
				const { command, remarks } = await curlOf(shell, '.copy', argument);
				for (const remark of remarks) shell.tell(`# ${remark}\n`);
				if (command === null) return undefined;
				shell.tell(`${clipboardSequence(command)}copied ${command.length} characters\n`);
				return undefined;
			},
		},
	],
};

function isSaving(argument: string): boolean {
	return parseShow('.show', argument).save !== undefined;
}

async function show(
	shell: ShellSession,
	wanted: WantedExchange,
	shown: Pick<DetailViewOptions, 'parts' | 'messages' | 'bodies'> = {},
): Promise<undefined> {
	const exchange = await exchangeOf(shell, wanted, shown.parts?.includes('facts') !== false);
	shell.shownId = Number(exchange.columns.id);
	const proto = await schemaFor(shell, exchange);
	await shell.page(detailView(exchange, { ...viewOptions(shell), ...shown, proto }));
}

/** The schemas of --proto, if the exchange has messages of gRPC. */
async function schemaFor(shell: ShellSession, { messages }: ExchangeDetail): Promise<ProtoSchema | undefined> {
	const { proto, user } = shell.options;
	if (proto.length === 0 || messages?.messages.some(({ kind }) => kind === 'grpc') !== true) return undefined;
	return await readProto(proto, (path) => readUserFile(path, user));
}

/** At most this much of a conversation is printed, in characters. */
const CONVERSATION_LENGTH = 4 << 20;

async function conversation(shell: ShellSession, argument: string): Promise<string> {
	const { columns, exchanges } = await connectionOf(shell, argument);
	const options = viewOptions(shell);
	let text = connectionFacts(columns, options);
	let begin: number | undefined;
	for (const [index, id] of exchanges.entries()) {
		const exchange = await shell.threads.show(id);
		// The exchange was evicted in the meantime.
		if (exchange === undefined) continue;
		begin ??= Date.parse(String(exchange.columns.ts));
		text += `\n${conversationPart(exchange, begin, options)}`;
		const left = exchanges.length - index - 1;
		if (text.length > CONVERSATION_LENGTH && left > 0)
			return `${text}\n… ${left} more exchanges: SELECT id FROM exchanges WHERE conn = ${columns.id} AND id > ${id};\n`;
	}
	return text;
}

async function curlOf(shell: ShellSession, command: string, argument: string): Promise<ReturnType<typeof curlLine>> {
	const exchange = await exchangeOf(shell, wantedOf(shell, command, argument));
	const { redactor } = shell.options.presentation;
	return curlLine(redactor === null ? exchange : redactExchange(exchange, redactor));
}

/** Terminals refuse longer texts. */
const CLIPBOARD_BYTES = 70_000;

/** The OSC 52 sequence, which asks the terminal to copy a text to its clipboard. The text is base64. */
function clipboardSequence(text: string): string {
	const bytes = Buffer.from(text);
	if (bytes.length > CLIPBOARD_BYTES) {
		throw new UserError(
			`nothing is copied: the command has ${bytes.length} bytes, more than the ${CLIPBOARD_BYTES} that terminals take`,
			'ERR_CLIPBOARD',
			'.curl prints it.',
		);
	}
	return `\x1b]52;c;${bytes.toString('base64')}\x07`;
}
