/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * The wire format: the records that the BPF programs put into the ring buffer, the addon passes on, a recording
 * stores and the decoder reads. This file is the only handwritten definition; the AssemblyScript constants are
 * generated from it (npm run generate) and docs/event-schema.md describes it.
 *
 * A record is one `struct capture_event` followed by `captured_bytes` bytes of payload. `size` counts both. In a
 * batch (the unit that the addon hands over and that a frame of a recording holds), each record begins at a
 * multiple of 8 bytes, and the padding is zero. All integers are little-endian.
 *
 * To change it: edit here, add 1 to CAPTURE_EVENT_VERSION, run `npm run generate`. The parser in scripts/generate
 * understands: #define NAME NUMBER, enums with explicit values, and the one struct.
 */
#ifndef TINYTAP_CAPTURE_EVENT_H
#define TINYTAP_CAPTURE_EVENT_H

#define CAPTURE_EVENT_VERSION 2
/* Records of this version and later ones are read. Version 1 had no plaintext of TLS. */
#define CAPTURE_EVENT_VERSION_FIRST 1

/* Maximum payload bytes of one record. A per-CPU map value may have 32 KiB, and using only half of it keeps the
 * verifier's bound on offset + length simple. A call that moved more gives several records. */
#define CAPTURE_EVENT_PAYLOAD_MAX 16384

#define CAPTURE_COMM_BYTES 16

/* One address in a payload, always this long: AF_INET is u16 family (2), u16 port big-endian, 4 bytes of address,
 * zeros; AF_INET6 is u16 family (10), u16 port big-endian, u32 flow info, 16 bytes of address, u32 scope id (a
 * struct sockaddr_in6), also for IPv4 addresses in IPv6 form; AF_UNIX is u16 family (1), six zeros, u64 inode
 * number of the socket (0: not known), zeros. Family 0: not known, all zeros. */
#define CAPTURE_ADDRESS_BYTES 28
/* Peer, then local. */
#define CAPTURE_ADDRESSES_BYTES 56
/* Addresses, then two u64. */
#define CAPTURE_CLOSE_BYTES 72
/* The same, then two u32. */
#define CAPTURE_CLOSE_MEASURED_BYTES 80
/* Maximum bytes of a unix socket's name: sun_path of struct sockaddr_un. */
#define CAPTURE_UNIX_NAME_BYTES 108
/* Addresses, two u64, then two names. */
#define CAPTURE_OPEN_UNIX_BYTES 288
/* Two u64. */
#define CAPTURE_OPEN_AT_REST_BYTES 16

