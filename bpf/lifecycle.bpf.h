/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* Calls that create, copy and close descriptors. */
#ifndef TINYTAP_LIFECYCLE_BPF_H
#define TINYTAP_LIFECYCLE_BPF_H

#include "arguments.bpf.h"
#include "data-calls.bpf.h"
#include "sweep.bpf.h"

/* ---- closing descriptors: at entry, because at exit the number may already belong to another
 * ----------------------- */

static __always_inline void register_own(__u32 pid)
{
	__u32 i;

	control.registration = 0;
	control.registered_ns = bpf_ktime_get_boot_ns();
	for (i = 0; i < CONTROL_OWN_PIDS; i++) {
		if (control.own_pids[i] == pid)
			return;
		if (!control.own_pids[i]) {
			control.own_pids[i] = pid;
			return;
		}
	}
}

SEC("tracepoint/syscalls/sys_enter_close")
int handle_close_enter(struct enter_context *context)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid(), *slot, descriptor;
	__s32 fd = context->arguments[0];
	TAKEN struct scratch *s = NULL;

	if (control.registration && control.registration == (__u32)fd) {
		register_own(pid_tgid >> 32);
		return 0;
	}
	slot = find_descriptor(pid_tgid >> 32, fd);
	if (!slot)
		return 0;
	descriptor = *slot;
	if (descriptor_state(descriptor) == DESCRIPTOR_DISMISSED && !descriptor_conn(descriptor))
		return 0;
	*slot = DESCRIPTOR_DISMISSED;
	if (!descriptor_conn(descriptor))
		return 0;
	if ((s = take_memory()))
		release_connection(s, descriptor_conn(descriptor), SYSCALL_CLOSE, pid_tgid, fd);
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_close_range")
int handle_close_range_enter(struct enter_context *context)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	__u32 first = context->arguments[0], last = context->arguments[1], table = table_of(pid);
	struct process *process = bpf_map_lookup_elem(&processes, &table);
	TAKEN struct scratch *s = NULL;

	if (!process || first > last)
		return 0;
	s = take_memory();
	if (!s)
		return 0;
	sweep_descriptors(context, s, process,
			  context->arguments[2] & CLOSE_RANGE_CLOEXEC ? SWEEP_SET_CLOEXEC : SWEEP_CLOSE, table,
			  SYSCALL_CLOSE_RANGE, first, last);
	return 0;
}

/* ---- sockets ----------------------------------------------------------------------------------------------------- */

/* Reads a socket address from user space. The address stays zero (unknown) if there is none or its family is not
 * supported. */
static __always_inline void read_address(__u8 *address, __u64 pointer)
{
	__u16 family = 0;

	if (!pointer || bpf_probe_read_user(&family, sizeof(family), (void *)pointer))
		return;
	if (family == AF_INET)
		bpf_probe_read_user(address, 8, (void *)pointer);
	else if (family == AF_INET6)
		bpf_probe_read_user(address, CAPTURE_ADDRESS_BYTES, (void *)pointer);
	else if (family == AF_UNIX)
		*(__u16 *)address = family;
}

static __always_inline int accepted(struct exit_context *context, __u32 syscall)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid(), conn, cloexec = 0;
	TAKEN struct scratch *s = NULL;

	if (context->ret < 0)
		return 0;
	s = own_memory(pid_tgid >> 32);
	const __auto_type arguments = call_arguments(context);
	if (!s || !arguments)
		return 0;
	begin_connection(s, ROLE_ACCEPTED, 0);
	read_address(s->connection.addresses, ARGUMENT(arguments, 1));
	if (syscall == SYSCALL_ACCEPT4 && ARGUMENT(arguments, 3) & SOCK_CLOEXEC)
		cloexec = DESCRIPTOR_CLOEXEC;
	conn = add_connection(s, context->ret);
	set_descriptor(s, pid_tgid >> 32, context->ret, DESCRIPTOR_SOCKET | cloexec | conn << DESCRIPTOR_CONN_SHIFT,
		       syscall, pid_tgid);
	return 0;
}

