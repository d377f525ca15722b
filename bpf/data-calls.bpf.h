/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * Calls that move bytes. First it is found out whether the call is of interest, which for nearly all calls of a machine
 * ends with one look-up; what is goes on, by tail call, to programs that all of them share (and that the verifier therefore
 * sees once).
 */
#ifndef TINYTAP_DATA_CALLS_BPF_H
#define TINYTAP_DATA_CALLS_BPF_H

#include "arguments.bpf.h"
#include "descriptors.bpf.h"
#include "payload.bpf.h"
#include "recognition.bpf.h"
#include "stages.bpf.h"

/* tinytap's own processes, and while paused everybody, count as excluded. */
static __always_inline bool is_own(__u32 pid)
{
	bool own = false;
	__u32 i;

#pragma unroll
	for (i = 0; i < CONTROL_OWN_PIDS; i++)
		own |= control.own_pids[i] == pid;
	return own;
}

/* The calling process's number in user space's pid namespace, as a key of `chosen`; 0: it is in none, or not in that one. */
static __always_inline __u32 namespace_key(void)
{
	struct bpf_pidns_info numbers = {};

	if (!settings.namespace_inode ||
	    bpf_get_ns_current_pid_tgid(settings.namespace_device, settings.namespace_inode, &numbers, sizeof(numbers)))
		return 0;
	return numbers.tgid | CHOSEN_IN_NAMESPACE;
}

/* CHOSEN_* of the calling process `pid`; 0: it was not chosen. */
static SHARED __u32 chosen_bits(__u32 pid)
{
	__u32 *bits = bpf_map_lookup_elem(&chosen, &pid), key, found;

	if (bits)
		return *bits;
	key = namespace_key();
	if (!key)
		return 0;
	bits = bpf_map_lookup_elem(&chosen, &key);
	if (!bits)
		return 0;
	found = *bits;
	bpf_map_update_elem(&chosen, &pid, &found, BPF_ANY);
	return found;
}

static __always_inline bool process_passes(__u32 pid)
{
	__u32 mask = control.process_mask, choices = *(volatile __u32 *)&control.choices;
	struct considered *considered;
	struct scratch *s;

	if (control.paused)
		return false;
	if (!mask)
		return true;
	s = working_memory();
	if (!s)
		return false;
	considered = &s->considered[pid & (CONSIDERED_SLOTS - 1)];
	if (considered->pid != pid || considered->choices != choices || considered->mask != mask) {
		considered->passes = (chosen_bits(pid) & mask) == mask;
		considered->pid = pid;
		considered->choices = choices;
		considered->mask = mask;
	}
	return considered->passes;
}

/* Errors after which a connection is of no more use. */
static __always_inline bool is_fatal(__s64 ret)
{
	return ret == -ECONNRESET || ret == -EPIPE || ret == -ETIMEDOUT || ret == -ECONNABORTED ||
	       ret == -EHOSTUNREACH || ret == -ENETUNREACH || ret == -ENETDOWN;
}

/* Longer ago than from the copying of the bytes to the return of the call, even when a thread was preempted between. */
#define RECEIVE_AGE_NS 20000000

/* Did the call that returns now receive from the socket in scratch->receive? It speaks of one call only: a later one of the
 * thread may be on something else. */
static __always_inline __u32 take_receive(__u64 pid_tgid)
{
	struct scratch *s = working_memory();

	if (!s || s->receive.tid != (__u32)pid_tgid)
		return 0;
	s->receive.tid = 0;
	return bpf_ktime_get_boot_ns() - s->receive.time_ns < RECEIVE_AGE_NS;
}

/* Was this descriptor dismissed when this CPU saw it last, and has none got a meaning since? */
static __always_inline bool remembers_dismissed(const struct scratch *s, __u32 pid, __s32 fd)
{
	const struct dismissed *dismissed = &s->dismissed[(__u32)fd & (DISMISSED_SLOTS - 1)];

	return dismissed->pid == pid && dismissed->fd == fd && dismissed->meanings == control.meanings;
}

/* `meanings` as it was before the descriptor was looked up. */
static __always_inline void remember_dismissed(struct scratch *s, __u32 pid, __s32 fd, __u32 meanings)
{
	struct dismissed *dismissed = &s->dismissed[(__u32)fd & (DISMISSED_SLOTS - 1)];

	dismissed->pid = pid;
	dismissed->fd = fd;
	dismissed->meanings = meanings;
}

