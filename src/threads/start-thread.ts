// Starts the threads.
import { join } from 'node:path';
import { Worker, type WorkerOptions } from 'node:worker_threads';
import { FILES } from '../base/installation.ts';
import { standardError } from '../output/output-stream.ts';

/** Starts a thread from its bundled entry file, in the directory of the bundled CLI. */
export function startThread(file: 'capture-thread' | 'query-thread', options: WorkerOptions): Worker {
	// Without these options Node connects a thread with the process's own streams, and for that makes pipes and sockets
	// non-blocking: also for other programs that have them, such as the one after --.
	const worker = new Worker(join(FILES.threads, `${file}.cjs`), { ...options, stdout: true, stderr: true });
	worker.stdout.resume();
	// Warnings of Node.
	worker.stderr.setEncoding('utf8').on('data', (text: string) => standardError().write(text));
	return worker;
}
