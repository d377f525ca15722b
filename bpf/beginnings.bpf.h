/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * Decides from the first bytes of a connection's calls whether it is HTTP. Until that is decided, the bytes are
 * held back. A beginning that is not HTTP is kept until the answer has begun.
 */
#ifndef TINYTAP_BEGINNINGS_BPF_H
#define TINYTAP_BEGINNINGS_BPF_H

#include "descriptors.bpf.h"
#include "filters.bpf.h"
#include "payload.bpf.h"
#include "recognition.bpf.h"

/* Copies the first bytes of the call into `into`, after the `filled` bytes already there, up to `room` bytes in
 * all. `into` has twice the room, which is a power of 2. Returns the new number of bytes. */
static __always_inline __u64 gather(struct scratch *s, __u8 *into, __u64 filled, const __u64 room)
{
	struct walk *walk = &s->walk;
	struct iovec iovec;
	__u64 bytes;
	__u32 i;

	if (!begin_walk(s) || filled >= room)
		return filled;
	walk->capture_left = room - filled;
	for (i = 0; i < 6; i++) {
		if (!walk->left || !walk->capture_left)
			break;
		if (!walk->message_left) {
			if (next_message(walk))
				break;
			continue;
		}
		if (!walk->length) {
			if (!walk->iov_left || bpf_probe_read_user(&iovec, sizeof(iovec), (void *)walk->iov))
				break;
			walk->iov += sizeof(iovec);
			walk->iov_left--;
			walk->base = iovec.base;
			walk->length = iovec.length;
		}
		bytes = walk->length;
		if (bytes > walk->capture_left)
			bytes = walk->capture_left;
		if (bytes > walk->message_left)
			bytes = walk->message_left;
		FORGET(bytes);
		if (bytes > room)
			bytes = room;
		FORGET(filled);
		if (filled >= room || bpf_probe_read_user(into + filled, bytes, (void *)walk->base))
			break;
		filled += bytes;
		walk->capture_left -= bytes;
		advance(walk, bytes);
	}
	return filled;
}

/* Appends the first bytes of the call to the scratch->sniff_bytes held ones in scratch->sniff. A global function,
 * so that the verifier checks it only once. */
__noinline long gather_start(void)
{
	struct scratch *s = working_memory();

	if (s)
		FETCH(sniff_bytes) = gather(s, s->sniff, FETCH(sniff_bytes), SNIFF_BYTES);
	return 0;
}

/* Appends the first bytes of the call to those in scratch->beginning. */
__noinline long gather_beginning(void)
{
	struct scratch *s = working_memory();

	if (s)
		s->beginning.bytes = gather(s, s->beginning.data, s->beginning.bytes, BEGINNING_BYTES);
	return 0;
}

/* Empties s->sniff, or fills it with the bytes that the connection holds back in the call's direction. */
static __always_inline void begin_sniff(struct scratch *s, const struct connection *connection)
{
	__builtin_memset(s->sniff, 0, sizeof(s->sniff));
	FETCH(sniff_bytes) = 0;
	if (connection) {
		__u32 index = (s->call.direction - 1) & 1;

		__builtin_memcpy(s->sniff, connection->held[index], SNIFF_BYTES);
		FETCH(sniff_bytes) = connection->held_bytes[index];
	}
}

/* Sends the bytes held back while the connection was undecided, as a separate record. */
static __always_inline void send_held(struct scratch *s, struct connection *connection, __u64 conn, __u32 direction)
{
	__u32 index = (direction - 1) & 1;
	__u32 bytes = connection->held_bytes[index];

	if (!bytes || bytes > SNIFF_BYTES)
		return;
	connection->held_bytes[index] = 0;
	begin_event(&s->small, CAPTURE_DATA, s->call.pid_tgid, conn, connection);
	s->small.syscall = s->call.syscall;
	s->small.direction = direction;
	s->small.fd = s->call.fd;
	s->small.call_bytes = bytes;
	s->small.bytes = bytes;
	s->small.time_ns = connection->held_ns[index];
	s->small.stream_offset = connection->offset[index] - bytes;
	__builtin_memcpy(s->small_payload, connection->held[index], SNIFF_BYTES);
	send_small(s, bytes);
}

/* Judging by roles and earlier calls, may this call be the first request of its connection, or a part of it? */
static __always_inline bool may_ask(const struct scratch *s, const struct connection *connection)
{
	if (connection->flags & (CONNECTION_MIDSTREAM | CONNECTION_UNVERIFIED | CONNECTION_ANSWERED))
		return false;
	if (connection->role == ROLE_ACCEPTED)
		return s->call.direction == DIRECTION_IN;
	if (connection->role == ROLE_CONNECTED)
		return s->call.direction == DIRECTION_OUT;
	return !connection->offset[s->call.direction & 1];
}

