// Commands about what is captured.
import { usageError } from '../../base/errors.ts';
import { cgroupIds } from '../../capture/cgroups.ts';
import { requireProcesses } from '../../capture/host-facts.ts';
import { recordSettings } from '../../capture/record-settings.ts';
import { forTerminal } from '../../output/terminal-text.ts';
import { filtersText, parseFilters } from '../filters.ts';
import { userPath } from '../result-output.ts';
import { type CommandGroup, notCapturing, requireLive } from './command.ts';

export const CAPTURE_COMMANDS: CommandGroup = {
	title: 'Capture',
	commands: [
		{
			name: 'capture',
			usage: '.capture [all | pid N … comm NAME … port N|N-M … cgroup PATH …]',
			description: 'set the filters of the capture',
			example: '.capture port 8080',
			promptOnly: true,
			trusted: true,
			words: (before) => {
				if (before === '') return ['all', 'pid', 'comm', 'port', 'cgroup'];
				return /(?:^|\s)(?:all|pid|comm|port|cgroup)$/.test(before) ? [] : ['pid', 'comm', 'port', 'cgroup'];
			},
			run: (shell, argument) => {
				const { recording } = shell.threads;
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
				shell.tell(`capturing ${filtersText(shell.filters)}\n`);
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
