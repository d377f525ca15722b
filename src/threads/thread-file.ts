// The entry files of the threads.
import { join } from 'node:path';
import { FILES } from '../base/installation.ts';

/** The bundled entry file of a thread, in the directory of the bundled CLI. */
export function threadFile(name: 'capture-thread' | 'query-thread'): string {
	return join(FILES.threads, `${name}.cjs`);
}