enum capture_kind {
	/* A call moved bytes of a connection; the payload is (a part of) these bytes. A TLS connection
	 * has such records for the calls that may carry its hellos, and later the CAPTURE_CLOSE, unless the
	 * answer begins like HTTP/1. If earlier calls were not recognised as HTTP, their bytes are sent once they or the answer
	 * are recognised: in one record before that of the deciding call (the first BEGINNING_BYTES; the rest is
	 * cut by the capture limit).
	 * With FLAG_PLAINTEXT the bytes are what a TLS library has handed to its program (in), or has taken from it (out), when
	 * its function `syscall` returned: all that one call moved, as records in order. `reserved` is enum capture_tls_library,
	 * `fd` is -1, and `stream_offset` counts the plaintext of this direction from the beginning of the TLS session, or, with
	 * FLAG_MIDSTREAM, from the first call that the probes saw. `conn` is the connection of the session's socket; while that is
	 * not known, it is a connection of its own: a CAPTURE_OPEN without addresses comes first, and all its records have
	 * CAPTURE_CONN_TLS_UNMAPPED. A session ends with a CAPTURE_CLOSE with FLAG_PLAINTEXT, or with the connection. If then
	 * plaintext comes again on the same connection, it is another session, whose offsets begin anew. */
	CAPTURE_DATA = 1,
	/* A connection began, or one of its addresses became known. This record precedes the connection's first record of any
	 * other kind, so a connection without other records has none; time_ns is that of accept/connect if it was
	 * seen. It may be repeated when an address is learned later; a known address then replaces an unknown one. Payload: empty,
	 * or CAPTURE_ADDRESSES_BYTES: the peer's address, then the local one. stream_offset is how long connecting took in
	 * nanoseconds, from the first packet sent to the connection's being established; 0: not known. For a unix socket, if the kernel has type information,
	 * CAPTURE_OPEN_UNIX_BYTES: the addresses, two u64 with the lengths of the peer's name and the local one (0: none), then
	 * both names, each padded with zeros to CAPTURE_UNIX_NAME_BYTES. Or, in a recording that began later than the connection
	 * (FLAG_MIDSTREAM), if no exchange was in progress then, CAPTURE_OPEN_AT_REST_BYTES: two u64, the stream offsets reached
	 * in directions in and out. The next message of each direction begins there. */
	CAPTURE_OPEN = 2,
	/* The last known descriptor of the connection was closed: `syscall` says how (close, close_range, dup2/dup3 over it,
	 * execve with close-on-exec, EXIT when its last process ended). Payload: empty, or CAPTURE_CLOSE_BYTES: the two
	 * addresses as in CAPTURE_OPEN, then two u64, the stream offsets reached in directions in and out. With these, records
	 * lost at the very end also leave a hole of known size. Or CAPTURE_CLOSE_MEASURED_BYTES: the same, then what the TCP
	 * socket has measured: u32, its smoothed round-trip time in microseconds (0: not known), and u32, the number of
	 * segments that it sent again, plus 1 (0: not known). With FLAG_PLAINTEXT only the plaintext of the connection has ended,
	 * because its TLS session has: CAPTURE_CLOSE_BYTES with addresses of zeros and the offsets of the plaintext. The
	 * CAPTURE_CLOSE of the connection itself still comes, unless the connection is one with CAPTURE_CONN_TLS_UNMAPPED. (Such
	 * a connection also ends with its process, without any CAPTURE_CLOSE.) */
	CAPTURE_CLOSE = 3,
	/* read/recv returned 0: the peer will send nothing more (direction in). */
	CAPTURE_EOF = 4,
	/* shutdown(2): `direction` says which half, NONE for both; call_bytes is its `how` argument. */
	CAPTURE_SHUTDOWN = 5,
	/* A call on the connection failed permanently; call_bytes is errno (ECONNRESET, EPIPE …). */
	CAPTURE_ERROR = 6,
	/* A process with a known connection ended. Connections that only it held end with it: a CAPTURE_CLOSE with SYSCALL_EXIT
	 * follows for each. conn is 0. */
	CAPTURE_PROCESS_EXIT = 7,
	/* A process with a known connection called execve successfully; comm is the new name. conn is 0. */
	CAPTURE_PROCESS_EXEC = 8,
	/* Process `pid` now also holds the connection, as descriptor `fd` (dup, fork, descriptor passing). */
	CAPTURE_SHARE = 9,
	/* Bytes that are not part of the stream were seen (FLAG_PEEK, or FLAG_OOB for urgent data): only for
	 * `events` and `loss`, no payload. */
	CAPTURE_PEEK = 10,
	/* Process `pid` did something that system calls do not show: call_bytes is enum capture_blind_spot. conn
	 * is 0 or the connection. Sent at most once per process and reason every few seconds. */
	CAPTURE_BLIND_SPOT = 11,
	/* A call moved bytes of `conn` in `direction` on a socket that does not count them. Neither the bytes nor
	 * their number is known. They belong at stream_offset, but no stream_offset includes them. */
	CAPTURE_UNSEEN = 12,
	/* It is now known to which connection a TLS session belongs whose plaintext was sent as connection `conn` until now
	 * (CAPTURE_CONN_TLS_UNMAPPED): to stream_offset, of which a CAPTURE_OPEN has been sent. The session's later records have
	 * that id, and its offsets continue. Nothing more comes of `conn`. With FLAG_PLAINTEXT. */
	CAPTURE_TLS_MAPPED = 13,

	/* User space makes the records below and adds them to the same stream, so that recordings contain them. */

	/* Answer to a question about a connection. The payload is lines of text, see docs/event-schema.md:
	 * `socket|file|unknown LF local LF remote LF`, addresses as `ip:port`, `[v6]:port`, `unix:/path` or empty. */
	CAPTURE_FACT_SOCKET = 32,
	/* Facts about process `pid`: payload is `comm NUL cgroup NUL cmdline NUL exe` (cmdline's arguments
	 * separated by 0x1F; `NUL exe` is missing in older recordings). All empty: the process had ended. */
	CAPTURE_FACT_PROCESS = 33,
	/* A pair of clocks: time_ns is CLOCK_BOOTTIME, stream_offset is nanoseconds since the epoch at that instant. */
	CAPTURE_CLOCK = 34,
	/* A loss counter, which belongs to no connection: call_bytes is enum capture_loss, stream_offset the
	 * number of events, and conn, the other 64-bit member, the number of bytes. Both are totals since the
	 * start, so repeating a record changes nothing. */
	CAPTURE_LOSS = 35,
	/* The capture ended here; nothing follows. */
	CAPTURE_END = 36,
};