/* An excluded call on a connection, when all there is to do is to move its offset on. False: take the long way. */
static __always_inline bool pass_excluded(__u64 conn, __s64 ret, __u32 direction, __u32 message_flags, __u32 shape,
					  __u32 received)
{
	struct connection *connection;
	__u32 index = (direction - 1) & 1;

	if (received || message_flags & (MSG_PEEK | MSG_OOB | MSG_TRUNC) ||
	    (shape != SHAPE_BUFFER && shape != SHAPE_IOVECS))
		return false;
	connection = bpf_map_lookup_elem(&connections, &conn);
	if (!connection || connection->flags & CONNECTION_UNVERIFIED)
		return false;
	connection->held_bytes[index] = 0;
	FETCH_ADD(&connection->offset[index], ret);
	count_loss(LOSS_EXCLUDED, ret);
	return true;
}

/* Hands the call on if its descriptor may carry HTTP. Returns only when it is of no interest. */
static __always_inline int consider_call(struct exit_context *context, __s64 ret, __s32 fd, __u64 pointer, __u64 count,
					 __u32 message_flags, __u32 syscall, __u32 direction, __u32 shape,
					 __u32 record_flags)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid(), *slot, descriptor = 0;
	__u32 pid = pid_tgid >> 32, received = 0, meanings;
	bool passes;
	struct scratch *s;

	/* A head without the body that goes by a call not attached yet would leave offsets that are wrong for ever. */
	if (control.attaching)
		return 0;
	if (control.unnamed && direction == DIRECTION_IN)
		received = take_receive(pid_tgid);
	s = working_memory();
	if (!s || remembers_dismissed(s, pid, fd))
		return 0;
	meanings = *(volatile __u32 *)&control.meanings;
	slot = find_descriptor(pid, fd);
	if (slot)
		descriptor = *slot;
	if (descriptor_state(descriptor) == DESCRIPTOR_DISMISSED) {
		remember_dismissed(s, pid, fd, meanings);
		return 0;
	}
	/* A failure, an end, or bytes that nobody can look at, on a descriptor nothing is known of. */
	if ((ret <= 0 || shape == SHAPE_NONE) && !descriptor_conn(descriptor))
		return 0;
	if (is_own(pid))
		return 0;
	passes = process_passes(pid);
	/* What is excluded goes on all the same when it has a connection: its offsets have to count what is not seen. */
	if (!passes && !descriptor_conn(descriptor)) {
		if (ret > 0)
			count_loss(LOSS_EXCLUDED, ret);
		return 0;
	}
	if (!passes && ret > 0 &&
	    pass_excluded(descriptor_conn(descriptor), ret, direction, message_flags, shape, received))
		return 0;
	s->call.pid_tgid = pid_tgid;
	s->call.ret = ret;
	s->call.pointer = pointer;
	s->call.count = count;
	s->call.descriptor = descriptor;
	s->call.syscall = syscall;
	s->call.direction = direction;
	s->call.shape = shape;
	s->call.fd = fd;
	s->call.message_flags = message_flags;
	s->call.record_flags = record_flags;
	s->call.received = received;
	s->call.excluded = !passes;
	/* Constant indexes become direct jumps. */
	if (ret > 0)
		bpf_tail_call(context, &stages, STAGE_CARRY);
	else
		bpf_tail_call(context, &stages, STAGE_END);
	return 0;
}

/* The exit of a call in DATA_CALLS or MESSAGE_CALLS, with what its line says. */
static __always_inline int data_call(struct exit_context *context, __u32 syscall, __u32 direction, __u32 shape,
				     __u32 flags)
{
	__s64 ret = *(volatile __s64 *)&context->ret;
	__u32 given_flags;

	if (ret == 0 ? direction == DIRECTION_OUT : ret < 0 && !is_fatal(ret))
		return 0;
	const __auto_type arguments = call_arguments(context);
	if (!arguments)
		return 0;
	given_flags = message_flags(arguments, flags);
	/* Completions of zero-copy sends and timestamps: not the stream. */
	if (given_flags & MSG_ERRQUEUE && direction == DIRECTION_IN)
		return 0;
	return consider_call(context, ret, ARGUMENT(arguments, 0), ARGUMENT(arguments, 1), ARGUMENT(arguments, 2),
			     given_flags, syscall, direction, shape, shape == SHAPE_MESSAGES ? FLAG_MULTI : 0);
}

/* ---- what is of interest ------------------------------------------------------------------------------------------ */

/* Copies the first bytes of the call, `room` at the most, to `into` from its byte `filled` on; `into` has twice the room, a
 * power of 2. The new number of bytes there. */
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

