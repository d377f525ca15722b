// The call whose bytes are being read: who made it, with which system call, and when. There is only one at a time, so
// it need not be passed through every function between the record and its message.
import {
	recordCallOffset,
	recordComm,
	recordFd,
	recordFlags,
	recordOffset,
	recordPid,
	recordSyscall,
	recordTid,
	recordTime,
} from './record';

export let time: u64 = 0;
export let syscall: u32 = 0;
export let pid: u32 = 0;
export let tid: u32 = 0;
export let fd: i32 = -1;
export let flags: u32 = 0;
/** Stream offset of the call's first byte. */
export let startOffset: u64 = 0;
export let comm0: u64 = 0;
export let comm1: u64 = 0;

export function setCall(record: usize): void {
	time = recordTime(record);
	syscall = recordSyscall(record);
	pid = recordPid(record);
	tid = recordTid(record);
	fd = recordFd(record);
	flags = recordFlags(record);
	startOffset = recordOffset(record) - recordCallOffset(record);
	comm0 = load<u64>(recordComm(record));
	comm1 = load<u64>(recordComm(record), 8);
}

/** The next call differs from this one only in its time and its place in the stream. */
export function repeatCall(record: usize): void {
	time = recordTime(record);
	startOffset = recordOffset(record) - recordCallOffset(record);
}

/** What follows happened at this time; returns the time of the call so far. */
export function setTime(at: u64): u64 {
	const before = time;
	time = at;
	return before;
}

/** Bytes that keepCall() writes. */
export const KEPT_CALL_BYTES: u32 = 56;

/** Writes what is known about the call to `at`. */
export function keepCall(at: usize): void {
	store<u64>(at, time);
	store<u64>(at, startOffset, 8);
	store<u64>(at, comm0, 16);
	store<u64>(at, comm1, 24);
	store<u32>(at, syscall, 32);
	store<u32>(at, pid, 36);
	store<u32>(at, tid, 40);
	store<i32>(at, fd, 44);
	store<u32>(at, flags, 48);
}

/** Reads that again: it is the call whose bytes are being read. */
export function resumeCall(at: usize): void {
	time = load<u64>(at);
	startOffset = load<u64>(at, 8);
	comm0 = load<u64>(at, 16);
	comm1 = load<u64>(at, 24);
	syscall = load<u32>(at, 32);
	pid = load<u32>(at, 36);
	tid = load<u32>(at, 40);
	fd = load<i32>(at, 44);
	flags = load<u32>(at, 48);
}