EXIT_PROGRAM(accept)
{
	return accepted(context, SYSCALL_ACCEPT);
}

EXIT_PROGRAM(accept4)
{
	return accepted(context, SYSCALL_ACCEPT4);
}

static __always_inline bool is_stream(__u32 domain, __u32 type)
{
	return (type & SOCK_TYPE_MASK) == SOCK_STREAM &&
	       (domain == AF_UNIX || domain == AF_INET || domain == AF_INET6 || domain == AF_VSOCK || domain == AF_SMC);
}

EXIT_PROGRAM(socket)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid(), descriptor = DESCRIPTOR_DISMISSED;
	TAKEN struct scratch *s = NULL;

	if (context->ret < 0)
		return 0;
	s = own_memory(pid_tgid >> 32);
	const __auto_type arguments = call_arguments(context);
	if (!s || !arguments)
		return 0;
	if (is_stream(ARGUMENT(arguments, 0), ARGUMENT(arguments, 1)))
		descriptor = DESCRIPTOR_SOCKET | (ARGUMENT(arguments, 1) & SOCK_CLOEXEC ? DESCRIPTOR_CLOEXEC : 0);
	set_descriptor(s, pid_tgid >> 32, context->ret, descriptor, SYSCALL_SOCKET, pid_tgid);
	return 0;
}

EXIT_PROGRAM(socketpair)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid(), descriptor;
	TAKEN struct scratch *s = NULL;
	__s32 fds[2];
	__u32 i;

	if (context->ret < 0)
		return 0;
	s = own_memory(pid_tgid >> 32);
	const __auto_type arguments = call_arguments(context);
	if (!s || !arguments || bpf_probe_read_user(fds, sizeof(fds), (void *)ARGUMENT(arguments, 3)))
		return 0;
	for (i = 0; i < 2; i++) {
		descriptor = DESCRIPTOR_DISMISSED;
		if (is_stream(ARGUMENT(arguments, 0), ARGUMENT(arguments, 1))) {
			begin_connection(s, ROLE_PAIR, 0);
			*(__u16 *)s->connection.addresses = AF_UNIX;
			descriptor = DESCRIPTOR_SOCKET | add_connection(s, fds[i]) << DESCRIPTOR_CONN_SHIFT;
			if (ARGUMENT(arguments, 1) & SOCK_CLOEXEC)
				descriptor |= DESCRIPTOR_CLOEXEC;
		}
		set_descriptor(s, pid_tgid >> 32, fds[i], descriptor, SYSCALL_SOCKETPAIR, pid_tgid);
	}
	return 0;
}

/* Fills in the local address of a socket that this thread is connecting, or leaves a note for the program that
 * learns it later. */
static __always_inline void name_connection(__u64 conn, __u32 tid)
{
	struct connection *connection = bpf_map_lookup_elem(&connections, &conn);
	__u64 *key = bpf_map_lookup_elem(&connecting_threads, &tid), socket;
	struct connecting_socket *known;

	if (!key || !connection)
		return;
	socket = *key;
	bpf_map_delete_elem(&connecting_threads, &tid);
	known = bpf_map_lookup_elem(&connecting_sockets, &socket);
	if (!known)
		return;
	known->conn = conn;
	connection->connect_ns = known->took_ns;
	/* The socket itself has provided more: the interface of a link-local address. */
	if (known->known && !*(__u16 *)(connection->addresses + CAPTURE_ADDRESS_BYTES)) {
		__builtin_memcpy(connection->addresses + CAPTURE_ADDRESS_BYTES, known->local, CAPTURE_ADDRESS_BYTES);
		mark_named(connection);
	}
}