/* Puts the first bytes of the call behind the scratch->sniff_bytes held ones in scratch->sniff. Global, so that the verifier
 * looks at it once. */
__noinline long gather_start(void)
{
	struct scratch *s = working_memory();

	if (s)
		FETCH(sniff_bytes) = gather(s, s->sniff, FETCH(sniff_bytes), SNIFF_BYTES);
	return 0;
}

/* Likewise behind those in scratch->beginning. */
__noinline long gather_beginning(void)
{
	struct scratch *s = working_memory();

	if (s)
		s->beginning.bytes = gather(s, s->beginning.data, s->beginning.bytes, BEGINNING_BYTES);
	return 0;
}

/* Empties s->sniff, or fills it with what the connection holds back in the call's direction. */
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

/* The bytes that were held until it was clear what they begin, as a record of their own. */
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

/* The descriptor is of no interest from now on. */
static __always_inline void dismiss(struct scratch *s)
{
	__u64 *slot = make_descriptor(s, s->call.pid_tgid >> 32, s->call.fd);

	if (slot && *slot == s->call.descriptor)
		*slot = DESCRIPTOR_DISMISSED;
}

/* A descriptor without a connection moved bytes: its connection began before capture, or out of sight. NULL: not one. */
static __always_inline struct connection *adopt(struct exit_context *context, struct scratch *s, __u64 *conn)
{
	bool known = descriptor_state(s->call.descriptor) == DESCRIPTOR_SOCKET;
	struct connection *connection;
	__u32 looks = LOOKS_UNDECIDED;
	__u64 *slot, number;

	if (!known) {
		number = socket_number(s->call.fd);
		if (number == NO_STREAM_SOCKET) {
			dismiss(s);
			return NULL;
		}
		known = number != 0;
		*conn = known ? join_connection(s, number, s->call.fd, s->call.descriptor & DESCRIPTOR_CLOEXEC,
						s->call.syscall)
			      : 0;
		connection = *conn ? bpf_map_lookup_elem(&connections, conn) : NULL;
		if (connection) {
			/* Received before its sender's call returned. */
			FETCH_ADD(&connection->travelling, -1);
			s->call.descriptor = DESCRIPTOR_SOCKET | *conn << DESCRIPTOR_CONN_SHIFT;
			return connection->flags & CONNECTION_LABELLED ? NULL : connection;
		}
	}
	if (!known && !s->call.received && is_file_call(s->call.syscall)) {
		begin_sniff(s, NULL);
		gather_start();
		looks = test_start(1);
		if (looks != LOOKS_HTTP && looks != LOOKS_UNDECIDED) {
			dismiss(s);
			return NULL;
		}
	}
	begin_connection(s, ROLE_UNKNOWN, known ? CONNECTION_MIDSTREAM : CONNECTION_MIDSTREAM | CONNECTION_UNVERIFIED);
	if (s->call.message_flags & MSG_FASTOPEN && s->call.direction == DIRECTION_OUT &&
	    s->call.shape == SHAPE_BUFFER) {
		const __auto_type arguments = call_arguments(context);

		s->connection.role = ROLE_CONNECTED;
		s->connection.flags = 0;
		if (arguments)
			bpf_probe_read_user(s->connection.addresses, CAPTURE_ADDRESS_BYTES,
					    (void *)ARGUMENT(arguments, 4));
	}
	slot = make_descriptor(s, s->call.pid_tgid >> 32, s->call.fd);
	*conn = slot ? add_connection(s, s->call.fd) : 0;
	if (!*conn) {
		/* No room in the maps: what looks like HTTP is lost. */
		begin_sniff(s, NULL);
		gather_start();
		if (test_start(0) == LOOKS_HTTP)
			count_loss(LOSS_MAP_FULL, s->call.ret);
		return NULL;
	}
	s->call.descriptor = DESCRIPTOR_SOCKET | (*slot & DESCRIPTOR_CLOEXEC) | *conn << DESCRIPTOR_CONN_SHIFT;
	*slot = s->call.descriptor;
	connection = bpf_map_lookup_elem(&connections, conn);
	/* The socket has counted this call already. */
	if (connection)
		connection->flags &= ~(CONNECTION_SEQUENCED | CONNECTION_SEQUENCED << 1);
	return connection;
}

/* May the call be the first request of its connection, or a part of it, as far as roles and what was seen before tell? */
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

/* The call begins a connection, or goes on with its beginning, and did not look like HTTP by its first bytes: does its first
 * line? What does not is kept, for the answer may be HTTP all the same. `looks`: what the first bytes look like. */
