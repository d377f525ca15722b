// `tinytap agent`: sends the exchanges of this host to a store of many hosts, or writes them to files.
import { Agent } from '../agent/agent.ts';
import { clickhouseDestination } from '../agent/clickhouse-destination.ts';
import type { Destination } from '../agent/destination.ts';
import { directoryDestination } from '../agent/directory-destination.ts';
import type { Origin } from '../agent/origin.ts';
import { StoreClient } from '../agent/store-client.ts';
import { EXIT } from '../base/errors.ts';
import { version } from '../base/installation.ts';
import { wallMs } from '../base/wall-clock.ts';
import { forTerminal } from '../output/terminal-text.ts';
import { lossSentence } from '../shell/result-printer.ts';
import { socketAddress } from '../threads/own-sockets.ts';
import type { TailBlock, Threads } from '../threads/threads.ts';
import { type AgentCommandOptions, type AgentPlan, planAgent } from './agent-plan.ts';
import { OtherTables } from './agent-tables.ts';
import { type CommandContext, withCapture } from './command-context.ts';
import { type Options, withTelemetry } from './options.ts';
import { say } from './running-capture.ts';

/** After a signal, how long the last batch may take to be sent. It stays in the spool otherwise. */
const LAST_BATCH_MS = 5000;
/** After the capture has failed, how long to wait for its last rows. */
const LAST_ROWS_MS = 500;
/** Longer than in other captures, but not so long that many processes end before their command line was read. */
const GATHER_MS = 25;
const CALM_GATHER_MS = 50;

/** Runs the command; resolves to the exit status. Secrets are redacted, except with --no-redact. */
export async function agentCommand(given: Options, own: AgentCommandOptions): Promise<number> {
	const options = withTelemetry(given, own);
	// A collector gets its spans and metrics from every capture with --otlp or --metrics.
	if (own.to === undefined && options.telemetry !== undefined) {
		const { capture } = options;
		return await withCapture(
			{ ...options, capture: { ...capture, bodyLimit: capture.bodyLimit ?? 0 } },
			async ({ attached, captured }) => {
				await attached();
				await captured();
				return EXIT.ok;
			},
		);
	}
	const plan = planAgent(options, own);
	return await withCapture(forAgent(options, plan), async (context) => {
		const { threads } = context;
		const origin = { hostName: plan.hostName, run: wallMs(), agentVersion: version(), labels: plan.labels };
		const rows = threads.followBlocks(
			{ where: plan.where, blocks: { ...plan.rows, origin } },
			{ fromStart: true, redact: options.presentation.redactor !== null, onDropped: () => undefined },
		);
		// The first part has no rows; an invalid condition is an error before anything is captured.
		await rows.next();
		const agent = await startAgent(context, plan, origin);
		try {
			return await run(context, plan, agent, rows);
		} finally {
			agent.close();
		}
	});
}

/** If no bodies are sent or looked at, none are captured. Nobody waits for the rows, so they may come a little later. */
function forAgent(options: Options, { rows, where }: AgentPlan): Options {
	const capture = { ...options.capture, gatherMs: GATHER_MS, calmGatherMs: CALM_GATHER_MS };
	const isNeeded = rows.bodies.of !== 'none' || where !== undefined || capture.record !== undefined;
	if (isNeeded || capture.bodyLimit !== undefined) return { ...options, capture };
	return { ...options, capture: { ...capture, bodyLimit: 0 } };
}

async function startAgent({ threads, options }: CommandContext, plan: AgentPlan, origin: Origin): Promise<Agent> {
	const { errorTheme } = options.presentation;
	return await Agent.start({
		destination: destinationOf(plan, options, threads),
		origin,
		limits: plan.limits,
		spool: { path: plan.spoolPath, limitBytes: plan.spoolBytes, user: options.user },
		isLive: options.capture.replay === undefined,
		tell: (message, hint) => {
			say(`${errorTheme.warning('tinytap: warning:')} ${forTerminal(message)}\n`);
			if (hint !== undefined) say(`${errorTheme.hint('hint:')} ${forTerminal(hint)}\n`);
		},
	});
}

function destinationOf({ to, hostName }: AgentPlan, { user }: Options, threads: Threads): Destination {
	if ('path' in to) return directoryDestination({ ...to, user, hostName });
	const client = new StoreClient(to.store, (socket) => {
		const { localAddress, localPort } = socket;
		if (localAddress === undefined || localPort === undefined) return;
		// A store on this host is seen by the capture, too.
		socket.once('close', threads.ownSockets.add(socketAddress(localAddress, localPort)));
	});
	return clickhouseDestination(client);
}

async function run(
	{ threads, interrupts, attached, captured, options }: CommandContext,
	plan: AgentPlan,
	agent: Agent,
	rows: AsyncGenerator<TailBlock | undefined>,
): Promise<number> {
	await attached();
	agent.begin();
	const end = captured();
	const interrupted = new AbortController();
	interrupts.first.then(() => interrupted.abort()).catch(() => undefined);
	const others = new OtherTables(threads, agent, plan.connections);
	try {
		await take(agent, rows, Promise.race([end, others.failed]), interrupted.signal);
		const { loss } = await end;
		await others.last(loss);
	} finally {
		others.stop();
	}
	await agent.finish(patience(interrupted.signal));
	if (!options.presentation.quiet) say(`tinytap: ${sentence(agent, plan)}\n`);
	const loss = options.strict ? undefined : lossSentence(threads.status);
	if (loss !== undefined) say(`tinytap: ${loss}\n`);
	return EXIT.ok;
}

/** Gives the agent all rows. Rejects if the capture fails, after the rows before. */
async function take(
	agent: Agent,
	rows: AsyncGenerator<TailBlock | undefined>,
	end: Promise<unknown>,
	interrupted: AbortSignal,
): Promise<void> {
	const failed = new Promise<never>((_, reject) => {
		end.catch((error: unknown) => setTimeout(reject, LAST_ROWS_MS, error));
	});
	failed.catch(() => undefined);
	for (;;) {
		const next = await Promise.race([rows.next(), failed, agent.failed]);
		if (next.done === true) return;
		if (next.value !== undefined) await agent.take(next.value.block, next.value.dropped, interrupted);
	}
}

/** Aborts a while after `interrupted` does. */
function patience(interrupted: AbortSignal): AbortSignal {
	const late = new AbortController();
	const wait = () => void setTimeout(() => late.abort(), LAST_BATCH_MS).unref();
	if (interrupted.aborted) wait();
	else interrupted.addEventListener('abort', wait);
	return late.signal;
}

/** What has become of the exchanges. */
function sentence(agent: Agent, { spoolPath }: AgentPlan): string {
	const { sent, waiting, lost } = agent.counts;
	const exchanges = (count: number) => `${count} ${count === 1 ? 'exchange' : 'exchanges'}`;
	return [
		`sent ${exchanges(sent)}`,
		...(waiting === 0 ? [] : [`${waiting} wait in ${forTerminal(spoolPath)} for the next agent`]),
		...(lost === 0 ? [] : [`${lost} were lost, which the table gaps says`]),
	].join('; ');
}
