// Commands about the state of the capture and of this machine.
import { FILES } from '../../base/installation.ts';
import { checksOfRunningCapture, preflight } from '../../capture/preflight.ts';
import { checksText } from '../../output/checks-text.ts';
import { forTerminal } from '../../output/terminal-text.ts';
import { type Entry, twoColumns } from '../../output/two-columns.ts';
import { filtersText } from '../filters.ts';
import { rowsOf } from '../own-query.ts';
import type { ShellSession } from '../shell-session.ts';
import type { CommandGroup } from './command.ts';

/** The rate is an average over this many seconds. */
const RATE_SECONDS = 10;
const MIB = 2 ** 20;

export const STATUS_COMMANDS: CommandGroup = {
	title: 'State',
	commands: [
		{
			name: 'status',
			usage: '.status',
			description: 'show what is captured, rows and rate, memory, loss by reason, lag, blind spots',
			example: '.status',
			run: async (shell) => {
				const width = shell.listWidth;
				await shell.page(twoColumns(await statusEntries(shell), { width, paintName: shell.theme.name }));
				shell.markLossRead();
				return undefined;
			},
		},
		{
			name: 'doctor',
			usage: '.doctor',
			description: 'check this machine and explain how to fix problems',
			example: '.doctor',
			promptOnly: true,
			run: async (shell) => {
				// The socket to the privileged process belongs to the capture, or is closed.
				const isLive = shell.threads.isCapturing;
				const checks = isLive ? checksOfRunningCapture() : preflight(FILES, undefined);
				await shell.page(checksText(checks, shell.theme));
				return undefined;
			},
		},
	],
};

async function statusEntries(shell: ShellSession): Promise<Entry[]> {
	const { threads, filters, isPaused, output, options } = shell;
	const isLive = threads.isCapturing;
	const { recording, storeName } = threads;
	const begun = performance.now();
	const loss = await rowsOf(shell, "SELECT reason, events, bytes FROM loss WHERE kind = 'lost' AND events > 0");
	const lagMs = performance.now() - begun;
	const spots = await rowsOf(shell, 'SELECT what, comm, pid, times FROM blind_spots');
	const [kept = [0, 0]] = await rowsOf(
		shell,
		`SELECT count(*), count(*) FILTER (WHERE ts > now() - interval '${RATE_SECONDS} seconds') FROM exchanges`,
	);
	const seen = Math.max(threads.status.rows, Number(kept[0]));
	const rate = isLive
		? `, ${(Number(kept[1]) / RATE_SECONDS).toFixed(1)} per second over the last ${RATE_SECONDS} s`
		: '';
	const memory = (process.memoryUsage.rss() / MIB).toFixed(0);
	return [
		{
			name: 'source',
			text: isLive
				? `live${isPaused ? ', paused' : ''}: ${filtersText(filters)}`
				: recording === undefined
					? 'nothing is captured on this host'
					: `the recording ${forTerminal(recording)}`,
		},
		...(storeName === undefined ? [] : [{ name: 'store', text: `${forTerminal(storeName)} is asked` }]),
		...(threads.recordingTo === undefined
			? []
			: [{ name: 'recording', text: `to ${forTerminal(threads.recordingTo)}` }]),
		{ name: 'rows', text: `${seen}, of which ${Number(kept[0])} are kept${rate}` },
		{
			name: 'memory',
			text: `${memory} MiB resident; --max-memory ${options.capture.maxMemory / MIB} MiB, and at most 128 MiB more`,
		},
		{
			name: 'loss',
			text:
				loss.length === 0
					? 'none'
					: loss.map(([reason, events, bytes]) => `${reason} ${events} events (${bytes} bytes)`).join(', '),
		},
		{ name: 'lag', text: `the capture thread answers in ${lagMs.toFixed(1)} ms` },
		{
			name: 'blind spots',
			text:
				spots.length === 0
					? 'none seen'
					: spots
							.map(([what, comm, pid, times]) => `${what} in ${forTerminal(String(comm))} (pid ${pid}), ${times} times`)
							.join('; '),
		},
		{ name: 'results', text: output === undefined ? 'go to the screen' : `go to ${forTerminal(output.name)}` },
	];
}