EXIT_PROGRAM(connect)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid(), descriptor = 0, conn, *slot;
	struct connection *connection;
	__u16 family = 0;
	TAKEN struct scratch *s = NULL;
	__u64 pointer;
	__s32 fd;

	/* Interrupted: connecting continues in the background. Connected: an earlier attempt succeeded. */
	if (context->ret != 0 && context->ret != -EINPROGRESS && context->ret != -EINTR && context->ret != -EISCONN)
		return 0;
	s = own_memory(pid_tgid >> 32);
	const __auto_type arguments = call_arguments(context);
	if (!s || !arguments)
		return 0;
	fd = ARGUMENT(arguments, 0);
	pointer = ARGUMENT(arguments, 1);
	slot = find_descriptor(pid_tgid >> 32, fd);
	if (slot)
		descriptor = *slot;
	if (descriptor_state(descriptor) == DESCRIPTOR_DISMISSED)
		return 0;
	if (bpf_probe_read_user(&family, sizeof(family), (void *)pointer) ||
	    (family != AF_INET && family != AF_INET6 && family != AF_UNIX && family != AF_VSOCK))
		return 0;
	conn = descriptor_conn(descriptor);
	connection = conn ? bpf_map_lookup_elem(&connections, &conn) : NULL;
	/* The program asks again whether it is connected, or tries again. */
	if (connection && connection->role == ROLE_CONNECTED) {
		if (!(connection->flags & CONNECTION_OPEN_SENT)) {
			read_address(connection->addresses, pointer);
			name_connection(conn, pid_tgid);
		}
		return 0;
	}
	/* An unknown descriptor may be a datagram socket. */
	begin_connection(s, ROLE_CONNECTED,
			 descriptor_state(descriptor) == DESCRIPTOR_SOCKET ? 0 : CONNECTION_UNVERIFIED);
	read_address(s->connection.addresses, pointer);
	conn = add_connection(s, fd);
	set_descriptor(s, pid_tgid >> 32, fd,
		       DESCRIPTOR_SOCKET | (descriptor & DESCRIPTOR_CLOEXEC) | conn << DESCRIPTOR_CONN_SHIFT,
		       SYSCALL_CONNECT, pid_tgid);
	if (conn)
		name_connection(conn, pid_tgid);
	return 0;
}

/* Writes an address in the layout of user space. */
static __always_inline void set_address(__u8 *address, __u16 family, __u16 port, const __u8 *v4, const __u8 *v6)
{
	*(__u16 *)address = family;
	*(__u16 *)(address + 2) = __builtin_bswap16(port);
	if (family == AF_INET)
		__builtin_memcpy(address + 4, v4, 4);
	else
		__builtin_memcpy(address + 8, v6, 16);
}

/* Learns the local address of connecting sockets, and how long connecting takes: at SYN_SENT the calling thread, at
 * ESTABLISHED the port. */
SEC("tracepoint/sock/inet_sock_set_state")
int handle_socket_state(struct inet_sock_set_state_context *context)
{
	struct connecting_socket fresh = {}, *known;
	__u64 socket = context->socket, pid_tgid;
	struct connection *connection;
	__u32 tid;

	if (context->new_state == TCP_SYN_SENT) {
		pid_tgid = bpf_get_current_pid_tgid();
		tid = pid_tgid;
		fresh.began_ns = bpf_ktime_get_boot_ns();
		bpf_map_update_elem(&connecting_sockets, &socket, &fresh, BPF_ANY);
		bpf_map_update_elem(&connecting_threads, &tid, &socket, BPF_ANY);
		return 0;
	}
	if (context->new_state == TCP_CLOSE) {
		bpf_map_delete_elem(&connecting_sockets, &socket);
		return 0;
	}
	if (context->old_state != TCP_SYN_SENT || context->new_state != TCP_ESTABLISHED)
		return 0;
	known = bpf_map_lookup_elem(&connecting_sockets, &socket);
	if (!known || (context->family != AF_INET && context->family != AF_INET6))
		return 0;
	set_address(known->local, context->family, context->local_port, context->local, context->local_v6);
	known->took_ns = bpf_ktime_get_boot_ns() - known->began_ns;
	known->known = 1;
	if (!known->conn)
		return 0;
	__u64 conn = known->conn;
	connection = bpf_map_lookup_elem(&connections, &conn);
	if (connection)
		connection->connect_ns = known->took_ns;
	if (connection && connection->nameless) {
		__builtin_memcpy(connection->addresses + CAPTURE_ADDRESS_BYTES, known->local, CAPTURE_ADDRESS_BYTES);
		mark_named(connection);
	}
	return 0;
}

