/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * What is known about threads that call TLS libraries. Written by the programs for these libraries (tls.bpf.c), and by
 * the main programs, which note the system calls of threads that a TLS session without a known connection waits for.
 */
#ifndef TINYTAP_TLS_THREADS_BPF_H
#define TINYTAP_TLS_THREADS_BPF_H

#include "maps.bpf.h"

/* A call of a library's function that has not returned yet. */
struct tls_call {
	/* The stack pointer at its entry, where the address to return to is; 0: no call. */
	__u64 stack;
	/* User addresses: of the session, the buffer, and the number of bytes that the call will have moved. */
	__u64 session;
	__u64 buffer;
	__u64 length_at;
	/* The most bytes that it can move. */
	__u64 most;
	__u64 cookie;
	/* 1: because of a filter or a pause, the reader does not get its bytes. */
	__u32 excluded;
	/* 1: a handshake on an established session: is it still the same connection? */
	__u32 again;
};

/* A call, and one on another session inside it: TLS in TLS, or a question to a server while a certificate is checked. */
#define TLS_CALLS 2

struct tls_thread {
	struct tls_call calls[TLS_CALLS];
	/* The session of a call in progress whose connection is wanted; 0: none. */
	__u64 inside;
	/* The connection whose bytes the thread has moved inside that call. */
	__u64 nested;
	/* The connection from which the thread has received last, if no session was called since. */
	__u64 received;
	/* The session called last, and the connection to which the thread has sent first since then. */
	__u64 called;
	__u64 sent;
	/* Sessions that wait for a connection. Above 0, control.tls_waiting counts the thread. */
	__s32 waiting;
	__u32 pad;
};

/* pid_tgid → the thread. The loader adds BPF_F_NO_PREALLOC, or makes it small, as for `descriptors`. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__type(key, __u64);
	__type(value, struct tls_thread);
} tls_threads SEC(".maps");

#endif
