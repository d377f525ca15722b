/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * Records about TLS sessions. Programs in user space's functions may be preempted, so they have no working memory of
 * their CPU and write records directly into the ring, in rooms of a few sizes: the verifier wants constants.
 */
#ifndef TINYTAP_TLS_RECORDS_BPF_H
#define TINYTAP_TLS_RECORDS_BPF_H

#include "events.bpf.h"

#define PAGE_BYTES 4096
/* Enough for the records of 2 GiB, the most a call can move. */
#define PLAINTEXT_STEPS (1 << 18)

/* Like count_loss(), for programs that may be preempted. */
static __noinline long count_tls_loss(__u32 reason, __u64 bytes)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct loss_counters *counters = bpf_map_lookup_elem(&losses, &cpu);

	if (!counters || reason >= LOSS_MAX)
		return 0;
	__sync_fetch_and_add(&counters->reasons[reason].events, 1);
	__sync_fetch_and_add(&counters->reasons[reason].bytes, bytes);
	return 0;
}

/* Notes that a CAPTURE_PROCESS_EXIT must be sent for the process. */
static __always_inline void mark_process(__u32 pid)
{
	__u32 *table = control.sharing ? bpf_map_lookup_elem(&shared_tables, &pid) : NULL, key = table ? *table : pid;
	struct process *process = bpf_map_lookup_elem(&processes, &key);

	if (process)
		process->seen_http = 1;
}

/* Room for a record with `payload_bytes`. NULL, counted: the ring is full. */
#define RESERVE(payload_bytes)                                                                         \
	({                                                                                             \
		struct capture_event *room =                                                           \
			bpf_ringbuf_reserve(&ring, sizeof(struct capture_event) + (payload_bytes), 0); \
		if (!room)                                                                             \
			count_tls_loss(LOSS_RING_FULL, 0);                                             \
		room;                                                                                  \
	})

static __always_inline void submit(struct capture_event *event, __u64 payload_bytes)
{
	event->size = sizeof(*event) + payload_bytes;
	event->captured_bytes = payload_bytes;
	bpf_ringbuf_submit(event, wake_flags(event->size));
}

/* `connection`: NULL: one that stands for a session without a known connection. */
static __always_inline void send_tls_open(__u64 pid_tgid, __u64 conn, struct connection *connection)
{
	struct capture_event *event = RESERVE(CAPTURE_ADDRESSES_BYTES);

	if (!event)
		return;
	begin_event(event, CAPTURE_OPEN, pid_tgid, conn, connection);
	if (connection) {
		event->time_ns = connection->opened_ns;
		event->stream_offset = connection->connect_ns;
		event->syscall = connection->role == ROLE_ACCEPTED    ? SYSCALL_ACCEPT4
				 : connection->role == ROLE_CONNECTED ? SYSCALL_CONNECT
				 : connection->role == ROLE_PAIR      ? SYSCALL_SOCKETPAIR
								      : SYSCALL_NONE;
		__builtin_memcpy(event + 1, connection->addresses, CAPTURE_ADDRESSES_BYTES);
		connection->flags |= CONNECTION_OPEN_SENT;
	} else {
		event->flags = FLAG_PLAINTEXT;
		event->conn_flags = CAPTURE_CONN_TLS_UNMAPPED;
		event->time_ns = bpf_ktime_get_boot_ns();
		__builtin_memset(event + 1, 0, CAPTURE_ADDRESSES_BYTES);
	}
	submit(event, CAPTURE_ADDRESSES_BYTES);
}

static __always_inline void send_plaintext_close(__u64 pid_tgid, __u64 conn, struct connection *connection,
						 const __u64 *offset)
{
	struct capture_event *event = RESERVE(CAPTURE_CLOSE_BYTES);
	__u8 *payload = (__u8 *)(event + 1);

	if (!event)
		return;
	begin_event(event, CAPTURE_CLOSE, pid_tgid, conn, connection);
	event->flags = FLAG_PLAINTEXT;
	if (!connection)
		event->conn_flags = CAPTURE_CONN_TLS_UNMAPPED;
	event->time_ns = bpf_ktime_get_boot_ns();
	__builtin_memset(payload, 0, CAPTURE_ADDRESSES_BYTES);
	__builtin_memcpy(payload + CAPTURE_ADDRESSES_BYTES, offset, 2 * sizeof(*offset));
	submit(event, CAPTURE_CLOSE_BYTES);
}

static __always_inline void send_mapped(__u64 pid_tgid, __u64 own_conn, __u64 conn)
{
	struct capture_event *event = RESERVE(0);

	if (!event)
		return;
	begin_event(event, CAPTURE_TLS_MAPPED, pid_tgid, own_conn, NULL);
	event->flags = FLAG_PLAINTEXT;
	event->conn_flags = CAPTURE_CONN_TLS_UNMAPPED;
	event->time_ns = bpf_ktime_get_boot_ns();
	event->stream_offset = conn;
	submit(event, 0);
}