/* Ids never change: a new call gets a new number. Names are the column values of `via` and `events.syscall`. */
enum capture_syscall {
	SYSCALL_NONE = 0,
	SYSCALL_READ = 1,
	SYSCALL_READV = 2,
	SYSCALL_RECVFROM = 3,
	SYSCALL_RECVMSG = 4,
	SYSCALL_RECVMMSG = 5,
	SYSCALL_PREADV = 6,
	SYSCALL_PREADV2 = 7,
	SYSCALL_WRITE = 8,
	SYSCALL_WRITEV = 9,
	SYSCALL_SENDTO = 10,
	SYSCALL_SENDMSG = 11,
	SYSCALL_SENDMMSG = 12,
	SYSCALL_PWRITEV = 13,
	SYSCALL_PWRITEV2 = 14,
	SYSCALL_SENDFILE = 15,
	SYSCALL_SPLICE = 16,
	SYSCALL_TEE = 17,
	SYSCALL_VMSPLICE = 18,
	SYSCALL_ACCEPT = 19,
	SYSCALL_ACCEPT4 = 20,
	SYSCALL_CONNECT = 21,
	SYSCALL_SOCKET = 22,
	SYSCALL_SOCKETPAIR = 23,
	SYSCALL_CLOSE = 24,
	SYSCALL_CLOSE_RANGE = 25,
	SYSCALL_SHUTDOWN = 26,
	SYSCALL_DUP = 27,
	SYSCALL_DUP2 = 28,
	SYSCALL_DUP3 = 29,
	SYSCALL_FCNTL = 30,
	SYSCALL_PIDFD_GETFD = 31,
	SYSCALL_EXECVE = 32,
	SYSCALL_EXIT = 33,
	SYSCALL_FORK = 34,
	SYSCALL_IO_URING_ENTER = 35,
	SYSCALL_BIND = 36,
	SYSCALL_LISTEN = 37,
	SYSCALL_IO_SUBMIT = 38,
	/* Functions of TLS libraries, for records with FLAG_PLAINTEXT. */
	SYSCALL_SSL_READ = 64,
	SYSCALL_SSL_WRITE = 65,
	SYSCALL_SSL_SENDFILE = 66,
	SYSCALL_GNUTLS_RECORD_RECV = 67,
	SYSCALL_GNUTLS_RECORD_SEND = 68,
	SYSCALL_PR_READ = 69,
	SYSCALL_PR_WRITE = 70,
	SYSCALL_MAX = 71,
};

enum capture_direction {
	DIRECTION_NONE = 0,
	DIRECTION_IN = 1,
	DIRECTION_OUT = 2,
};

/* How a connection was made, in the low byte of `conn_flags`. */
enum capture_role {
	ROLE_UNKNOWN = 0,
	ROLE_ACCEPTED = 1,
	ROLE_CONNECTED = 2,
	ROLE_PAIR = 3,
};

/* In `conn_flags`: the connection carries HTTP/2, judging by its preface or by its frames. */
#define CAPTURE_CONN_HTTP2 16777216
/* … It stands for the plaintext of a TLS session whose connection is not known. */
#define CAPTURE_CONN_TLS_UNMAPPED 33554432

/* The library that a record with FLAG_PLAINTEXT comes from, in `reserved`. */
enum capture_tls_library {
	TLS_LIBRARY_NONE = 0,
	TLS_LIBRARY_OPENSSL = 1,
	TLS_LIBRARY_GNUTLS = 2,
	TLS_LIBRARY_NSS = 3,
	TLS_LIBRARY_GO = 4,
	TLS_LIBRARY_BORINGSSL = 5,
	TLS_LIBRARY_MAX = 6,
};

/* The reasons for a CAPTURE_BLIND_SPOT. */
enum capture_blind_spot {
	BLIND_SPOT_IO_URING = 1,
	BLIND_SPOT_TLS = 2,
	BLIND_SPOT_HTTP2 = 3,
	BLIND_SPOT_SPLICE = 4,
	BLIND_SPOT_32BIT = 5,
	BLIND_SPOT_AIO = 6,
};