static SHARED __u32 look_further(struct scratch *s, struct connection *connection, __u64 conn, __u32 looks)
{
	struct beginning *kept = NULL;
	__u32 index, named;

	if (!s || !connection)
		return looks;
	index = (s->call.direction - 1) & 1;
	if (connection->offset[index]) {
		kept = bpf_map_lookup_elem(&beginnings, &conn);
		/* Only what is whole so far. */
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
		s->beginning.sent = 0;
		s->beginning.like_line = looks == LOOKS_LIKE_LINE;
		s->beginning.pad = 0;
	}
	gather_beginning();
	connection->flags &= ~CONNECTION_IN_LINE;
	if (looks != LOOKS_TLS && looks != LOOKS_HTTP2) {
		named = find_version();
		/* No other protocol has lines that long: the reader looks again. */
		if (named == LOOKS_HTTP ||
		    (named == LOOKS_UNDECIDED && s->beginning.like_line && s->beginning.bytes >= BEGINNING_BYTES))
			return LOOKS_HTTP_LINE;
		if (named == LOOKS_UNDECIDED && s->beginning.like_line)
			connection->flags |= CONNECTION_IN_LINE;
	}
	if (s->beginning.bytes >= BEGINNING_BYTES)
		connection->flags = (connection->flags | CONNECTION_BEGUN) & ~CONNECTION_IN_LINE;
	if (!(connection->flags & CONNECTION_MIDSTREAM))
		bpf_map_update_elem(&beginnings, &conn, &s->beginning, BPF_ANY);
	return looks;
}

/* What was kept of the connection's beginning, as a record; the call that comes now, or that of the other side, is HTTP. */
static __always_inline void send_beginning(struct scratch *s, struct connection *connection, __u64 conn,
					   struct beginning *kept)
{
	__u32 index = (kept->direction - 1) & 1, sent = kept->sent;
	__u64 bytes = kept->bytes - sent, size;

	connection->held_bytes[index] = 0;
	FORGET(bytes);
	if (sent > SNIFF_BYTES || bytes > BEGINNING_BYTES || connection->offset[index] == sent ||
	    bpf_probe_read_kernel(s->payload, bytes, kept->data + sent))
		return;
	begin_event(&s->event, CAPTURE_DATA, kept->pid_tgid, conn, connection);
	s->event.syscall = kept->syscall;
	s->event.direction = kept->direction;
	s->event.fd = kept->fd;
	s->event.call_bytes = connection->offset[index];
	s->event.bytes = connection->offset[index] - sent;
	s->event.captured_bytes = bytes;
	s->event.stream_offset = sent;
	s->event.time_ns = kept->time_ns;
	if (bytes < s->event.bytes)
		s->event.flags |= FLAG_CUT_CAPTURE_LIMIT;
	size = sizeof(struct capture_event) + bytes;
	s->event.size = size;
	if (bpf_ringbuf_output(&ring, &s->event, size, wake_flags(size)))
		count_loss(LOSS_RING_FULL, s->event.bytes);
	bpf_map_delete_elem(&beginnings, &conn);
}

/* Is everything of the direction there that was before this call? */
static __always_inline bool is_whole(const struct connection *connection, __u32 direction, const struct beginning *kept)
{
	__u32 index = (direction - 1) & 1;

	return connection->offset[index] == connection->held_bytes[index] || (kept && kept->direction == direction);
}

/* Both sides have begun, and this is not HTTP. */
static __always_inline void forget_beginning(struct connection *connection, __u64 conn)
{
	connection->flags |= CONNECTION_ANSWERED;
	bpf_map_delete_elem(&beginnings, &conn);
}