/* Reads an address from a context whose members have moved between kernel versions. */
static __always_inline void read_receive_address(void *context, __u8 *address, __u16 family, __u32 port, __u32 v4,
						 __u32 v6)
{
	__u16 number = 0;

	__builtin_memset(address, 0, CAPTURE_ADDRESS_BYTES);
	*(__u16 *)address = family;
	bpf_probe_read_kernel(&number, sizeof(number), context + port);
	*(__u16 *)(address + 2) = __builtin_bswap16(number);
	if (family == AF_INET)
		bpf_probe_read_kernel(address + 4, 4, context + v4);
	else
		bpf_probe_read_kernel(address + 8, 16, context + v6);
}

/* Fires in every call that receives from a TCP socket, before it returns. It provides the addresses of
 * connections that are older than the capture or were accepted: accept does not return the local address, and
 * programs need not ask for the peer's. */
SEC("tracepoint/tcp/tcp_rcv_space_adjust")
int handle_receive(void *context)
{
	__u16 family = AF_INET6;
	TAKEN struct scratch *s = NULL;

	if (!control.unnamed || !settings.receive_peer_v6_offset)
		return 0;
	s = try_memory();
	if (!s)
		return 0;
	/* Without a family the address is read as IPv6, which every kernel fills in (IPv4 as ::ffff:…). */
	if (settings.receive_family_offset)
		bpf_probe_read_kernel(&family, sizeof(family), context + settings.receive_family_offset);
	read_receive_address(context, s->receive.addresses, family, settings.receive_peer_port_offset,
			     settings.receive_peer_offset, settings.receive_peer_v6_offset);
	read_receive_address(context, s->receive.addresses + CAPTURE_ADDRESS_BYTES, family,
			     settings.receive_local_port_offset, settings.receive_local_offset,
			     settings.receive_local_v6_offset);
	s->receive.time_ns = bpf_ktime_get_boot_ns();
	s->receive.tid = bpf_get_current_pid_tgid();
	return 0;
}

EXIT_PROGRAM(shutdown)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid(), conn, *slot;
	struct connection *connection;
	TAKEN struct scratch *s = NULL;
	__u32 how;

	if (context->ret != 0)
		return 0;
	s = own_memory(pid_tgid >> 32);
	const __auto_type arguments = call_arguments(context);
	if (!s || !arguments)
		return 0;
	slot = find_descriptor(pid_tgid >> 32, ARGUMENT(arguments, 0));
	conn = slot && descriptor_state(*slot) != DESCRIPTOR_DISMISSED ? descriptor_conn(*slot) : 0;
	connection = conn ? bpf_map_lookup_elem(&connections, &conn) : NULL;
	if (!connection || !(connection->flags & CONNECTION_OPEN_SENT))
		return 0;
	how = ARGUMENT(arguments, 1);
	send_note(s, connection, conn, CAPTURE_SHUTDOWN, SYSCALL_SHUTDOWN,
		  how == 0   ? DIRECTION_IN
		  : how == 1 ? DIRECTION_OUT
			     : DIRECTION_NONE,
		  pid_tgid, ARGUMENT(arguments, 0), how);
	return 0;
}

/* ---- copies of descriptors --------------------------------------------------------------------------------------- */