/* Bits of `flags`. */
enum capture_flag {
	/* The bytes stayed inside the kernel (sendfile, splice): counted, but not captured. */
	FLAG_ZERO_COPY = 1,
	/* The call's bytes beyond this record's payload were cut by the capture limit. */
	FLAG_CUT_CAPTURE_LIMIT = 2,
	/* … by the limit on iovecs. */
	FLAG_CUT_IOVEC_LIMIT = 4,
	/* … because the memory could not be read. */
	FLAG_CUT_FAULT = 8,
	/* … because user space said that they belong to a body and exceed the body limit. */
	FLAG_CUT_BODY_LIMIT = 16,
	/* The kernel side does not know whether the descriptor is a socket: rows wait for FACT_SOCKET. */
	FLAG_UNVERIFIED = 32,
	/* The connection existed before the capture began, or its first bytes were excluded or not HTTP. The
	 * stream begins at the first offset seen; there is no hole before it. */
	FLAG_MIDSTREAM = 64,
	/* MSG_PEEK: the bytes stay in the socket's queue. */
	FLAG_PEEK = 128,
	/* MSG_TRUNC: the kernel discarded the bytes on request. */
	FLAG_DISCARDED = 256,
	/* One of several records of the same call (call_offset tells which part). */
	FLAG_PART = 512,
	/* MSG_OOB: urgent data, not in the stream. */
	FLAG_OOB = 1024,
	/* The call was recvmmsg or sendmmsg; call_offset counts over all its messages. */
	FLAG_MULTI = 2048,
	/* Sent after a silence on the connection, when the program had read everything that had arrived: no outstanding response
	 * arrived in the meantime. */
	FLAG_ALL_READ = 4096,
	/* No call showed the bytes missing before this record (for a CAPTURE_CLOSE: at a stream's end). They
	 * moved by io_uring or AIO. */
	FLAG_AFTER_UNSEEN = 8192,
	/* Like FLAG_ALL_READ, but the program had not read everything: unread bytes cannot answer what it is sending now. */
	FLAG_UNREAD = 16384,
	/* Plaintext of TLS, or (CAPTURE_CLOSE) its end. FLAG_MIDSTREAM then means that the TLS session is older than the
	 * probes. */
	FLAG_PLAINTEXT = 32768,
};

/* Reasons of table `loss`, in the order of the counters' map. */
enum capture_loss {
	LOSS_RING_FULL = 0,
	LOSS_MAP_FULL = 1,
	LOSS_FAULT = 2,
	LOSS_IOVEC_BOUND = 3,
	LOSS_DECODE_GAP = 4,
	LOSS_TABLE_FULL = 5,
	LOSS_OUTPUT_DROPPED = 6,
	LOSS_RECORDING_STOPPED = 7,
	LOSS_BODY_LIMIT = 8,
	LOSS_CAPTURE_LIMIT = 9,
	LOSS_ZERO_COPY = 10,
	LOSS_PEEK = 11,
	LOSS_EXCLUDED = 12,
	LOSS_EVICTED = 13,
	LOSS_UNSEEN = 14,
	/* Program runs that the kernel skipped, that found their working memory in use, or that did not finish a
	 * record. */
	LOSS_MISSED = 15,
	/* Plaintext of TLS sessions that began before the probes were attached, and of those whose connection is not known. */
	LOSS_TLS_LATE = 16,
	LOSS_TLS_UNMAPPED = 17,
	LOSS_MAX = 18,
};

struct capture_event {
	/* Size of this record in bytes, header and payload. The next record begins this many bytes later, rounded
	 * up to a multiple of 8. */
	__u32 size;
	/* CAPTURE_EVENT_VERSION. */
	__u8 version;
	/* enum capture_kind. */
	__u8 kind;
	/* enum capture_syscall. */
	__u8 syscall;
	/* enum capture_direction, seen from the process: `in` is what it receives. */
	__u8 direction;
	/* enum capture_flag. */
	__u32 flags;
	/* enum capture_role in the low byte; the address family in bits 8-23 if known (AF_INET 2, AF_INET6 10,
	 * AF_UNIX 1); CAPTURE_CONN_HTTP2, CAPTURE_CONN_TLS_UNMAPPED. */
	__u32 conn_flags;
	/* The process (tgid), in the initial pid namespace. */
	__u32 pid;
	/* The thread. */
	__u32 tid;
	/* The descriptor number in the process; for sendfile, out_fd. -1 if there is none. */
	__s32 fd;
	/* The call's return value in bytes (repeated in each record of the call), or as described for the kind. */
	__u32 call_bytes;
	/* Offset of this record's first byte within the call. */
	__u32 call_offset;
	/* Bytes of the stream that this record stands for: first the captured ones, then the cut ones. */
	__u32 bytes;
	/* Bytes of payload that follow. */
	__u32 captured_bytes;
	/* With FLAG_PLAINTEXT enum capture_tls_library, otherwise 0. */
	__u32 reserved;
	/* CLOCK_BOOTTIME in nanoseconds when the call returned. */
	__u64 time_ns;
	/* The connection: unique during the capture, and the same for every descriptor of one socket, as far as the calls
	 * show it. 0: none. */
	__u64 conn;
	/* Offset of this record's first byte in the stream (conn, direction). It counts all bytes that calls
	 * returned, even those that did not reach user space, so the size of a hole is exact. */
	__u64 stream_offset;
	/* The thread's name (task comm), NUL-padded. */
	__u8 comm[CAPTURE_COMM_BYTES];
};

#endif