/* Looks at the start of a call on a connection that is not HTTP so far. */
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
		/* What was held began nothing; perhaps this call does. */
		connection->held_bytes[index] = 0;
		begin_sniff(s, NULL);
		gather_start();
		looks = test_start(only_upper);
	}
	if (looks == LOOKS_UNDECIDED && s->sniff_bytes >= SNIFF_BYTES)
		looks = LOOKS_FOREIGN;
	/* The first bytes of these two mean nothing in the middle of a stream. */
	if ((looks == LOOKS_TLS || looks == LOOKS_HTTP2) &&
	    connection->offset[index] != connection->held_bytes[index] && !(connection->flags & CONNECTION_MIDSTREAM))
		looks = LOOKS_FOREIGN;
	if (looks == LOOKS_UNDECIDED) {
		if (!connection->held_bytes[index])
			connection->held_ns[index] = bpf_ktime_get_boot_ns();
		__builtin_memcpy(connection->held[index], s->sniff, SNIFF_BYTES);
		connection->held_bytes[index] = s->sniff_bytes;
	}
	if (looks == LOOKS_HTTP || connection->flags & (CONNECTION_BEGUN | CONNECTION_UNVERIFIED | CONNECTION_ANSWERED))
		return looks;
	/* Of a connection that was there before only the first call is looked at so closely. */
	if (may_ask(s, connection) || (connection->flags & CONNECTION_MIDSTREAM && !connection->offset[index]))
		return look_further(s, connection, conn, looks);
	if (looks != LOOKS_UNDECIDED && !(connection->flags & CONNECTION_MIDSTREAM))
		forget_beginning(connection, conn);
	return looks;
}

/* The descriptor of a labelled connection is of no interest any more. */
static __always_inline void leave_labelled(struct scratch *s, struct connection *connection, __u64 conn)
{
	__u64 *slot = make_descriptor(s, s->call.pid_tgid >> 32, s->call.fd);

	forget_beginning(connection, conn);
	if (slot && *slot == s->call.descriptor)
		*slot = (s->call.descriptor & ~(__u64)DESCRIPTOR_STATE_MASK) | DESCRIPTOR_DISMISSED;
}

/* TLS, HTTP/2: its first bytes go out once, as they stand for themselves only. */
static __always_inline void label_connection(struct scratch *s, struct connection *connection, __u64 conn)
{
	__u32 index = (s->call.direction - 1) & 1, bytes = s->sniff_bytes;
	struct beginning *kept;

	connection->flags |= CONNECTION_LABELLED;
	mark_process(s->call.pid_tgid >> 32);
	if (bytes > SNIFF_BYTES)
		bytes = SNIFF_BYTES;
	send_open(s, connection, conn, s->call.pid_tgid, s->call.fd);
	begin_event(&s->small, CAPTURE_DATA, s->call.pid_tgid, conn, connection);
	s->small.syscall = s->call.syscall;
	s->small.direction = s->call.direction;
	s->small.fd = s->call.fd;
	s->small.call_bytes = bytes;
	s->small.bytes = bytes;
	s->small.time_ns = bpf_ktime_get_boot_ns();
	s->small.stream_offset = connection->offset[index] - connection->held_bytes[index];
	__builtin_memcpy(s->small_payload, s->sniff, SNIFF_BYTES);
	send_small(s, bytes);
	/* A server that does not expect it answers in HTTP/1. */
	kept = bpf_map_lookup_elem(&beginnings, &conn);
	if (kept && may_ask(s, connection))
		kept->sent = bytes;
	else
		leave_labelled(s, connection, conn);
}

/* A call on a connection that is labelled and not answered yet. True: it is HTTP after all. */
static __always_inline bool look_at_answer(struct scratch *s, struct connection *connection, __u64 conn)
{
	__u32 looks;

	if (may_ask(s, connection)) {
		if (!(connection->flags & CONNECTION_BEGUN))
			look_further(s, connection, conn, LOOKS_TLS);
		return false;
	}
	looks = s->call.shape == SHAPE_NONE ? LOOKS_FOREIGN : look_at_start(s, connection, conn);
	if (looks == LOOKS_HTTP) {
		connection->flags &= ~CONNECTION_LABELLED;
		return true;
	}
	if (looks != LOOKS_UNDECIDED)
		leave_labelled(s, connection, conn);
	return false;
}

static __always_inline bool has_port(__u32 port)
{
	/* The compiler knows that a port has 16 bits, older verifiers do not after a change of byte order. */
	FORGET(port);
	port &= CONTROL_PORT_MAX;
	return control.ports[port >> 5] >> (port & 31) & 1;
}

/* Does one of the connection's ports match? A port that is not known does not, unless this kernel does not let it be known. */
static __always_inline bool ports_pass(struct scratch *s, struct connection *connection)
{
	__u16 peer, local;

	if (!control.port_filter)
		return true;
	if (*(__u16 *)connection->addresses == AF_UNIX)
		return false;
	if (!*(__u16 *)connection->addresses || !*(__u16 *)(connection->addresses + CAPTURE_ADDRESS_BYTES))
		complete_addresses(connection, s->call.fd);
	peer = __builtin_bswap16(*(__u16 *)(connection->addresses + 2));
	local = __builtin_bswap16(*(__u16 *)(connection->addresses + CAPTURE_ADDRESS_BYTES + 2));
	if (has_port(peer) || has_port(local))
		return true;
	return (!peer || !local) && !settings.kernel.task_files;
}

