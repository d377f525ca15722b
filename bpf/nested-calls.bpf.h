/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* Notes which connections a thread moves bytes of, inside the functions of a TLS library and between them: that shows
 * which connection a TLS session belongs to. */
#ifndef TINYTAP_NESTED_CALLS_BPF_H
#define TINYTAP_NESTED_CALLS_BPF_H

#include "calls.bpf.h"
#include "descriptors.bpf.h"
#include "tls-threads.bpf.h"

/* Does the memory of a call begin with a record of TLS that holds application data? */
static __always_inline bool begins_with_data_record(__u64 pointer, __u32 shape)
{
	struct iovec iovec;
	__u8 first[3] = {};

	if (shape == SHAPE_IOVECS) {
		if (bpf_probe_read_user(&iovec, sizeof(iovec), (void *)pointer))
			return false;
		pointer = iovec.base;
	} else if (shape != SHAPE_BUFFER) {
		return false;
	}
	return !bpf_probe_read_user(first, sizeof(first), (void *)pointer) && first[0] == 0x17 && first[1] == 3 &&
	       first[2] <= 4;
}

/* Notes a call that has moved bytes. A connection whose hellos were not seen is recognised here by its records. */
static __noinline long note_tls_call(__s32 fd, __u32 direction, __u64 pointer, __u32 shape)
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
	if (!connection || connection->flags & CONNECTION_HTTP)
		return 0;
	is_tls = connection->flags & CONNECTION_LABELLED;
	if (!is_tls && begins_with_data_record(pointer, shape)) {
		connection->flags |= CONNECTION_LABELLED | CONNECTION_PAST_HELLOS;
		is_tls = true;
	}
	/* The call with the first bytes of a connection is labelled later. */
	if (!is_tls && connection->flags & CONNECTION_ANSWERED)
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
