// Generated from bpf/capture_event.h by scripts/generate. Do not edit.
// EVENT_* are the offsets of the members of struct capture_event; the payload begins at CAPTURE_EVENT_HEADER_BYTES.
export const CAPTURE_EVENT_VERSION: i32 = 2;
export const CAPTURE_EVENT_VERSION_FIRST: i32 = 1;
export const CAPTURE_EVENT_PAYLOAD_MAX: i32 = 16384;
export const CAPTURE_COMM_BYTES: i32 = 16;
export const CAPTURE_ADDRESS_BYTES: i32 = 28;
export const CAPTURE_ADDRESSES_BYTES: i32 = 56;
export const CAPTURE_CLOSE_BYTES: i32 = 72;
export const CAPTURE_CLOSE_MEASURED_BYTES: i32 = 80;
export const CAPTURE_UNIX_NAME_BYTES: i32 = 108;
export const CAPTURE_OPEN_UNIX_BYTES: i32 = 288;
export const CAPTURE_OPEN_AT_REST_BYTES: i32 = 16;

// enum capture_kind
export const CAPTURE_DATA: i32 = 1;
export const CAPTURE_OPEN: i32 = 2;
export const CAPTURE_CLOSE: i32 = 3;
export const CAPTURE_EOF: i32 = 4;
export const CAPTURE_SHUTDOWN: i32 = 5;
export const CAPTURE_ERROR: i32 = 6;
export const CAPTURE_PROCESS_EXIT: i32 = 7;
export const CAPTURE_PROCESS_EXEC: i32 = 8;
export const CAPTURE_SHARE: i32 = 9;
export const CAPTURE_PEEK: i32 = 10;
export const CAPTURE_BLIND_SPOT: i32 = 11;
export const CAPTURE_UNSEEN: i32 = 12;
export const CAPTURE_TLS_MAPPED: i32 = 13;
export const CAPTURE_FACT_SOCKET: i32 = 32;
export const CAPTURE_FACT_PROCESS: i32 = 33;
export const CAPTURE_CLOCK: i32 = 34;
export const CAPTURE_LOSS: i32 = 35;
export const CAPTURE_END: i32 = 36;

// enum capture_syscall
export const SYSCALL_NONE: i32 = 0;
export const SYSCALL_READ: i32 = 1;
export const SYSCALL_READV: i32 = 2;
export const SYSCALL_RECVFROM: i32 = 3;
export const SYSCALL_RECVMSG: i32 = 4;
export const SYSCALL_RECVMMSG: i32 = 5;
export const SYSCALL_PREADV: i32 = 6;
export const SYSCALL_PREADV2: i32 = 7;
export const SYSCALL_WRITE: i32 = 8;
export const SYSCALL_WRITEV: i32 = 9;
export const SYSCALL_SENDTO: i32 = 10;
export const SYSCALL_SENDMSG: i32 = 11;
export const SYSCALL_SENDMMSG: i32 = 12;
export const SYSCALL_PWRITEV: i32 = 13;
export const SYSCALL_PWRITEV2: i32 = 14;
export const SYSCALL_SENDFILE: i32 = 15;
export const SYSCALL_SPLICE: i32 = 16;
export const SYSCALL_TEE: i32 = 17;
export const SYSCALL_VMSPLICE: i32 = 18;
export const SYSCALL_ACCEPT: i32 = 19;
export const SYSCALL_ACCEPT4: i32 = 20;
export const SYSCALL_CONNECT: i32 = 21;
export const SYSCALL_SOCKET: i32 = 22;
export const SYSCALL_SOCKETPAIR: i32 = 23;
export const SYSCALL_CLOSE: i32 = 24;
export const SYSCALL_CLOSE_RANGE: i32 = 25;
export const SYSCALL_SHUTDOWN: i32 = 26;
export const SYSCALL_DUP: i32 = 27;
export const SYSCALL_DUP2: i32 = 28;
export const SYSCALL_DUP3: i32 = 29;
export const SYSCALL_FCNTL: i32 = 30;
export const SYSCALL_PIDFD_GETFD: i32 = 31;
export const SYSCALL_EXECVE: i32 = 32;
export const SYSCALL_EXIT: i32 = 33;
export const SYSCALL_FORK: i32 = 34;
export const SYSCALL_IO_URING_ENTER: i32 = 35;
export const SYSCALL_BIND: i32 = 36;
export const SYSCALL_LISTEN: i32 = 37;
export const SYSCALL_IO_SUBMIT: i32 = 38;
export const SYSCALL_SSL_READ: i32 = 64;
export const SYSCALL_SSL_WRITE: i32 = 65;
export const SYSCALL_SSL_SENDFILE: i32 = 66;
export const SYSCALL_GNUTLS_RECORD_RECV: i32 = 67;
export const SYSCALL_GNUTLS_RECORD_SEND: i32 = 68;
export const SYSCALL_PR_READ: i32 = 69;
export const SYSCALL_PR_WRITE: i32 = 70;
export const SYSCALL_MAX: i32 = 71;

