// The processes that hold connections, and what is known about them. Exchanges and messages refer to the process as it was:
// a reused pid or an exec creates a new one.
import { CHECKED } from '../memory/checks';
import { allocate, allocateZeroed, release } from '../memory/memory';
import { Connection, Hold, NO_CONNECTION, NO_HOLD, NO_PROCESS, Process } from '../memory/state';

const BUCKETS: u32 = 4096;
const buckets = memory.data(16384, 8);

function bucketOf(pid: u32): usize {
	return buckets + (((pid * 2654435769) >> 20) & (BUCKETS - 1)) * 4;
}

/** The process that has the pid now, or had it last; NO_PROCESS if none is known. */
export function findProcess(pid: u32): Process {
	let process = changetype<Process>(load<usize>(bucketOf(pid)));
	while (process != NO_PROCESS && process.pid != pid) process = process.hashNext;
	return process;
}

/** The living process with the pid, created if new, with one more reference. NO_PROCESS without memory. */
export function holdProcess(pid: u32): Process {
	let process = findProcess(pid);
	if (process != NO_PROCESS && process.over) {
		unlink(process);
		process = NO_PROCESS;
	}
	if (process == NO_PROCESS) {
		process = changetype<Process>(allocateZeroed(offsetof<Process>()));
		if (process == NO_PROCESS) return process;
		process.pid = pid;
		const bucket = bucketOf(pid);
		process.hashNext = changetype<Process>(load<usize>(bucket));
		store<usize>(bucket, changetype<usize>(process));
	}
	process.references++;
	return process;
}

export function referProcess(process: Process): Process {
	if (process != NO_PROCESS) process.references++;
	return process;
}

export function releaseProcess(process: Process): void {
	if (process == NO_PROCESS) return;
	if (CHECKED) assert(process.references != 0, 'a released process had a reference');
	process.references--;
	if (process.references != 0) return;
	unlink(process);
	release(process.comm);
	release(process.cmdline);
	release(process.cgroup);
	release(process.exe);
	release(changetype<usize>(process));
}

function unlink(process: Process): void {
	const bucket = bucketOf(process.pid);
	let at = changetype<Process>(load<usize>(bucket));
	if (at == process) {
		store<usize>(bucket, changetype<usize>(process.hashNext));
		return;
	}
	while (at != NO_PROCESS && at.hashNext != process) at = at.hashNext;
	if (at != NO_PROCESS) at.hashNext = process.hashNext;
}

/** FACT_PROCESS: `comm NUL cgroup NUL cmdline NUL exe` in [at, end); older recordings lack the last part. */
export function learnProcess(pid: u32, at: usize, end: usize): void {
	const process = findProcess(pid);
	if (process == NO_PROCESS) return;
	process.known = true;
	let from = at;
	for (let part = 0; part < 4 && from <= end; part++) {
		let to = from;
		while (to < end && load<u8>(to) != 0) to++;
		const length = <u32>(to - from);
		if (length != 0) {
			const copy = allocate(length);
			if (copy == 0) return;
			memory.copy(copy, from, length);
			if (part == 0) {
				release(process.comm);
				process.comm = copy;
				process.commLength = length;
			} else if (part == 1) {
				release(process.cgroup);
				process.cgroup = copy;
				process.cgroupLength = length;
			} else if (part == 2) {
				release(process.cmdline);
				process.cmdline = copy;
				process.cmdlineLength = length;
			} else {
				release(process.exe);
				process.exe = copy;
				process.exeLength = length;
			}
		}
		from = to + 1;
	}
}

/** The process called exec: a new one takes over its connections, exchanges keep the old one. */
export function renewProcess(pid: u32): void {
	const old = findProcess(pid);
	if (old == NO_PROCESS) return;
	old.over = true;
	const fresh = holdProcess(pid);
	if (fresh == NO_PROCESS) return;
	let hold = old.firstHold;
	old.firstHold = NO_HOLD;
	while (hold != NO_HOLD) {
		const next = hold.nextOfProcess;
		hold.process = referProcess(fresh);
		hold.previousOfProcess = NO_HOLD;
		hold.nextOfProcess = fresh.firstHold;
		if (fresh.firstHold != NO_HOLD) fresh.firstHold.previousOfProcess = hold;
		fresh.firstHold = hold;
		releaseProcess(old);
		hold = next;
	}
	releaseProcess(fresh);
}

/** Process `pid` holds the connection. */
export function addHold(connection: Connection, pid: u32): void {
	let hold = connection.firstHold;
	while (hold != NO_HOLD) {
		if (hold.process.pid == pid && !hold.process.over) return;
		hold = hold.nextOfConnection;
	}
	const process = holdProcess(pid);
	if (process == NO_PROCESS) return;
	hold = changetype<Hold>(allocateZeroed(offsetof<Hold>()));
	if (hold == NO_HOLD) {
		releaseProcess(process);
		return;
	}
	hold.process = process;
	hold.connection = connection;
	hold.nextOfConnection = connection.firstHold;
	connection.firstHold = hold;
	hold.nextOfProcess = process.firstHold;
	if (process.firstHold != NO_HOLD) process.firstHold.previousOfProcess = hold;
	process.firstHold = hold;
}

/** Removes all holds of the connection. */
export function dropHolds(connection: Connection): void {
	let hold = connection.firstHold;
	while (hold != NO_HOLD) {
		const next = hold.nextOfConnection;
		leaveProcess(hold);
		release(changetype<usize>(hold));
		hold = next;
	}
	connection.firstHold = NO_HOLD;
}

/**
 * Process `pid` ended: removes its holds. Returns a connection that no process holds any more; call it again until it
 * returns NO_CONNECTION.
 */
export function endProcess(pid: u32): Connection {
	const process = findProcess(pid);
	if (process == NO_PROCESS) return NO_CONNECTION;
	process.over = true;
	while (process.firstHold != NO_HOLD) {
		const hold = process.firstHold;
		const connection = hold.connection;
		if (connection.firstHold == hold) {
			connection.firstHold = hold.nextOfConnection;
		} else {
			let at = connection.firstHold;
			while (at.nextOfConnection != hold) at = at.nextOfConnection;
			at.nextOfConnection = hold.nextOfConnection;
		}
		const last = process.references == 1;
		leaveProcess(hold);
		release(changetype<usize>(hold));
		if (connection.firstHold == NO_HOLD) return connection;
		if (last) break;
	}
	return NO_CONNECTION;
}

function leaveProcess(hold: Hold): void {
	const process = hold.process;
	if (CHECKED) {
		const before = hold.previousOfProcess;
		assert(before == NO_HOLD ? process.firstHold == hold : before.nextOfProcess == hold, 'a hold is in the list of its process');
	}
	if (hold.previousOfProcess != NO_HOLD) hold.previousOfProcess.nextOfProcess = hold.nextOfProcess;
	else process.firstHold = hold.nextOfProcess;
	if (hold.nextOfProcess != NO_HOLD) hold.nextOfProcess.previousOfProcess = hold.previousOfProcess;
	releaseProcess(process);
}