static __always_inline int copied(__s64 ret, __s32 from, __u64 cloexec, __u32 syscall)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid(), descriptor = 0, conn, *slot;
	struct connection *connection;
	__u32 pid = pid_tgid >> 32;
	TAKEN struct scratch *s = NULL;

	/* dup2 of a descriptor over itself does nothing. */
	if (ret < 0 || ret == from)
		return 0;
	s = own_memory(pid);
	if (!s)
		return 0;
	slot = find_descriptor(pid, from);
	if (slot)
		descriptor = *slot;
	/* Nothing is known about either descriptor. */
	if (!descriptor && !find_descriptor(pid, ret))
		return 0;
	/* Both must refer to one connection, so create it. */
	if (slot && descriptor_state(descriptor) == DESCRIPTOR_SOCKET && !descriptor_conn(descriptor)) {
		begin_connection(s, ROLE_UNKNOWN, CONNECTION_MIDSTREAM);
		descriptor |= add_connection(s, from) << DESCRIPTOR_CONN_SHIFT;
		*slot = descriptor;
	}
	descriptor = (descriptor & ~(__u64)DESCRIPTOR_CLOEXEC) | cloexec;
	conn = descriptor_conn(descriptor);
	connection = conn ? bpf_map_lookup_elem(&connections, &conn) : NULL;
	if (connection) {
		FETCH_ADD(&connection->holders, 1);
		if (connection->flags & CONNECTION_OPEN_SENT)
			send_note(s, connection, conn, CAPTURE_SHARE, syscall, DIRECTION_NONE, pid_tgid, ret, 0);
	}
	set_descriptor(s, pid, ret, descriptor, syscall, pid_tgid);
	return 0;
}

EXIT_PROGRAM(dup)
{
	const __auto_type arguments = call_arguments(context);

	return arguments ? copied(context->ret, ARGUMENT(arguments, 0), 0, SYSCALL_DUP) : 0;
}

EXIT_PROGRAM(dup2)
{
	const __auto_type arguments = call_arguments(context);

	return arguments ? copied(context->ret, ARGUMENT(arguments, 0), 0, SYSCALL_DUP2) : 0;
}

EXIT_PROGRAM(dup3)
{
	const __auto_type arguments = call_arguments(context);

	if (!arguments)
		return 0;
	return copied(context->ret, ARGUMENT(arguments, 0),
		      ARGUMENT(arguments, 2) & SOCK_CLOEXEC ? DESCRIPTOR_CLOEXEC : 0, SYSCALL_DUP3);
}

static __always_inline void set_cloexec(__s32 fd, bool on)
{
	__u64 *slot = find_descriptor(bpf_get_current_pid_tgid() >> 32, fd);

	if (slot && *slot)
		*slot = on ? *slot | DESCRIPTOR_CLOEXEC : *slot & ~(__u64)DESCRIPTOR_CLOEXEC;
}

EXIT_PROGRAM(fcntl)
{
	const __auto_type arguments = call_arguments(context);
	__u32 command;

	if (context->ret < 0 || !arguments)
		return 0;
	command = ARGUMENT(arguments, 1);
	if (command == F_SETFD)
		set_cloexec(ARGUMENT(arguments, 0), ARGUMENT(arguments, 2) & FD_CLOEXEC);
	if (command != F_DUPFD && command != F_DUPFD_CLOEXEC)
		return 0;
	return copied(context->ret, ARGUMENT(arguments, 0), command == F_DUPFD_CLOEXEC ? DESCRIPTOR_CLOEXEC : 0,
		      SYSCALL_FCNTL);
}

EXIT_PROGRAM(ioctl)
{
	const __auto_type arguments = call_arguments(context);
	__u32 command;

	if (context->ret != 0 || !arguments)
		return 0;
	command = ARGUMENT(arguments, 1);
	if (command == FIOCLEX || command == FIONCLEX)
		set_cloexec(ARGUMENT(arguments, 0), command == FIOCLEX);
	return 0;
}

/* ---- descriptors from other processes ----------------------------------------------------------------------------- */

/* Handles a descriptor received from another process, which may be anything: forgets the number's old meaning and
 * joins a known connection. */
static SHARED long receive_descriptor(struct scratch *s, __s32 fd, __u64 cloexec, __u32 syscall, bool arrived)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid(), number = socket_number(fd), conn = 0;
	struct connection *connection;

	if (!s)
		return 0;
	if (number && number != NO_STREAM_SOCKET)
		conn = join_connection(s, number, fd, cloexec, syscall);
	connection = conn ? bpf_map_lookup_elem(&connections, &conn) : NULL;
	if (connection) {
		if (arrived)
			FETCH_ADD(&connection->travelling, -1);
		return 0;
	}
	if (find_descriptor(pid_tgid >> 32, fd))
		set_descriptor(s, pid_tgid >> 32, fd, DESCRIPTOR_UNKNOWN | cloexec, syscall, pid_tgid);
	return 0;
}

