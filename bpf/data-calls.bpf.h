/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * Calls that move bytes. consider_call() decides whether a call is of interest; for nearly all calls on a machine
 * one look-up is enough. Interesting calls continue by tail call in shared programs, so that the verifier checks
 * those only once.
 */
#ifndef TINYTAP_DATA_CALLS_BPF_H
#define TINYTAP_DATA_CALLS_BPF_H

#include "arguments.bpf.h"
#include "beginnings.bpf.h"
#include "sequence.bpf.h"
#include "stages.bpf.h"
#ifndef TINYTAP_OLD_KERNELS
#include "nested-calls.bpf.h"
#endif

/* Errors after which a connection is useless. */
static __always_inline bool is_fatal(__s64 ret)
{
	return ret == -ECONNRESET || ret == -EPIPE || ret == -ETIMEDOUT || ret == -ECONNABORTED ||
	       ret == -EHOSTUNREACH || ret == -ENETUNREACH || ret == -ENETDOWN;
}

/* Longer than the time from copying the bytes to the call's return, even if the thread was preempted in between. */
#define RECEIVE_AGE_NS 20000000

/* Did the returning call receive from the socket in scratch->receive? The note describes one call only: the
 * thread's next call may be on another socket. */
static __always_inline __u32 take_receive(__u64 pid_tgid)
{
	struct scratch *s = working_memory();

	if (!s || s->receive.tid != (__u32)pid_tgid)
		return 0;
	s->receive.tid = 0;
	return bpf_ktime_get_boot_ns() - s->receive.time_ns < RECEIVE_AGE_NS;
}

static __always_inline __u64 descriptor_name(__u32 pid, __s32 fd)
{
	return (__u64)pid << 32 | (__u32)fd;
}

/* Was this descriptor dismissed when this CPU last saw it, and has no descriptor changed its meaning since?
 * Another program may write in between, but whatever it writes is true for the name that it writes. */
static __always_inline bool remembers_dismissed(const struct scratch *s, __u32 pid, __s32 fd)
{
	const volatile struct dismissed *dismissed = &s->dismissed[(__u32)fd & (DISMISSED_SLOTS - 1)];
	__u64 name = descriptor_name(pid, fd);

	return dismissed->name == name && dismissed->meanings == control.meanings && dismissed->name == name;
}

/* `meanings`: its value before the descriptor was looked up. */
static __always_inline void remember_dismissed(struct scratch *s, __u32 pid, __s32 fd, __u32 meanings)
{
	volatile struct dismissed *dismissed = &s->dismissed[(__u32)fd & (DISMISSED_SLOTS - 1)];

	dismissed->name = descriptor_name(pid, fd);
	dismissed->meanings = meanings;
}

/* Handles an excluded call on a connection if only its offset has to advance. Returns false if the full path is
 * needed. */
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

/* Handles a call that found the working memory in use: its bytes are lost, but the stream's offset has to count
 * them. */
static __always_inline void miss_call(__u64 conn, __s64 ret, __u32 direction, __u32 message_flags, __u32 shape)
{
	struct connection *connection = conn ? bpf_map_lookup_elem(&connections, &conn) : NULL;

	if (!connection || ret <= 0 || shape == SHAPE_MESSAGES || message_flags & (MSG_PEEK | MSG_OOB))
		ret = 0;
	else
		FETCH_ADD(&connection->offset[(direction - 1) & 1], ret);
	count_loss(LOSS_MISSED, ret);
}

/* Tail-calls the next stage if the descriptor may carry HTTP. Returns only if the call is of no interest. */
static __always_inline int consider_call(struct exit_context *context, __s64 ret, __s32 fd, __u64 pointer, __u64 count,
					 __u32 message_flags, __u32 syscall, __u32 direction, __u32 shape,
					 __u32 record_flags)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid(), *slot, descriptor = 0;
	__u32 pid = pid_tgid >> 32, received = 0, meanings;
	bool passes;
	struct scratch *s;
	TAKEN struct scratch *taken = NULL;

	/* Capturing a head but not its body, whose call is not attached yet, would make all later offsets wrong. */
	if (control.attaching)
		return 0;
#ifndef TINYTAP_OLD_KERNELS
	if (control.tls_waiting && ret > 0)
		note_tls_call(fd, direction, pointer, shape);