/* The call's own TCP socket told its addresses; that also says that it is one. */
static __always_inline void apply_receive(struct scratch *s, struct connection *connection, __u64 conn)
{
	__builtin_memcpy(connection->addresses, s->receive.addresses, CAPTURE_ADDRESSES_BYTES);
	connection->flags &= ~CONNECTION_UNVERIFIED;
	name(connection);
	if (connection->flags & CONNECTION_OPEN_SENT)
		send_open(s, connection, conn, s->call.pid_tgid, s->call.fd);
}

/* User space looked: a socket after all? */
static __always_inline void apply_verdict(struct connection *connection, __u64 conn)
{
	__u32 *verdict = bpf_map_lookup_elem(&verdicts, &conn);

	if (verdict && *verdict == VERDICT_SOCKET)
		connection->flags &= ~CONNECTION_UNVERIFIED;
}

/* The call's bytes are not wanted; the stream has them all the same. */
static __always_inline void skip_excluded(struct scratch *s, struct connection *connection)
{
	__u32 index = (s->call.direction - 1) & 1;

	connection->held_bytes[index] = 0;
	FETCH_ADD(&connection->offset[index], s->call.ret);
	count_loss(LOSS_EXCLUDED, s->call.ret);
}

/* Says of a call that sends after a silence whether everything that had arrived was read. */
static __always_inline void note_silence(struct scratch *s, struct connection *connection)
{
	__u64 before = connection->active_ns, sock;

	connection->active_ns = s->event.time_ns;
	if (s->call.direction != DIRECTION_OUT || s->event.time_ns - before < SILENCE_NS)
		return;
	sock = measurable_sock(s->call.fd);
	if (sock)
		s->call.record_flags |= all_read(sock, s->event.conn_flags >> 8) ? FLAG_ALL_READ : FLAG_UNREAD;
}

/*
 * The socket has not counted what this call makes expect. `unseen` bytes more: they moved in ways that no call shows, and
 * leave a hole. Less: the calls of two threads overlapped, and what looked like a hole is this call's. False: the descriptor
 * is another socket by now.
 */
static SHARED bool settle_sequence(struct scratch *s, struct connection *connection)
{
	__u32 index = (s->call.direction - 1) & 1;
	__u64 sock = open_sock(s->call.fd), bytes = s->call.ret;
	__s32 unseen;

	if (!connection->sock)
		watch_sequence(connection, sock, false);
	if (!connection->sock)
		return true;
	if (sock != connection->sock)
		return !sock;
	if (!counts_bytes(sock)) {
		connection->sock = 0;
		connection->flags |= CONNECTION_UNCOUNTED;
		return true;
	}
	if (!(connection->flags & CONNECTION_SEQUENCED << index)) {
		connection->sequence[index] =
			read_sequence(sock, index, 0) - (__u32)connection->offset[index] - (__u32)bytes;
		connection->flags |= CONNECTION_SEQUENCED << index;
		return true;
	}
	unseen = count_unseen(connection, index, bytes);
	if (!index && unseen > 0 &&
	    passed_urgent(sock, connection->sequence[0] + connection->offset[0],
			  connection->sequence[0] + connection->offset[0] + bytes + unseen)) {
		connection->sequence[0]++;
		unseen--;
	}
	if (unseen > 0 && unseen <= UNSEEN_MAX) {
		connection->hole[index] = connection->offset[index];
		connection->hole_bytes[index] = unseen;
		FETCH_ADD(&connection->offset[index], unseen);
		count_loss(LOSS_UNSEEN, unseen);
		s->call.record_flags |= FLAG_AFTER_UNSEEN;
	} else if (unseen) {
		if (bytes <= connection->hole_bytes[index]) {
			s->call.hole = connection->hole[index] + 1;
			connection->hole[index] += bytes;
			connection->hole_bytes[index] -= bytes;
		}
		connection->sock = 0;
		connection->flags |= CONNECTION_UNCOUNTED;
	}
	return true;
}

