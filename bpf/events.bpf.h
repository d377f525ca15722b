/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* What all records have in common. */
#ifndef TINYTAP_EVENTS_BPF_H
#define TINYTAP_EVENTS_BPF_H

#include "maps.bpf.h"

/* The reader polls, and is woken only by the record with which much data waits. (Each wake-up costs the watched
 * program some microseconds, so later records must not wake it again.) */
static __always_inline __u64 wake_flags(__u64 size)
{
	__u64 waiting = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);

	return waiting < settings.wake_bytes && waiting + size >= settings.wake_bytes ? BPF_RB_FORCE_WAKEUP
										      : BPF_RB_NO_WAKEUP;
}

/* The conn_flags of a connection's records. */
static __always_inline __u32 connection_flags(const struct connection *connection)
{
	__u32 family = *(__u16 *)connection->addresses;

	if (!family)
		family = *(__u16 *)(connection->addresses + CAPTURE_ADDRESS_BYTES);
	return connection->role | family << 8 | (connection->flags & CONNECTION_HTTP2 ? CAPTURE_CONN_HTTP2 : 0);
}

/* Sets every member; members that a kind does not use are 0. */
static __always_inline void begin_event(struct capture_event *event, __u32 kind, __u64 pid_tgid, __u64 conn,
					const struct connection *connection)
{
	event->version = CAPTURE_EVENT_VERSION;
	event->kind = kind;
	event->syscall = SYSCALL_NONE;
	event->direction = DIRECTION_NONE;
	event->flags = 0;
	event->conn_flags = 0;
	event->pid = pid_tgid >> 32;
	event->tid = pid_tgid;
	event->fd = -1;
	event->call_bytes = 0;
	event->call_offset = 0;
	event->bytes = 0;
	event->captured_bytes = 0;
	event->reserved = 0;
	event->time_ns = 0;
	event->conn = conn;
	event->stream_offset = 0;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	if (connection) {
		event->conn_flags = connection_flags(connection);
		if (connection->flags & CONNECTION_UNVERIFIED)
			event->flags |= FLAG_UNVERIFIED;
		if (connection->flags & CONNECTION_MIDSTREAM)
			event->flags |= FLAG_MIDSTREAM;
	}
}

#endif