/* The first bytes of the connection did not look like HTTP: does its first line? If not, keeps its beginning,
 * since the answer may still be HTTP. `looks`: what the first bytes look like. */
static SHARED __u32 look_further(struct scratch *s, struct connection *connection, __u64 conn, __u32 looks)
{
	struct beginning *kept = NULL;
	__u32 index, named;

	if (!s || !connection)
		return looks;
	index = (s->call.direction - 1) & 1;
	if (connection->offset[index]) {
		kept = bpf_map_lookup_elem(&beginnings, &conn);
		/* Only if no part of the beginning is missing. */
		if (!kept || kept->bytes != connection->offset[index] || kept->direction != s->call.direction) {
			connection->flags = (connection->flags | CONNECTION_BEGUN) & ~CONNECTION_IN_LINE;
			return looks;
		}
		bpf_probe_read_kernel(&s->beginning, sizeof(s->beginning), kept);
		s->beginning.like_line |= looks == LOOKS_LIKE_LINE;
	} else {
		s->beginning.time_ns = bpf_ktime_get_boot_ns();
		s->beginning.pid_tgid = s->call.pid_tgid;
		s->beginning.fd = s->call.fd;
		s->beginning.syscall = s->call.syscall;
		s->beginning.direction = s->call.direction;
		s->beginning.bytes = 0;
		s->beginning.searched = 0;
		s->beginning.like_line = looks == LOOKS_LIKE_LINE;
	}
	gather_beginning();
	connection->flags &= ~CONNECTION_IN_LINE;
	named = find_version();
	/* No other protocol has lines this long, so leave it to the decoder. */
	if (named == LOOKS_HTTP ||
	    (named == LOOKS_UNDECIDED && s->beginning.like_line && s->beginning.bytes >= BEGINNING_BYTES))
		return LOOKS_HTTP_LINE;
	if (named == LOOKS_UNDECIDED && s->beginning.like_line)
		connection->flags |= CONNECTION_IN_LINE;
	if (s->beginning.bytes >= BEGINNING_BYTES)
		connection->flags = (connection->flags | CONNECTION_BEGUN) & ~CONNECTION_IN_LINE;
	if (!(connection->flags & CONNECTION_MIDSTREAM))
		bpf_map_update_elem(&beginnings, &conn, &s->beginning, BPF_ANY);
	return looks;
}

/* Sends the kept beginning of the connection as a record, because this call, or the other side's, is HTTP. */
static __always_inline void send_beginning(struct scratch *s, struct connection *connection, __u64 conn,
					   struct beginning *kept)
{
	__u32 index = (kept->direction - 1) & 1;
	__u64 bytes = kept->bytes, size;

	connection->held_bytes[index] = 0;
	FORGET(bytes);
	if (bytes > BEGINNING_BYTES || !connection->offset[index] ||
	    bpf_probe_read_kernel(s->payload, bytes, kept->data))
		return;
	begin_event(&s->event, CAPTURE_DATA, kept->pid_tgid, conn, connection);
	s->event.syscall = kept->syscall;
	s->event.direction = kept->direction;
	s->event.fd = kept->fd;
	s->event.call_bytes = connection->offset[index];
	s->event.bytes = connection->offset[index];
	s->event.captured_bytes = bytes;
	s->event.stream_offset = 0;
	s->event.time_ns = kept->time_ns;
	if (bytes < s->event.bytes)
		s->event.flags |= FLAG_CUT_CAPTURE_LIMIT;
	size = sizeof(struct capture_event) + bytes;
	s->event.size = size;
	if (bpf_ringbuf_output(&ring, &s->event, size, wake_flags(size)))
		count_loss(LOSS_RING_FULL, s->event.bytes);
	bpf_map_delete_elem(&beginnings, &conn);
}

/* Has everything that moved in this direction before this call been held or kept? */
static __always_inline bool is_whole(const struct connection *connection, __u32 direction, const struct beginning *kept)
{
	__u32 index = (direction - 1) & 1;

	return connection->offset[index] == connection->held_bytes[index] || (kept && kept->direction == direction);
}

/* Both sides have begun, and neither with HTTP. */
static __always_inline void forget_beginning(struct connection *connection, __u64 conn)
{
	connection->flags |= CONNECTION_ANSWERED;
	bpf_map_delete_elem(&beginnings, &conn);
}

/* Does the call begin like a frame of HTTP/2, and is that enough? A server may send its settings before it has read
 * anything. In the middle of a connection, two calls have to begin with a frame. */
static __always_inline bool shows_http2(struct scratch *s, struct connection *connection)
{
	__u32 frame = test_frame();

	if (!frame)
		return false;
	if (!(connection->flags & CONNECTION_MIDSTREAM))
		return frame == FRAME_SETTINGS + 1 && !connection->offset[(s->call.direction - 1) & 1];
	if (connection->flags & CONNECTION_FRAMED)
		return true;
	connection->flags |= CONNECTION_FRAMED;
	return false;
}

