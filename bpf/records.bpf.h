/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* Puts records into the ring. Every byte of a record is set. A record that does not fit is counted as lost. */
#ifndef TINYTAP_RECORDS_BPF_H
#define TINYTAP_RECORDS_BPF_H

#include "events.bpf.h"
#include "identity.bpf.h"

/* Sends scratch->small with `payload_bytes` (at most SMALL_PAYLOAD) of small_payload. Returns 0, or an error if
 * the ring is full. */
static __always_inline long send_small(struct scratch *s, __u64 payload_bytes)
{
	__u64 size;
	long error;

	FORGET(payload_bytes);
	if (payload_bytes > SMALL_PAYLOAD)
		payload_bytes = SMALL_PAYLOAD;
	size = sizeof(struct capture_event) + payload_bytes;
	s->small.size = size;
	s->small.captured_bytes = payload_bytes;
	error = bpf_ringbuf_output(&ring, &s->small, size, wake_flags(size));
	if (error)
		count_loss(LOSS_RING_FULL, s->small.bytes);
	return error;
}

/* Sends CAPTURE_OPEN, which precedes every other record of a connection. */
static SHARED long send_open(struct scratch *s, struct connection *connection, __u64 conn, __u64 pid_tgid, __s32 fd)
{
	__u64 bytes = CAPTURE_ADDRESSES_BYTES;

	if (!s || !connection)
		return 0;
	begin_event(&s->small, CAPTURE_OPEN, pid_tgid, conn, connection);
	s->small.fd = fd;
	s->small.time_ns = connection->opened_ns;
	s->small.stream_offset = connection->connect_ns;
	s->small.syscall = connection->role == ROLE_ACCEPTED    ? SYSCALL_ACCEPT4
			   : connection->role == ROLE_CONNECTED ? SYSCALL_CONNECT
			   : connection->role == ROLE_PAIR      ? SYSCALL_SOCKETPAIR
								: SYSCALL_NONE;
	if (*(__u16 *)connection->addresses == AF_UNIX && read_unix_ends(s, fd))
		bytes = CAPTURE_OPEN_UNIX_BYTES;
	else
		__builtin_memcpy(s->small_payload, connection->addresses, CAPTURE_ADDRESSES_BYTES);
	if (!send_small(s, bytes))
		connection->flags |= CONNECTION_OPEN_SENT;
	return 0;
}

/* Sends a record without payload about a connection that the reader already knows. */
static __always_inline void send_note(struct scratch *s, struct connection *connection, __u64 conn, __u32 kind,
				      __u32 syscall, __u32 direction, __u64 pid_tgid, __s32 fd, __u32 call_bytes)
{
	begin_event(&s->small, kind, pid_tgid, conn, connection);
	s->small.syscall = syscall;
	s->small.direction = direction;
	s->small.fd = fd;
	s->small.call_bytes = call_bytes;
	s->small.time_ns = bpf_ktime_get_boot_ns();
	if (kind == CAPTURE_PEEK)
		s->small.flags |= s->call.message_flags & MSG_PEEK ? FLAG_PEEK : FLAG_OOB;
	if (direction)
		s->small.stream_offset = connection->offset[(direction - 1) & 1];
	send_small(s, 0);
}

/* Sends CAPTURE_CLOSE with the addresses, the offsets reached, and what the socket behind `fd` has measured. */
static __always_inline void send_close(struct scratch *s, struct connection *connection, __u64 conn, __u32 syscall,
				       __u64 pid_tgid, __s32 fd, bool unseen)
{
	begin_event(&s->small, CAPTURE_CLOSE, pid_tgid, conn, connection);
	if (unseen)
		s->small.flags |= FLAG_AFTER_UNSEEN;
	s->small.syscall = syscall;
	s->small.fd = fd;
	s->small.time_ns = bpf_ktime_get_boot_ns();
	__builtin_memcpy(s->small_payload, connection->addresses, CAPTURE_ADDRESSES_BYTES);
	__builtin_memcpy(s->small_payload + CAPTURE_ADDRESSES_BYTES, connection->offset, sizeof(connection->offset));
	read_measures(connection, fd, (__u32 *)(s->small_payload + CAPTURE_CLOSE_BYTES));
	send_small(s, CAPTURE_CLOSE_MEASURED_BYTES);
}

#define TELL_AGAIN_NS 5000000000ULL

/* Sends CAPTURE_BLIND_SPOT, unless this process was reported within the last few seconds. */
static __always_inline void tell_blind_spot(struct scratch *s, __u32 what, __u32 syscall, __u64 pid_tgid, __u64 conn,
					    __s32 fd)
{
	struct blind_spot_key key = { .pid = pid_tgid >> 32, .what = what };
	__u64 now = bpf_ktime_get_boot_ns(), *told = bpf_map_lookup_elem(&told_blind_spots, &key);

	if (told && now - *told < TELL_AGAIN_NS)
		return;
	bpf_map_update_elem(&told_blind_spots, &key, &now, BPF_ANY);
	begin_event(&s->small, CAPTURE_BLIND_SPOT, pid_tgid, conn, NULL);
	s->small.syscall = syscall;
	s->small.fd = fd;
	s->small.call_bytes = what;
	s->small.time_ns = now;
	send_small(s, 0);
}

#endif