EXIT_PROGRAM(pidfd_getfd)
{
	TAKEN struct scratch *s = NULL;

	if (context->ret < 0)
		return 0;
	s = own_memory(bpf_get_current_pid_tgid() >> 32);
	if (s)
		receive_descriptor(s, context->ret, DESCRIPTOR_CLOEXEC, SYSCALL_PIDFD_GETFD, false);
	return 0;
}

/* Notes that a connection is in flight: it lives on even if its last descriptor is closed in the meantime. */
static __always_inline void send_descriptor(__s32 fd)
{
	__u64 *slot = find_descriptor(bpf_get_current_pid_tgid() >> 32, fd), conn = slot ? descriptor_conn(*slot) : 0;
	struct connection *connection = conn ? bpf_map_lookup_elem(&connections, &conn) : NULL;

	/* Its receiver could not identify it. */
	if (connection && connection->socket_number)
		FETCH_ADD(&connection->travelling, 1);
}

/* Limits: descriptors followed in one message (the kernel's own limit is 253; in practice there are only a few),
 * control messages before them, and messages of one call. */
#ifdef TINYTAP_OLD_KERNELS
#define PASSED_DESCRIPTORS 8
#define PASSED_MESSAGES 2
#define GLOBAL static __always_inline
#else
#define PASSED_DESCRIPTORS 253
#define PASSED_MESSAGES 8
/* A global function, so that the verifier checks it once. */
#define GLOBAL __noinline
#endif
#define CONTROL_MESSAGES 4

/* Follows one descriptor of scratch->passing. */
static long pass_step(__u32 index, void *unused)
{
	struct scratch *s = working_memory();
	struct passing *passing;
	__s32 fd;

	if (!s)
		return 1;
	passing = &s->passing;
	if (passing->at + sizeof(fd) > passing->end || bpf_probe_read_user(&fd, sizeof(fd), (void *)passing->at))
		return 1;
	passing->at += sizeof(fd);
	if (passing->direction == DIRECTION_OUT)
		send_descriptor(fd);
	else
		receive_descriptor(s, fd, passing->cloexec, passing->syscall, passing->arrived);
	return 0;
}

/* Follows the descriptors carried by the message whose header is at `pointer`. */
GLOBAL long pass_descriptors(__u64 pointer, __u32 direction, __u32 message_flags, __u32 syscall)
{
	struct control_message_header control_message;
	struct message_header message;
	TAKEN struct scratch *s = NULL;
	__u64 at;
	__u32 i;

	if (bpf_probe_read_user(&message, sizeof(message), (void *)pointer) ||
	    message.control_length < sizeof(control_message) + sizeof(__s32))
		return 0;
	s = own_memory(bpf_get_current_pid_tgid() >> 32);
	if (!s)
		return 0;
	at = message.control;
	for (i = 0; i < CONTROL_MESSAGES; i++) {
		if (at + sizeof(control_message) > message.control + message.control_length ||
		    bpf_probe_read_user(&control_message, sizeof(control_message), (void *)at) ||
		    control_message.length < sizeof(control_message))
			return 0;
		if (control_message.level == SOL_SOCKET && control_message.type == SCM_RIGHTS)
			break;
		at += (control_message.length + 7) & ~7ULL;
	}
	if (i == CONTROL_MESSAGES)
		return 0;
	s->passing.at = at + sizeof(control_message);
	s->passing.end = at + control_message.length;
	s->passing.direction = direction;
	s->passing.syscall = syscall;
	s->passing.cloexec = message_flags & MSG_CMSG_CLOEXEC ? DESCRIPTOR_CLOEXEC : 0;
	s->passing.arrived = !(message_flags & MSG_PEEK);
	REPEAT(PASSED_DESCRIPTORS, pass_step);
	return 0;
}

