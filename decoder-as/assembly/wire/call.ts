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
