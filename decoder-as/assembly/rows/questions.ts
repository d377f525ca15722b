// Facts that only user space can find. Each question is asked once; rows wait for the answer no longer than until the
// end of the next batch.
import { Connection, NO_PROCESS, Process } from '../memory/state';
import { batch } from '../tables/connections';
import { QUESTION_PROCESS, QUESTION_SOCKET } from '../wire/output-layout';
import { writeQuestion } from './entries';

/** Asks for the names of a process that is not known yet. */
export function askProcess(process: Process): void {
	if (process == NO_PROCESS || process.known || process.asked != 0) return;
	process.asked = batch;
	writeQuestion(QUESTION_PROCESS, 0, process.pid, -1);
}

/** Asks whether the connection is a socket, if the kernel could not tell, and for missing addresses. */
export function askSocket(connection: Connection): void {
	if (connection.asked != 0 || connection.answered) return;
	if (!connection.unverified && connection.localLength != 0 && connection.remoteLength != 0) return;
	connection.asked = batch;
	writeQuestion(QUESTION_SOCKET, connection.id, connection.pid, connection.fd);
}
