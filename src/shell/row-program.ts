// The program of `tail --exec`: reads rows from its stdin as JSON lines, from its start until the tail ends.
import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { systemCode, UserError } from '../base/errors.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { systemProblem } from '../base/system-problem.ts';
import type { Sink } from './sink.ts';
import { startForUser } from './user-program.ts';

/** How the program has ended. */
export type ProgramEnd = {
	/** Its exit status, or 128+N if signal N killed it. */
	readonly status: number;
	/** `exit status 2`, `SIGKILL`. */
	readonly text: string;
};

export class RowProgram {
	readonly name: string;
	/** Writes to the program. Closed when the program has stopped reading. */
	readonly sink: Sink;
	/** Resolves when the program has ended. */
	readonly ended: Promise<ProgramEnd>;
	/** Rows that have not left this process. */
	waitingRows = 0;
	readonly #child: ChildProcess;
	#isGivenUp = false;
	#tellGivenUp: () => void = () => undefined;
	readonly #givenUp = new Promise<void>((resolve) => {
		this.#tellGivenUp = resolve;
	});

	/** Starts the program as the user, without a shell. Rejects with a UserError if that is not possible. */
	static async start(words: readonly string[], user: InvokingUser): Promise<RowProgram> {
		const [file, ...rest] = words;
		const child = startForUser(file!, rest, user, ['pipe', 'inherit', 'inherit']);
		// Once started, it reports its end by `exit`.
		await new Promise<void>((resolve, reject) => {
			child.once('spawn', resolve);
			child.once('error', (error) => reject(startError(file!, systemCode(error) ?? String(error))));
		});
		return new RowProgram(file!, child);
	}

	private constructor(name: string, child: ChildProcess) {
		this.name = name;
		this.#child = child;
		this.ended = new Promise((resolve) => {
			child.once('exit', (code, signal) =>
				resolve(
					signal === null
						? { status: code ?? 0, text: `exit status ${code ?? 0}` }
						: { status: 128 + constants.signals[signal], text: signal },
				),
			);
		});
		const stdin = child.stdin!;
		let isClosed = false;
		const gone = new Promise<void>((resolve) => {
			// An error is EPIPE: the program has closed its stdin.
			for (const event of ['error', 'close'])
				stdin.on(event, () => {
					isClosed = true;
					resolve();
				});
		});
		const put = async (text: string, rows: number) => {
			if (text === '' || isClosed) return;
			this.waitingRows += rows;
			if (this.#isGivenUp) return;
			const hasRoom = stdin.write(text, () => {
				this.waitingRows -= rows;
			});
			if (hasRoom) return;
			await Promise.race([new Promise<void>((resolve) => stdin.once('drain', resolve)), gone, this.#givenUp]);
		};
		this.sink = {
			write: (text) => put(text, 0),
			writeRows: (texts) => put(texts.join(''), texts.length),
			get closed() {
				return isClosed;
			},
			gone,
			discard: () => undefined,
		};
	}

	get pid(): number {
		return this.#child.pid!;
	}

	/** From now on, nothing waits for the program: rows that it has not taken stay in `waitingRows`. */
	giveUp(): void {
		this.#isGivenUp = true;
		this.#tellGivenUp();
	}

	/** Ends the program's input and waits for its end; resolves to undefined when it is given up. */
	async finish(): Promise<ProgramEnd | undefined> {
		this.#child.stdin!.end();
		return await Promise.race([this.ended, this.#givenUp.then(() => undefined)]);
	}
}

function startError(name: string, code: string): UserError {
	return new UserError(
		`--exec: cannot start ${name}: ${systemProblem(code)}`,
		'ERR_COMMAND',
		"Give a program and its arguments; for a pipeline: sh -c '…'.",
		// For other errors 126, as in a shell.
		code === 'ENOENT' ? undefined : 126,
	);
}
