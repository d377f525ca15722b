/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* Notes which connections a thread moves bytes of, inside the functions of a TLS library and between them: that shows
 * which connection a TLS session belongs to. */
#ifndef TINYTAP_NESTED_CALLS_BPF_H
#define TINYTAP_NESTED_CALLS_BPF_H

#include "calls.bpf.h"
#include "descriptors.bpf.h"
#include "tls-threads.bpf.h"

/* Types of TLS records. */
#define RECORD_FIRST 0x14
#define RECORD_DATA 0x17

/* The type of the TLS record with which the memory of a call begins; 0: none. */
static __always_inline __u8 record_type(__u64 pointer, __u32 shape)
{
	struct iovec iovec;
	__u8 first[3] = {};

	if (shape == SHAPE_IOVECS) {
		if (bpf_probe_read_user(&iovec, sizeof(iovec), (void *)pointer))
			return 0;
		pointer = iovec.base;
	} else if (shape != SHAPE_BUFFER) {
		return 0;
	}
	if (bpf_probe_read_user(first, sizeof(first), (void *)pointer) || first[1] != 3 || first[2] > 4)
		return 0;
	return first[0] >= RECORD_FIRST && first[0] <= RECORD_DATA ? first[0] : 0;
}

/* Does the connection carry TLS, as far as this call shows? It is labelled, or its hellos were not seen but this call
 * begins with a later record, or an HTTP proxy's client speaks TLS through its tunnel. */
static __always_inline bool carries_tls(struct connection *connection, __u64 pointer, __u32 shape)
{
	__u8 type;

	if (connection->flags & CONNECTION_LABELLED)
		return true;
	type = record_type(pointer, shape);
	if (connection->flags & CONNECTION_HTTP && type) {
		connection->flags |= CONNECTION_LABELLED;
		return true;
	}
	if (type != RECORD_DATA)
		return false;
	connection->flags |= CONNECTION_LABELLED | CONNECTION_PAST_HELLOS;
	return true;
}

/* Notes a call that has moved bytes. A global function, so that the verifier checks it only once. */
__noinline long note_tls_call(__s32 fd, __u32 direction, __u64 pointer, __u32 shape)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid(), *slot, conn;
	struct tls_thread *thread = bpf_map_lookup_elem(&tls_threads, &pid_tgid);
	struct connection *connection;
	bool is_tls;

	if (!thread || thread->waiting <= 0)
		return 0;
	slot = find_descriptor(pid_tgid >> 32, fd);
	conn = slot ? descriptor_conn(*slot) : 0;
	connection = conn ? bpf_map_lookup_elem(&connections, &conn) : NULL;
	if (!connection)
		return 0;
	is_tls = carries_tls(connection, pointer, shape);
	/* The call with the first bytes of a connection is labelled later. */
	if (!is_tls && connection->flags & (CONNECTION_ANSWERED | CONNECTION_HTTP))
		return 0;
	if (thread->inside) {
		if (is_tls || !thread->nested)
			thread->nested = conn;
	} else if (direction == DIRECTION_IN) {
		thread->received = conn;
	} else if (thread->called && !thread->sent) {
		thread->sent = conn;
	}
	return 0;
}

#endif