#endif
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
	/* The call failed, ended the stream, or moved bytes that cannot be examined, on an unknown descriptor. */
	if ((ret <= 0 || shape == SHAPE_NONE) && !descriptor_conn(descriptor))
		return 0;
	if (is_own(pid))
		return 0;
	taken = try_memory();
	if (!taken) {
		miss_call(descriptor_conn(descriptor), ret, direction, message_flags, shape);
		return 0;
	}
	passes = process_passes(pid);
	/* Continue for excluded calls on a connection, too: its offsets must include bytes that are not captured. */
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
	/* The compiler turns constant indexes into direct jumps. */
	if (ret > 0)
		bpf_tail_call(context, &stages, STAGE_CARRY);
	else
		bpf_tail_call(context, &stages, STAGE_END);
	return 0;
}

/* The exit of a call in DATA_CALLS or MESSAGE_CALLS; the parameters are the columns of its line there. */
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
	/* Completions of zero-copy sends, and timestamps: not part of the stream. */
	if (given_flags & MSG_ERRQUEUE && direction == DIRECTION_IN)
		return 0;
	return consider_call(context, ret, ARGUMENT(arguments, 0), ARGUMENT(arguments, 1), ARGUMENT(arguments, 2),
			     given_flags, syscall, direction, shape, shape == SHAPE_MESSAGES ? FLAG_MULTI : 0);
}

/* Ignores the descriptor from now on. */
static __always_inline void dismiss(struct scratch *s)
{
	__u64 *slot = make_descriptor(s, s->call.pid_tgid >> 32, s->call.fd);

	if (slot && *slot == s->call.descriptor)
		*slot = DESCRIPTOR_DISMISSED;
}

/* A descriptor without a connection moved bytes: its connection began before the capture, or unseen. Returns NULL
 * if it is not a connection. */
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
			/* Received before the sender's call returned. */
			FETCH_ADD(&connection->travelling, -1);
			s->call.descriptor = DESCRIPTOR_SOCKET | *conn << DESCRIPTOR_CONN_SHIFT;
			return (connection->flags & CONNECTION_PAST_HELLOS) == CONNECTION_PAST_HELLOS ? NULL
												      : connection;
		}
	}
	if (!known && !s->call.received && is_file_call(s->call.syscall)) {
		begin_sniff(s, NULL);
		gather_start();
		looks = test_start(1);
		if (looks != LOOKS_HTTP && looks != LOOKS_HTTP2 && looks != LOOKS_UNDECIDED) {
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
		/* The maps are full: bytes that look like HTTP are lost. */
		begin_sniff(s, NULL);
		gather_start();
		if (test_start(0) == LOOKS_HTTP)
			count_loss(LOSS_MAP_FULL, s->call.ret);
		return NULL;
	}
	s->call.descriptor = DESCRIPTOR_SOCKET | (*slot & DESCRIPTOR_CLOEXEC) | *conn << DESCRIPTOR_CONN_SHIFT;
	*slot = s->call.descriptor;
	connection = bpf_map_lookup_elem(&connections, conn);
	/* The socket has already counted this call. */
	if (connection)
		connection->flags &= ~(CONNECTION_SEQUENCED | CONNECTION_SEQUENCED << 1);
	return connection;
}

/* Uses the addresses that the call's own TCP socket has provided, which also proves that it is a socket. */
static __always_inline void apply_receive(struct scratch *s, struct connection *connection, __u64 conn)
{
	__builtin_memcpy(connection->addresses, s->receive.addresses, CAPTURE_ADDRESSES_BYTES);
	connection->flags &= ~CONNECTION_UNVERIFIED;
	mark_named(connection);
	if (connection->flags & CONNECTION_OPEN_SENT)
		send_open(s, connection, conn, s->call.pid_tgid, s->call.fd);
}

/* Applies the answer of user space to the question whether it is a socket. */
static __always_inline void apply_verdict(struct connection *connection, __u64 conn)
{
	__u32 *verdict = bpf_map_lookup_elem(&verdicts, &conn);

	if (verdict && *verdict == VERDICT_SOCKET)
		connection->flags &= ~CONNECTION_UNVERIFIED;
}