/* The descriptor was closed, and is another socket by now, in ways that no call shows. */
static __always_inline void replace_connection(struct exit_context *context, struct scratch *s, __u64 conn)
{
	__u64 *slot = make_descriptor(s, s->call.pid_tgid >> 32, s->call.fd);

	if (!slot || *slot != s->call.descriptor)
		return;
	*slot = DESCRIPTOR_UNKNOWN;
	release_connection(s, conn, SYSCALL_NONE, s->call.pid_tgid, s->call.fd);
#ifdef TINYTAP_OLD_KERNELS
	count_loss(LOSS_UNSEEN, s->call.ret);
#else
	s->call.descriptor = DESCRIPTOR_UNKNOWN;
	bpf_tail_call(context, &stages, STAGE_CARRY);
#endif
}

/* Compares what the socket has counted with what the calls have shown. False: see settle_sequence(). */
static __always_inline bool check_sequence(struct scratch *s, struct connection *connection)
{
	__u32 index = (s->call.direction - 1) & 1, sequence = 0;

	s->call.hole = 0;
	if (!settings.kernel.tcp_read_next || connection->flags & CONNECTION_UNCOUNTED)
		return true;
	if (connection->flags & CONNECTION_SEQUENCED << index) {
		bpf_probe_read_kernel(&sequence, sizeof(sequence),
				      (void *)(connection->sock + (index ? settings.kernel.tcp_written_next
									 : settings.kernel.tcp_read_next)));
		if (sequence == connection->sequence[index] + (__u32)connection->offset[index] + (__u32)s->call.ret)
			return true;
	}
	return settle_sequence(s, connection);
}

EXIT_STAGE(carry_call)
{
	struct scratch *s = working_memory();
	struct connection *connection = NULL;
	struct beginning *kept;
	__u64 conn, skip_until = 0;
	__u32 index, looks = LOOKS_FOREIGN;
	bool became = false;

	if (!s)
		return 0;
	conn = descriptor_conn(s->call.descriptor);
	index = (s->call.direction - 1) & 1;
	if (conn) {
		connection = bpf_map_lookup_elem(&connections, &conn);
		if (!connection) {
			/* The reader took it away: it is not HTTP. */
			dismiss(s);
			return 0;
		}
		if (connection->flags & CONNECTION_UNVERIFIED)
			apply_verdict(connection, conn);
	}
	if (s->call.direction == DIRECTION_IN && s->call.message_flags & (MSG_PEEK | MSG_OOB)) {
		if (connection && connection->flags & CONNECTION_OPEN_SENT && !s->call.excluded)
			send_note(s, connection, conn, CAPTURE_PEEK, s->call.syscall, DIRECTION_IN, s->call.pid_tgid,
				  s->call.fd, s->call.ret);
		return 0;
	}
	if (s->call.shape == SHAPE_MESSAGES) {
		/* So far the number of messages. */
		s->call.count = s->call.ret;
		if (!begin_walk(s))
			return 0;
		s->walk.left = 0;
		REPEAT(MESSAGE_STEPS, add_message);
		s->call.ret = s->walk.left;
		if (!s->call.ret)
			return 0;
	}
	/* The last byte of an urgent send is not in the stream. */
	if (s->call.direction == DIRECTION_OUT && s->call.message_flags & MSG_OOB) {
		if (connection)
			connection->sequence[1]++;
		if (!--s->call.ret)
			return 0;
	}
	if (!connection)
		connection = adopt(context, s, &conn);
	if (!connection)
		return 0;
	if (s->call.received && connection->nameless)
		apply_receive(s, connection, conn);
	if (s->call.direction == DIRECTION_IN && s->call.message_flags & MSG_TRUNC &&
	    *(__u16 *)connection->addresses != AF_UNIX) {
		s->call.shape = SHAPE_NONE;
		s->call.record_flags |= FLAG_DISCARDED;
	}
	if (s->call.excluded) {
		skip_excluded(s, connection);
		return 0;
	}
	if (connection->flags & CONNECTION_LABELLED) {
		if (!look_at_answer(s, connection, conn)) {
			FETCH_ADD(&connection->offset[index], s->call.ret);
			return 0;
		}
		connection->flags |= CONNECTION_HTTP;
		became = true;
	}
	if (!(connection->flags & CONNECTION_HTTP)) {
		looks = s->call.shape == SHAPE_NONE ? LOOKS_FOREIGN : look_at_start(s, connection, conn);
		/* A proxy that moves everything by splice shows nothing that could be recognised. */
		if (s->call.syscall == SYSCALL_SPLICE && !connection->offset[index])
			tell_blind_spot(s, BLIND_SPOT_SPLICE, SYSCALL_SPLICE, s->call.pid_tgid, conn, s->call.fd);
		if (looks == LOOKS_TLS || looks == LOOKS_HTTP2) {
			if (ports_pass(s, connection))
				label_connection(s, connection, conn);
			FETCH_ADD(&connection->offset[index], s->call.ret);
			return 0;
		}
		if (looks != LOOKS_HTTP && looks != LOOKS_HTTP_LINE) {
			FETCH_ADD(&connection->offset[index], s->call.ret);
			if (looks != LOOKS_UNDECIDED) {
				connection->held_bytes[index] = 0;
				if (connection->flags & CONNECTION_UNVERIFIED && is_file_call(s->call.syscall)) {
					dismiss(s);
					release_connection(s, conn, s->call.syscall, s->call.pid_tgid, s->call.fd);
				}
			}
			return 0;
		}
		connection->flags |= CONNECTION_HTTP;
		mark_process(s->call.pid_tgid >> 32);
		became = true;
	}
	if (!ports_pass(s, connection)) {
		skip_excluded(s, connection);
		return 0;
	}
	kept = became ? bpf_map_lookup_elem(&beginnings, &conn) : NULL;
	if (!(connection->flags & CONNECTION_OPEN_SENT)) {
		/* What went before was not HTTP, or excluded. */
		if (!is_whole(connection, DIRECTION_IN, kept) || !is_whole(connection, DIRECTION_OUT, kept))
			connection->flags |= CONNECTION_MIDSTREAM;
		if (connection->flags & CONNECTION_MIDSTREAM)
			place_streams(connection, s->call.fd, index, s->call.ret);
		send_open(s, connection, conn, s->call.pid_tgid, s->call.fd);
	}
	if (kept)
		send_beginning(s, connection, conn, kept);
	send_held(s, connection, conn, DIRECTION_IN);
	send_held(s, connection, conn, DIRECTION_OUT);
	if (!check_sequence(s, connection)) {
		replace_connection(context, s, conn);
		return 0;
	}
	s->call.stream_offset = s->call.hole ? s->call.hole - 1 : FETCH_ADD(&connection->offset[index], s->call.ret);
	if (control.skipping) {
		struct skip_key key = { .conn = conn, .direction = s->call.direction };
		__u64 *until = bpf_map_lookup_elem(&skips, &key);

		if (until)
			skip_until = *until;
	}
	begin_event(&s->event, CAPTURE_DATA, s->call.pid_tgid, conn, connection);
	s->call.record_flags |= s->event.flags;
	s->event.syscall = s->call.syscall;
	s->event.direction = s->call.direction;
	s->event.fd = s->call.fd;
	s->event.call_bytes = s->call.ret;
	s->event.time_ns = bpf_ktime_get_boot_ns();
	note_silence(s, connection);
	send_call(s, skip_until);
	return 0;
}

