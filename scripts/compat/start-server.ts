// Programs of a run: started, waited for, remembered, and stopped by pid whatever happens.
import { freePort, listening, type Running, startProgram } from '../../test/support/servers.ts';
import type { Hop } from './server-kind.ts';

const programs: Running[] = [];

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
	const [command = '', ...args] = words;
	const running = startProgram(command, args, { env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', ...env } });
	remember(running);
	await listening(port, running);
}

/** Lets `stopAll` stop a program that somebody else started. */
export function remember(running: Running): void {
	programs.push(running);
}

/** What the programs printed: for a complaint. */
export function printed(): string {
	return programs.map((running) => running.output().trim()).join('\n');
}

export async function stopAll(): Promise<void> {
	for (const running of programs.splice(0)) await running.stop();
}