/* Counts the call's bytes without sending them. */
static __always_inline void skip_excluded(struct scratch *s, struct connection *connection)
{
	__u32 index = (s->call.direction - 1) & 1;

	connection->held_bytes[index] = 0;
	FETCH_ADD(&connection->offset[index], s->call.ret);
	count_loss(LOSS_EXCLUDED, s->call.ret);
}

/* Replaces a descriptor that was closed and became another socket in a way that no call shows. */
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

/* Peeked and urgent bytes are not part of the stream. */
static __always_inline bool is_beside_stream(const struct scratch *s)
{
	return s->call.direction == DIRECTION_IN && s->call.message_flags & (MSG_PEEK | MSG_OOB);
}

/* Sets call.ret to the number of bytes that the call adds to the stream. Returns false if it adds none. */
static __always_inline bool count_stream_bytes(struct scratch *s, struct connection *connection)
{
	if (s->call.shape == SHAPE_MESSAGES) {
		/* Until here it was the number of messages. */
		s->call.count = s->call.ret;
		if (!begin_walk(s))
			return false;
		s->walk.left = 0;
		REPEAT(MESSAGE_STEPS, add_message);
		s->call.ret = s->walk.left;
		if (!s->call.ret)
			return false;
	}
	/* The last byte of an urgent send is not in the stream. */
	if (s->call.direction == DIRECTION_OUT && s->call.message_flags & MSG_OOB) {
		if (connection)
			connection->sequence[1]++;
		if (!--s->call.ret)
			return false;
	}
	return true;
}

/* With MSG_TRUNC a TCP socket discards the bytes; the caller's memory holds none of them. */
static __always_inline void note_discarded(struct scratch *s, const struct connection *connection)
{
	if (s->call.direction == DIRECTION_IN && s->call.message_flags & MSG_TRUNC &&
	    *(__u16 *)connection->addresses != AF_UNIX) {
		s->call.shape = SHAPE_NONE;
		s->call.record_flags |= FLAG_DISCARDED;
	}
}

/* What does the call look like on a connection that is not HTTP so far? LOOKS_UNDECIDED: later calls decide. */
static __always_inline __u32 look_at_call(struct scratch *s, struct connection *connection, __u64 conn)
{
	__u32 looks;

	if (connection->flags & CONNECTION_LABELLED)
		return look_at_labelled(s, connection, conn);
	looks = s->call.shape == SHAPE_NONE ? LOOKS_FOREIGN : look_at_start(s, connection, conn);
	/* A proxy that moves everything by splice shows no bytes to recognise. */
	if (s->call.syscall == SYSCALL_SPLICE && !connection->offset[(s->call.direction - 1) & 1])
		tell_blind_spot(s, BLIND_SPOT_SPLICE, SYSCALL_SPLICE, s->call.pid_tgid, conn, s->call.fd);
	return looks;
}

/* Does this call turn the connection into HTTP, or carry a hello of TLS? If not, counts its bytes. */
static __always_inline bool is_wanted(struct scratch *s, struct connection *connection, __u64 conn, __u32 looks)
{
	__u32 index = (s->call.direction - 1) & 1;

	if (looks == LOOKS_HTTP || looks == LOOKS_HTTP_LINE || looks == LOOKS_HTTP2) {
		connection->flags |= looks == LOOKS_HTTP2 ? CONNECTION_HTTP | CONNECTION_HTTP2 : CONNECTION_HTTP;
		mark_process(s->call.pid_tgid >> 32);
		return true;
	}
	if (looks == LOOKS_TLS && ports_pass(s, connection)) {
		connection->flags |= CONNECTION_LABELLED;
		mark_process(s->call.pid_tgid >> 32);
		return true;
	}
	FETCH_ADD(&connection->offset[index], s->call.ret);
	if (looks == LOOKS_TLS || looks == LOOKS_UNDECIDED)
		return false;
	connection->held_bytes[index] = 0;
	if (connection->flags & CONNECTION_UNVERIFIED && is_file_call(s->call.syscall)) {
		dismiss(s);
		release_connection(s, conn, s->call.syscall, s->call.pid_tgid, s->call.fd);
	}
	return false;
}

/* Sends what the reader needs before the call's own bytes: the connection, and the bytes held back so far.
 * `became`: this call made it HTTP. */