/* Does the call's memory have room for a byte? A read of nothing returns 0 too, and is no end. */
static __always_inline bool wanted_bytes(struct scratch *s)
{
	struct iovec iovec;
	__u32 i;

	if (s->call.shape == SHAPE_BUFFER)
		return s->call.count != 0;
	if (s->call.shape == SHAPE_MESSAGES)
		return false;
	s->call.ret = 1;
	if (!begin_walk(s))
		return false;
	for (i = 0; i < 8; i++) {
		if (i >= s->walk.iov_left ||
		    bpf_probe_read_user(&iovec, sizeof(iovec), (void *)(s->walk.iov + i * sizeof(iovec))))
			return false;
		if (iovec.length)
			return true;
	}
	return false;
}

/* A call on a connection returned 0 or failed for good. */
EXIT_STAGE(end_call)
{
	struct scratch *s = working_memory();
	struct connection *connection;
	__u64 conn;
	__s64 ret;

	if (!s)
		return 0;
	conn = descriptor_conn(s->call.descriptor);
	connection = bpf_map_lookup_elem(&connections, &conn);
	if (!connection || !(connection->flags & CONNECTION_OPEN_SENT))
		return 0;
	ret = s->call.ret;
	if (ret < 0) {
		send_note(s, connection, conn, CAPTURE_ERROR, s->call.syscall, s->call.direction, s->call.pid_tgid,
			  s->call.fd, -ret);
		return 0;
	}
	if (connection->flags & CONNECTION_EOF_SENT || s->call.message_flags & (MSG_PEEK | MSG_OOB) || !wanted_bytes(s))
		return 0;
	connection->flags |= CONNECTION_EOF_SENT;
	send_note(s, connection, conn, CAPTURE_EOF, s->call.syscall, DIRECTION_IN, s->call.pid_tgid, s->call.fd, 0);
	return 0;
}

#endif