// enum capture_direction
export const DIRECTION_NONE: i32 = 0;
export const DIRECTION_IN: i32 = 1;
export const DIRECTION_OUT: i32 = 2;

// enum capture_role
export const ROLE_UNKNOWN: i32 = 0;
export const ROLE_ACCEPTED: i32 = 1;
export const ROLE_CONNECTED: i32 = 2;
export const ROLE_PAIR: i32 = 3;
export const CAPTURE_CONN_HTTP2: i32 = 16777216;
export const CAPTURE_CONN_TLS_UNMAPPED: i32 = 33554432;

// enum capture_tls_library
export const TLS_LIBRARY_NONE: i32 = 0;
export const TLS_LIBRARY_OPENSSL: i32 = 1;
export const TLS_LIBRARY_GNUTLS: i32 = 2;
export const TLS_LIBRARY_NSS: i32 = 3;
export const TLS_LIBRARY_GO: i32 = 4;
export const TLS_LIBRARY_BORINGSSL: i32 = 5;
export const TLS_LIBRARY_MAX: i32 = 6;

// enum capture_blind_spot
export const BLIND_SPOT_IO_URING: i32 = 1;
export const BLIND_SPOT_TLS: i32 = 2;
export const BLIND_SPOT_HTTP2: i32 = 3;
export const BLIND_SPOT_SPLICE: i32 = 4;
export const BLIND_SPOT_32BIT: i32 = 5;
export const BLIND_SPOT_AIO: i32 = 6;

// enum capture_flag
export const FLAG_ZERO_COPY: i32 = 1;
export const FLAG_CUT_CAPTURE_LIMIT: i32 = 2;
export const FLAG_CUT_IOVEC_LIMIT: i32 = 4;
export const FLAG_CUT_FAULT: i32 = 8;
export const FLAG_CUT_BODY_LIMIT: i32 = 16;
export const FLAG_UNVERIFIED: i32 = 32;
export const FLAG_MIDSTREAM: i32 = 64;
export const FLAG_PEEK: i32 = 128;
export const FLAG_DISCARDED: i32 = 256;
export const FLAG_PART: i32 = 512;
export const FLAG_OOB: i32 = 1024;
export const FLAG_MULTI: i32 = 2048;
export const FLAG_ALL_READ: i32 = 4096;
export const FLAG_AFTER_UNSEEN: i32 = 8192;
export const FLAG_UNREAD: i32 = 16384;
export const FLAG_PLAINTEXT: i32 = 32768;

// enum capture_loss
export const LOSS_RING_FULL: i32 = 0;
export const LOSS_MAP_FULL: i32 = 1;
export const LOSS_FAULT: i32 = 2;
export const LOSS_IOVEC_BOUND: i32 = 3;
export const LOSS_DECODE_GAP: i32 = 4;
export const LOSS_TABLE_FULL: i32 = 5;
export const LOSS_OUTPUT_DROPPED: i32 = 6;
export const LOSS_RECORDING_STOPPED: i32 = 7;
export const LOSS_BODY_LIMIT: i32 = 8;
export const LOSS_CAPTURE_LIMIT: i32 = 9;
export const LOSS_ZERO_COPY: i32 = 10;
export const LOSS_PEEK: i32 = 11;
export const LOSS_EXCLUDED: i32 = 12;
export const LOSS_EVICTED: i32 = 13;
export const LOSS_UNSEEN: i32 = 14;
export const LOSS_MISSED: i32 = 15;
export const LOSS_TLS_LATE: i32 = 16;
export const LOSS_TLS_UNMAPPED: i32 = 17;
export const LOSS_MAX: i32 = 18;

// struct capture_event
export const EVENT_SIZE: i32 = 0;
export const EVENT_VERSION: i32 = 4;
export const EVENT_KIND: i32 = 5;
export const EVENT_SYSCALL: i32 = 6;
export const EVENT_DIRECTION: i32 = 7;
export const EVENT_FLAGS: i32 = 8;
export const EVENT_CONN_FLAGS: i32 = 12;
export const EVENT_PID: i32 = 16;
export const EVENT_TID: i32 = 20;
export const EVENT_FD: i32 = 24;
export const EVENT_CALL_BYTES: i32 = 28;
export const EVENT_CALL_OFFSET: i32 = 32;
export const EVENT_BYTES: i32 = 36;
export const EVENT_CAPTURED_BYTES: i32 = 40;
export const EVENT_RESERVED: i32 = 44;
export const EVENT_TIME_NS: i32 = 48;
export const EVENT_CONN: i32 = 56;
export const EVENT_STREAM_OFFSET: i32 = 64;
export const EVENT_COMM: i32 = 72;
export const CAPTURE_EVENT_HEADER_BYTES: i32 = 88;