/* Follows the descriptors of a call that has moved `count` messages. */
static __always_inline void pass_all_descriptors(__u64 pointer, __u64 count, __u32 direction, __u32 message_flags,
						 __u32 syscall)
{
	__u32 i;

	for (i = 0; i < PASSED_MESSAGES; i++) {
		if (i >= count)
			break;
		pass_descriptors(pointer + i * sizeof(struct multi_message_header), direction, message_flags, syscall);
	}
}

/* ---- what cannot be followed ------------------------------------------------------------------------------------ */

static __always_inline int uses_io_uring(__s64 ret)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	TAKEN struct scratch *s = NULL;

	if (ret < 0)
		return 0;
	s = own_memory(pid_tgid >> 32);
	if (s && process_passes(pid_tgid >> 32))
		tell_blind_spot(s, BLIND_SPOT_IO_URING, SYSCALL_IO_URING_ENTER, pid_tgid, 0, -1);
	return 0;
}

EXIT_PROGRAM(io_uring_setup)
{
	return uses_io_uring(context->ret);
}

EXIT_PROGRAM(io_uring_enter)
{
	return uses_io_uring(context->ret);
}

/* Is descriptor `fd` of the calling process a stream socket? If not, dismisses it, so that the next check is
 * quick. */
static __always_inline bool is_stream_socket(struct scratch *s, __u32 pid, __s32 fd)
{
	__u64 *slot = find_descriptor(pid, fd), number;

	if (slot && descriptor_state(*slot) != DESCRIPTOR_UNKNOWN)
		return descriptor_state(*slot) == DESCRIPTOR_SOCKET;
	number = socket_number(fd);
	if (number != NO_STREAM_SOCKET)
		return number != 0;
	slot = make_descriptor(s, pid, fd);
	if (slot && *slot == DESCRIPTOR_UNKNOWN)
		*slot = DESCRIPTOR_DISMISSED;
	return false;
}

/* Maximum requests followed in one io_submit. */
#ifdef TINYTAP_OLD_KERNELS
#define SUBMITTED_BLOCKS 16
#else
#define SUBMITTED_BLOCKS 1024
#endif

/* Looks at one request of scratch->submission. */
static long submission_step(__u32 index, void *unused)
{
	struct scratch *s = working_memory();
	__u64 pid_tgid = bpf_get_current_pid_tgid(), pointer;
	struct io_control_block block;
	bool sends;

	if (!s || index >= s->submission.count ||
	    bpf_probe_read_user(&pointer, sizeof(pointer), (void *)(s->submission.list + index * sizeof(pointer))) ||
	    bpf_probe_read_user(&block, sizeof(block), (void *)pointer))
		return 1;
	if (block.opcode != IOCB_CMD_PREAD && block.opcode != IOCB_CMD_PWRITE && block.opcode != IOCB_CMD_PREADV &&
	    block.opcode != IOCB_CMD_PWRITEV)
		return 0;
	sends = block.opcode == IOCB_CMD_PWRITE || block.opcode == IOCB_CMD_PWRITEV;
	if (is_stream_socket(s, pid_tgid >> 32, block.fd)) {
		tell_blind_spot(s, BLIND_SPOT_AIO, SYSCALL_IO_SUBMIT, pid_tgid, 0, block.fd);
		tell_unseen(s, pid_tgid, block.fd, sends ? DIRECTION_OUT : DIRECTION_IN, SYSCALL_IO_SUBMIT);
	}
	return 0;
}

/* Linux AIO reads and writes sockets unseen. It is nearly always used for files. */
EXIT_PROGRAM(io_submit)
{
	__s64 ret = *(volatile __s64 *)&context->ret;
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	TAKEN struct scratch *s = NULL;

	const __auto_type arguments = call_arguments(context);
	if (ret <= 0 || !arguments)
		return 0;
	s = own_memory(pid_tgid >> 32);
	if (!s || !process_passes(pid_tgid >> 32))
		return 0;
	s->submission.list = ARGUMENT(arguments, 2);
	s->submission.count = ret;
	REPEAT(SUBMITTED_BLOCKS, submission_step);
	return 0;
}

#endif