static __always_inline void send_earlier(struct scratch *s, struct connection *connection, __u64 conn, bool became)
{
	struct beginning *kept = became ? bpf_map_lookup_elem(&beginnings, &conn) : NULL;

	if (!(connection->flags & CONNECTION_OPEN_SENT)) {
		/* Earlier bytes were excluded or not HTTP. */
		if (!is_whole(connection, DIRECTION_IN, kept) || !is_whole(connection, DIRECTION_OUT, kept))
			connection->flags |= CONNECTION_MIDSTREAM;
		if (connection->flags & CONNECTION_MIDSTREAM)
			place_streams(connection, s->call.fd, (s->call.direction - 1) & 1, s->call.ret);
		send_open(s, connection, conn, s->call.pid_tgid, s->call.fd);
	}
	if (kept)
		send_beginning(s, connection, conn, kept);
	send_held(s, connection, conn, DIRECTION_IN);
	send_held(s, connection, conn, DIRECTION_OUT);
}

/* The stream offset below which the reader wants no bytes. */
static __always_inline __u64 skipped_until(const struct scratch *s, __u64 conn)
{
	struct skip_key key = { .conn = conn, .direction = s->call.direction };
	__u64 *until = control.skipping ? bpf_map_lookup_elem(&skips, &key) : NULL;

	return until ? *until : 0;
}

/* Sends the call's bytes and advances the stream's offset. */
static __always_inline void send_bytes(struct scratch *s, struct connection *connection, __u64 conn)
{
	__u32 index = (s->call.direction - 1) & 1;

	s->call.stream_offset = s->call.hole ? s->call.hole - 1 : FETCH_ADD(&connection->offset[index], s->call.ret);
	begin_event(&s->event, CAPTURE_DATA, s->call.pid_tgid, conn, connection);
	s->call.record_flags |= s->event.flags;
	s->event.syscall = s->call.syscall;
	s->event.direction = s->call.direction;
	s->event.fd = s->call.fd;
	s->event.call_bytes = s->call.ret;
	s->event.time_ns = bpf_ktime_get_boot_ns();
	note_silence(s, connection);
	send_call(s, skipped_until(s, conn));
}

/* Handles a call that has moved bytes on a descriptor that may carry HTTP. */
EXIT_STAGE(carry_call)
{
	TAKEN struct scratch *s = working_memory();
	struct connection *connection = NULL;
	bool became;
	__u64 conn;

	if (!s)
		return 0;
	conn = descriptor_conn(s->call.descriptor);
	if (conn) {
		connection = bpf_map_lookup_elem(&connections, &conn);
		if (!connection) {
			/* The reader has removed the connection: it is not HTTP. */
			dismiss(s);
			return 0;
		}
		if (connection->flags & CONNECTION_UNVERIFIED)
			apply_verdict(connection, conn);
	}
	if (is_beside_stream(s)) {
		if (connection && connection->flags & CONNECTION_OPEN_SENT && !s->call.excluded)
			send_note(s, connection, conn, CAPTURE_PEEK, s->call.syscall, DIRECTION_IN, s->call.pid_tgid,
				  s->call.fd, s->call.ret);
		return 0;
	}
	if (!count_stream_bytes(s, connection))
		return 0;
	if (!connection)
		connection = adopt(context, s, &conn);
	if (!connection)
		return 0;
	if (s->call.received && connection->nameless)
		apply_receive(s, connection, conn);
	note_discarded(s, connection);
	if (s->call.excluded) {
		skip_excluded(s, connection);
		return 0;
	}
	became = !(connection->flags & CONNECTION_HTTP);
	if (became && !is_wanted(s, connection, conn, look_at_call(s, connection, conn)))
		return 0;
	if (!ports_pass(s, connection)) {
		skip_excluded(s, connection);
		return 0;
	}
	send_earlier(s, connection, conn, became);
	if (!check_sequence(s, connection))
		replace_connection(context, s, conn);
	else
		send_bytes(s, connection, conn);
	return 0;
}

/* Does the call's memory have room for at least one byte? A read of zero bytes also returns 0, but is not an end
 * of file. */
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

/* Handles a call on a connection that returned 0 or failed for good. */
EXIT_STAGE(end_call)
{
	TAKEN struct scratch *s = working_memory();
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
