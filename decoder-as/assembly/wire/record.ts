// One record of the capture stream (struct capture_event), by its address. Nothing is checked here: decode.ts does
// that.
import {
	CAPTURE_EVENT_HEADER_BYTES,
	EVENT_BYTES,
	EVENT_CALL_BYTES,
	EVENT_CALL_OFFSET,
	EVENT_CAPTURED_BYTES,
	EVENT_COMM,
	EVENT_CONN,
	EVENT_CONN_FLAGS,
	EVENT_DIRECTION,
	EVENT_FD,
	EVENT_FLAGS,
	EVENT_KIND,
	EVENT_PID,
	EVENT_RESERVED,
	EVENT_SIZE,
	EVENT_STREAM_OFFSET,
	EVENT_SYSCALL,
	EVENT_TID,
	EVENT_TIME_NS,
	CAPTURE_EVENT_VERSION,
	CAPTURE_EVENT_VERSION_FIRST,
	EVENT_VERSION,
} from './capture-event';

export const HEADER_SIZE: u32 = CAPTURE_EVENT_HEADER_BYTES;

export function recordSize(at: usize): u32 {
	return load<u32>(at, EVENT_SIZE);
}
/** Whether this decoder reads records of the record's version. */
export function hasKnownVersion(at: usize): bool {
	const version = <i32>load<u8>(at, EVENT_VERSION);
	return version >= CAPTURE_EVENT_VERSION_FIRST && version <= CAPTURE_EVENT_VERSION;
}
export function recordKind(at: usize): u32 {
	return load<u8>(at, EVENT_KIND);
}
export function recordSyscall(at: usize): u32 {
	return load<u8>(at, EVENT_SYSCALL);
}
export function recordDirection(at: usize): u32 {
	return load<u8>(at, EVENT_DIRECTION);
}
export function recordFlags(at: usize): u32 {
	return load<u32>(at, EVENT_FLAGS);
}
export function recordConnFlags(at: usize): u32 {
	return load<u32>(at, EVENT_CONN_FLAGS);
}
export function recordPid(at: usize): u32 {
	return load<u32>(at, EVENT_PID);
}
export function recordTid(at: usize): u32 {
	return load<u32>(at, EVENT_TID);
}
export function recordFd(at: usize): i32 {
	return load<i32>(at, EVENT_FD);
}
export function recordCallBytes(at: usize): u32 {
	return load<u32>(at, EVENT_CALL_BYTES);
}
export function recordCallOffset(at: usize): u32 {
	return load<u32>(at, EVENT_CALL_OFFSET);
}
export function recordBytes(at: usize): u32 {
	return load<u32>(at, EVENT_BYTES);
}
export function recordCaptured(at: usize): u32 {
	return load<u32>(at, EVENT_CAPTURED_BYTES);
}
export function recordTime(at: usize): u64 {
	return load<u64>(at, EVENT_TIME_NS);
}
export function recordConn(at: usize): u64 {
	return load<u64>(at, EVENT_CONN);
}
export function recordOffset(at: usize): u64 {
	return load<u64>(at, EVENT_STREAM_OFFSET);
}
/** enum capture_tls_library, of a record with FLAG_PLAINTEXT. */
export function recordLibrary(at: usize): u32 {
	return load<u32>(at, EVENT_RESERVED);
}
export function recordComm(at: usize): usize {
	return at + EVENT_COMM;
}
export function recordPayload(at: usize): usize {
	return at + CAPTURE_EVENT_HEADER_BYTES;
}
