// Commands about what is captured.
import { UserError, usageError } from '../../base/errors.ts';
import { cgroupIds } from '../../capture/cgroups.ts';
import { requireProcesses } from '../../capture/host-facts.ts';
import { recordSettings } from '../../capture/record-settings.ts';
import { forTerminal } from '../../output/terminal-text.ts';
import { filtersText, parseFilters } from '../filters.ts';
import { userPath } from '../result-output.ts';
import { type CommandGroup, notCapturing, requireLive } from './command.ts';

/** `.capture tls on|off`. Only the helper that `--tls` starts may attach to libraries. */
async function captureTls(shell: Parameters<typeof requireLive>[0], argument: string): Promise<undefined> {
	requireLive(shell);
	const word = /^tls\s+(on|off)$/i.exec(argument)?.[1]?.toLowerCase();
	if (word === undefined) throw usageError(`.capture: expected tls on or tls off, got ${JSON.stringify(argument)}`);
	if (shell.options.capture.tls !== true) {
		throw new UserError(
			'tinytap was started without --tls, so nothing here has the right to attach to TLS libraries',
			'ERR_TLS',
			'Start it again with --tls; .capture tls off and on then end and begin it.',
		);
	}
	await shell.threads.setTls(word === 'on');
	shell.tell(word === 'on' ? 'reading the plaintext of TLS\n' : 'the plaintext of TLS is no longer read\n');
	return undefined;
}

export const CAPTURE_COMMANDS: CommandGroup = {
	title: 'Capture',
	commands: [
		{
			name: 'capture',
			usage: '.capture [all | pid N … comm NAME … port N|N-M … cgroup PATH … | tls on|off]',
			description: 'set the filters of the capture; begin or end to read the plaintext of TLS',
			example: '.capture port 8080',
			promptOnly: true,
			trusted: true,
			words: (before) => {
				if (before === '') return ['all', 'pid', 'comm', 'port', 'cgroup', 'tls'];
				if (/^tls\b/.test(before)) return before.trim() === 'tls' ? ['on', 'off'] : [];
				return /(?:^|\s)(?:all|pid|comm|port|cgroup)$/.test(before) ? [] : ['pid', 'comm', 'port', 'cgroup'];
			},
			run: async (shell, argument) => {
				const { recording } = shell.threads;
				if (/^tls(\s|$)/i.test(argument)) return await captureTls(shell, argument);
				if (argument === '' && recording !== undefined) {
					shell.tell(`${forTerminal(notCapturing(recording))}\n`);
					return undefined;
				}
				if (argument !== '') {
					requireLive(shell);
					const filters = parseFilters(argument);
					requireProcesses(filters.pids);
					cgroupIds(filters.cgroups);
					shell.filters = filters;
					shell.threads.setFilters(shell.filters);
				}
				const tls = shell.threads.readsTls ? ', also inside TLS' : '';
				shell.tell(`capturing ${filtersText(shell.filters)}${tls}\n`);
				return undefined;
			},
		},
		{
			name: 'record',
			usage: '.record start [--force] FILE | stop',
			description: 'also write everything captured from now on to a new recording',
			example: '.record start later.tinytap',
			promptOnly: true,
			trusted: true,
			unsafe: (argument) => argument.startsWith('start'),
			argument: 'file',
			words: (before) => (before === '' ? ['start', 'stop'] : before.startsWith('start') ? undefined : []),
			run: async (shell, argument) => {
				requireLive(shell);
				const [, verb = '', force, file = ''] = /^(start|stop)\b\s*(--force\b)?\s*([\s\S]*)$/.exec(argument) ?? [];
				if (verb === '' || (verb === 'start') === (file === ''))
					throw usageError(`.record: expected start FILE or stop, got ${JSON.stringify(argument)}`);
				if (verb === 'start') {
					const path = userPath(file, shell.options.user);
					const { force: always, presentation } = shell.options;
					const settings = {
						force: always || force !== undefined,
						redact: presentation.redactsAll,
						filters: filtersText(shell.filters),
						tls: shell.options.capture.tls === true,
					};
					await shell.threads.startRecording(recordSettings(path, settings));
					shell.tell(`recording to ${forTerminal(path)}; .record stop ends it\n`);
					return undefined;
				}
				const { path, bytes, complete } = await shell.threads.stopRecording();
				shell.tell(`recorded ${bytes} bytes to ${forTerminal(path)}${complete ? '' : ', not everything'}\n`);
				return undefined;
			},
		},
		{
			name: 'pause',
			usage: '.pause',
			description: 'stop capturing until .resume',
			example: '.pause',
			promptOnly: true,
			trusted: true,
			run: (shell) => {
				requireLive(shell);
				shell.pause();
				shell.tell('paused\n');
				return undefined;
			},
		},
		{
			name: 'resume',
			usage: '.resume',
			description: 'continue capturing after .pause',
			example: '.resume',
			promptOnly: true,
			trusted: true,
			run: (shell) => {
				requireLive(shell);
				shell.resume();
				shell.tell('capturing\n');
				return undefined;
			},
		},
		{
			name: 'clear',
			usage: '.clear',
			description: 'empty the tables and reset the loss counters',
			example: '.clear',
			promptOnly: true,
			trusted: true,
			run: (shell) => {
				shell.clear();
				return undefined;
			},
		},
		{
			name: 'open',
			usage: '.open RECORDING',
			description: 'end the capture and open a recording, or a pcap, pcapng or HAR file',
			example: '.open before.tinytap',
			promptOnly: true,
			unsafe: true,
			argument: 'file',
			run: async (shell, argument) => {
				if (argument === '') throw usageError('.open: expected the name of a recording');
				await shell.open(userPath(argument, shell.options.user));
				return undefined;
			},
		},
	],
};