/* Looks at the start of a call on a connection that has not been recognised as HTTP. */
static __always_inline __u32 look_at_start(struct scratch *s, struct connection *connection, __u64 conn)
{
	__u32 index = (s->call.direction - 1) & 1;
	__u32 looks, only_upper = connection->flags & CONNECTION_UNVERIFIED;

	if (connection->flags & CONNECTION_IN_LINE && may_ask(s, connection))
		return look_further(s, connection, conn, LOOKS_FOREIGN);
	begin_sniff(s, connection);
	gather_start();
	looks = test_start(only_upper);
	if (connection->held_bytes[index] && looks == LOOKS_FOREIGN) {
		/* The held bytes did not begin HTTP; perhaps this call does. */
		connection->held_bytes[index] = 0;
		begin_sniff(s, NULL);
		gather_start();
		looks = test_start(only_upper);
	}
	if (looks == LOOKS_UNDECIDED && s->sniff_bytes >= SNIFF_BYTES)
		looks = LOOKS_FOREIGN;
	/* These two are recognised only at the beginning of a stream. */
	if ((looks == LOOKS_TLS || looks == LOOKS_HTTP2) &&
	    connection->offset[index] != connection->held_bytes[index] && !(connection->flags & CONNECTION_MIDSTREAM))
		looks = LOOKS_FOREIGN;
	if (looks == LOOKS_FOREIGN && !(connection->flags & CONNECTION_UNVERIFIED) && shows_http2(s, connection))
		return LOOKS_HTTP2;
	if (looks == LOOKS_UNDECIDED) {
		if (!connection->held_bytes[index])
			connection->held_ns[index] = bpf_ktime_get_boot_ns();
		__builtin_memcpy(connection->held[index], s->sniff, SNIFF_BYTES);
		connection->held_bytes[index] = s->sniff_bytes;
	}
	if (looks == LOOKS_HTTP || looks == LOOKS_HTTP2 || looks == LOOKS_TLS ||
	    connection->flags & (CONNECTION_BEGUN | CONNECTION_UNVERIFIED | CONNECTION_ANSWERED))
		return looks;
	/* On a connection older than the capture, only the first call is examined this closely. */
	if (may_ask(s, connection) || (connection->flags & CONNECTION_MIDSTREAM && !connection->offset[index]))
		return look_further(s, connection, conn, looks);
	if (looks != LOOKS_UNDECIDED && !(connection->flags & CONNECTION_MIDSTREAM))
		forget_beginning(connection, conn);
	return looks;
}

/* Ignores the descriptor of a labelled connection from now on. */
static __always_inline void leave_labelled(struct scratch *s, struct connection *connection, __u64 conn)
{
	__u64 *slot = make_descriptor(s, s->call.pid_tgid >> 32, s->call.fd);

	forget_beginning(connection, conn);
	if (slot && *slot == s->call.descriptor)
		*slot = (s->call.descriptor & ~(__u64)DESCRIPTOR_STATE_MASK) | DESCRIPTOR_DISMISSED;
}

/* Is the call more than the start of a TLS handshake: does it begin with a record of application data, or has the
 * direction moved as much as the hellos may take? */
static __always_inline bool is_past_hello(struct scratch *s, const struct connection *connection, __u32 index)
{
	if (connection->offset[index] >= HELLO_BYTES)
		return true;
	return sniffed(s, 0) == 0x17 && sniffed(s, 1) == 3 && sniffed(s, 2) <= 4;
}

/* Handles a call on a TLS connection. LOOKS_HTTP: it is HTTP after all, because the server, which did not expect TLS,
 * says so. LOOKS_TLS: it may carry a hello, which is sent. LOOKS_UNDECIDED: its bytes are only counted. */
static __always_inline __u32 look_at_labelled(struct scratch *s, struct connection *connection, __u64 conn)
{
	__u32 index = (s->call.direction - 1) & 1;

	if (s->call.shape == SHAPE_NONE)
		return LOOKS_UNDECIDED;
	if (connection->offset[index] == connection->held_bytes[index] && !may_ask(s, connection)) {
		__u32 looks = look_at_start(s, connection, conn);

		if (looks == LOOKS_HTTP)
			connection->flags &= ~CONNECTION_LABELLED;
		if (looks == LOOKS_HTTP || looks == LOOKS_UNDECIDED)
			return looks;
	}
	begin_sniff(s, NULL);
	gather_start();
	if (is_past_hello(s, connection, index))
		connection->flags |= CONNECTION_PAST_HELLO << index;
	if ((connection->flags & CONNECTION_PAST_HELLOS) == CONNECTION_PAST_HELLOS)
		leave_labelled(s, connection, conn);
	return connection->flags & CONNECTION_PAST_HELLO << index ? LOOKS_UNDECIDED : LOOKS_TLS;
}

#endif
