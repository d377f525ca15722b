// Runs programs: starts them, waits for them, remembers them, and stops them by pid whatever happens.
import { freePort, listening, type Running, startProgram } from '../../support/servers.ts';
import type { Hop } from './server-kind.ts';

const programs: Running[] = [];

let closing = false;
let interrupt: (reason: Error) => void = () => {};
/** Rejects if the run must end early, so that nothing waits for a stopped server. */
const interrupted = new Promise<never>((_resolve, reject) => {
	interrupt = reject;
});
interrupted.catch(() => {
	// Nothing may be waiting for it at that moment.
});

/** Starts one program on a free port and waits until it listens. */
export async function startServer(
	words: (port: number) => readonly string[],
	server: Hop['server'],
	env: NodeJS.ProcessEnv = {},
): Promise<Hop[]> {
	const port = await freePort();
	await startOn(port, words(port), env);
	return [{ name: 'server', port, server }];
}

/** Starts a program that listens on the port. */
export async function startOn(port: number, words: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
	await startListening({ port }, words, env);
}

/** Starts a program and waits until it listens there. */
export async function startListening(
	at: { readonly port: number; readonly host?: string } | { readonly socket: string },
	words: readonly string[],
	env: NodeJS.ProcessEnv,
): Promise<void> {
	const [command = '', ...args] = words;
	const running = startProgram(command, args, { env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', ...env } });
	remember(running);
	await unlessEnding('socket' in at ? listening(at.socket, running) : listening(at.port, running, at.host));
}

/** Lets `stopAll` stop a program that was started elsewhere. */
export function remember(running: Running): void {
	programs.push(running);
	if (closing) void running.stop();
}

/** The output of the programs, for error messages. */
export function printed(): string {
	return programs.map((running) => running.output().trim()).join('\n');
}

export async function stopAll(): Promise<void> {
	for (const running of programs.splice(0)) await running.stop();
}

/** Ends the run early: stops the programs, and any that are started from now on. */
export function stopForGood(): void {
	closing = true;
	interrupt(new Error('interrupted'));
	for (const running of programs) void running.stop();
}

/** The result of `work`; rejects at once if the run must end early. */
export async function unlessEnding<T>(work: Promise<T>): Promise<T> {
	return await Promise.race([work, interrupted]);
}

export function isEnding(): boolean {
	return closing;
}