/* The plaintext of a call on its way into records. */
struct plaintext {
	__u64 pid_tgid;
	__u64 conn;
	__u64 time_ns;
	/* The offset in the stream at which the call's bytes begin, and their number. */
	__u64 stream_offset;
	__u64 bytes;
	/* User address of the next byte, the bytes sent so far and those left. */
	__u64 at;
	__u64 sent;
	__u64 left;
	/* Bytes that may still be copied. */
	__u64 capture_left;
	/* A read of several pages failed: go page by page up to this address. */
	__u64 careful_until;
	__u32 conn_flags;
	__u32 flags;
	__u32 syscall;
	__u32 direction;
	__u32 library;
	__u32 pad;
};

/* Sends a record for the next `bytes`, with `copied` of them in a room of `ROOM` bytes; `cut`: why not all. False if
 * they cannot be read. */
static __always_inline bool send_record(struct plaintext *plaintext, __u64 bytes, __u64 copied, __u32 cut,
					const __u64 ROOM)
{
	struct capture_event *event = bpf_ringbuf_reserve(&ring, sizeof(*event) + ROOM, 0);

	if (!event) {
		count_tls_loss(LOSS_RING_FULL, bytes);
		return true;
	}
	if (ROOM) {
		FORGET(copied);
		if (copied > ROOM)
			copied = ROOM;
		if (bpf_probe_read_user(event + 1, copied, (void *)plaintext->at)) {
			bpf_ringbuf_discard(event, BPF_RB_NO_WAKEUP);
			return false;
		}
	}
	begin_event(event, CAPTURE_DATA, plaintext->pid_tgid, plaintext->conn, NULL);
	event->syscall = plaintext->syscall;
	event->direction = plaintext->direction;
	event->flags = plaintext->flags | cut;
	if (plaintext->sent || bytes < plaintext->left)
		event->flags |= FLAG_PART;
	event->conn_flags = plaintext->conn_flags;
	event->call_bytes = plaintext->bytes;
	event->call_offset = plaintext->sent;
	event->bytes = bytes;
	event->reserved = plaintext->library;
	event->time_ns = plaintext->time_ns;
	event->stream_offset = plaintext->stream_offset + plaintext->sent;
	submit(event, ROOM ? copied : 0);
	return true;
}

static __always_inline bool send_copy(struct plaintext *plaintext, __u64 bytes)
{
	if (bytes <= 256)
		return send_record(plaintext, bytes, bytes, 0, 256);
	if (bytes <= 1024)
		return send_record(plaintext, bytes, bytes, 0, 1024);
	if (bytes <= 4096)
		return send_record(plaintext, bytes, bytes, 0, 4096);
	return send_record(plaintext, bytes, bytes, 0, CAPTURE_EVENT_PAYLOAD_MAX);
}

/* Sends the next record. Returns 1 if there is nothing left. A global function, so that the verifier checks it only
 * once. */
__noinline int send_next(struct plaintext *plaintext)
{
	__u64 bytes;
	__u32 page_offset;

	if (!plaintext || !plaintext->left)
		return 1;
	bytes = plaintext->left;
	page_offset = plaintext->at & (PAGE_BYTES - 1);
	if (plaintext->flags & FLAG_ZERO_COPY) {
		send_record(plaintext, bytes, 0, 0, 0);
	} else if (!plaintext->at) {
		count_tls_loss(LOSS_FAULT, bytes);
		send_record(plaintext, bytes, 0, FLAG_CUT_FAULT, 0);
	} else if (!plaintext->capture_left) {
		send_record(plaintext, bytes, 0, FLAG_CUT_CAPTURE_LIMIT, 0);
	} else {
		if (bytes > plaintext->capture_left)
			bytes = plaintext->capture_left;
		if (bytes > CAPTURE_EVENT_PAYLOAD_MAX)
			bytes = CAPTURE_EVENT_PAYLOAD_MAX;
		if (plaintext->at < plaintext->careful_until && bytes > PAGE_BYTES - page_offset)
			bytes = PAGE_BYTES - page_offset;
		if (!send_copy(plaintext, bytes)) {
			if (plaintext->at >= plaintext->careful_until && page_offset + bytes > PAGE_BYTES) {
				plaintext->careful_until = plaintext->at + bytes;
				return 0;
			}
			/* This page is missing; the next one may be there. */
			count_tls_loss(LOSS_FAULT, bytes);
			send_record(plaintext, bytes, 0, FLAG_CUT_FAULT, 0);
		}
		plaintext->capture_left -= bytes;
	}
	if (plaintext->at)
		plaintext->at += bytes;
	plaintext->sent += bytes;
	plaintext->left -= bytes;
	return 0;
}

static long send_piece(__u32 index, void *plaintext)
{
	return send_next(plaintext) & 1;
}

static __always_inline void send_plaintext(struct plaintext *plaintext)
{
	plaintext->capture_left = settings.capture_limit;
	plaintext->sent = 0;
	plaintext->left = plaintext->bytes;
	plaintext->careful_until = 0;
	send_next(plaintext);
	if (plaintext->left)
		bpf_loop(PLAINTEXT_STEPS, send_piece, plaintext, 0);
}

#endif
