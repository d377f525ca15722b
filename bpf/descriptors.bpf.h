/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * Maps a process's descriptor to its connection. A connection lives as long as a descriptor refers to it: dup and
 * fork add references, close and similar calls remove them, and removing the last one sends CAPTURE_CLOSE if the
 * reader knows the connection. Descriptors received from another process find the connection by their socket's
 * number.
 */
#ifndef TINYTAP_DESCRIPTORS_BPF_H
#define TINYTAP_DESCRIPTORS_BPF_H

#include "records.bpf.h"

static __always_inline __u32 descriptor_state(__u64 descriptor)
{
	return descriptor & DESCRIPTOR_STATE_MASK;
}

static __always_inline __u64 descriptor_conn(__u64 descriptor)
{
	return descriptor >> DESCRIPTOR_CONN_SHIFT;
}

/* The number under which the descriptors of process `pid` are kept: its own, unless it shares them. */
static __always_inline __u32 table_of(__u32 pid)
{
	__u32 *table = control.sharing ? bpf_map_lookup_elem(&shared_tables, &pid) : NULL;

	return table ? *table : pid;
}

/* The descriptor's slot; NULL if none of its block was ever seen. */
static __always_inline __u64 *find_descriptor(__u32 pid, __s32 fd)
{
	struct descriptor_key key = { .pid = table_of(pid), .block = (__u32)fd >> DESCRIPTOR_BLOCK_SHIFT };
	struct descriptor_block *block = bpf_map_lookup_elem(&descriptors, &key);

	if (!block)
		return NULL;
	/* Newer compilers would add the offset first, but the verifier needs the comparison first. */
	FORGET(block);
	return &block->descriptors[fd & (DESCRIPTOR_BLOCK - 1)];
}

/* The descriptor's slot, created if necessary. NULL, counted as loss, if the map is full. */
static SHARED __u64 *make_descriptor(struct scratch *s, __u32 pid, __s32 fd)
{
	struct descriptor_key key = { .pid = table_of(pid), .block = (__u32)fd >> DESCRIPTOR_BLOCK_SHIFT };
	struct process fresh = { .last_block = key.block };
	__u64 *slot = find_descriptor(pid, fd);
	struct process *process;

	if (slot || !s)
		return slot;
	if (bpf_map_update_elem(&descriptors, &key, &s->empty_block, BPF_NOEXIST)) {
		/* Either the map is full, or another thread was faster. */
		slot = find_descriptor(pid, fd);
		if (!slot)
			count_loss(LOSS_MAP_FULL, 0);
		return slot;
	}
	process = bpf_map_lookup_elem(&processes, &key.pid);
	if (!process) {
		bpf_map_update_elem(&processes, &key.pid, &fresh, BPF_NOEXIST);
		process = bpf_map_lookup_elem(&processes, &key.pid);
		if (!process)
			count_loss(LOSS_MAP_FULL, 0);
	}
	if (process && process->last_block < key.block)
		process->last_block = key.block;
	return find_descriptor(pid, fd);
}

/* The connection's addresses are known or no longer needed: control.unnamed stops counting it. */
static __always_inline void mark_named(struct connection *connection)
{
	if (connection->nameless && FETCH_CLEAR(&connection->nameless))
		FETCH_ADD(&control.unnamed, -1);
}

/* The number of bytes in one direction that the socket has counted and no call has shown. `moved`: bytes of the
 * current call. */
static __always_inline __s32 count_unseen(struct connection *connection, __u32 index, __u64 moved)
{
	__u32 expected = connection->sequence[index] + connection->offset[index] + moved;

	return read_sequence(connection->sock, index, expected) - expected;
}

/* A larger difference is not a count but a jump: the socket was reconnected or repaired. */
#define UNSEEN_MAX (1 << 30)

/* Called before the last descriptor of the connection, `fd`, is closed: adds bytes that no call has shown.
 * Returns true if there are any. */
static __always_inline bool count_rest(struct connection *connection, __s32 fd)
{
	bool some = false;
	__s32 unseen;
	__u32 index;

	if (!connection->sock || connection->sock != open_sock(fd))
		return false;
#pragma unroll
	for (index = 0; index < 2; index++) {
		if (!(connection->flags & CONNECTION_SEQUENCED << index))
			continue;
		unseen = count_unseen(connection, index, 0);
		if (unseen <= 0 || unseen > UNSEEN_MAX)
			continue;
		if (!index &&
		    passed_urgent(connection->sock, connection->sequence[0] + connection->offset[0],
				  connection->sequence[0] + connection->offset[0] + unseen) &&
		    !--unseen)
			continue;
		connection->offset[index] += unseen;
		some = true;
		/* Of TLS only the hellos are followed. */
		if (!(connection->flags & CONNECTION_LABELLED) || connection->flags & CONNECTION_HTTP)
			count_loss(LOSS_UNSEEN, unseen);
	}
	return some;
}

/* Drops a reference to `conn`. */
static SHARED long release_connection(struct scratch *s, __u64 conn, __u32 syscall, __u64 pid_tgid, __s32 fd)
{
	struct connection *connection = bpf_map_lookup_elem(&connections, &conn);
	__u64 number, *owner;
	bool parked;

	if (!connection || !s)
		return 0;
	if (FETCH_ADD(&connection->holders, -1) > 1)
		return 0;
	number = connection->socket_number;
	parked = connection->travelling > 0;
	if (parked) {
		__builtin_memcpy(&s->connection, connection, sizeof(s->connection));
		s->connection.parked_conn = conn;
		s->connection.nameless = 0;
		bpf_map_update_elem(&parked_connections, &number, &s->connection, BPF_ANY);
	} else if (connection->flags & CONNECTION_OPEN_SENT) {
		send_close(s, connection, conn, syscall, pid_tgid, fd,
			   syscall != SYSCALL_CONNECT && count_rest(connection, fd));
	}
	mark_named(connection);
	owner = bpf_map_lookup_elem(&sockets, &number);
	if (owner && *owner == conn)
		bpf_map_delete_elem(&sockets, &number);
	bpf_map_delete_elem(&connections, &conn);
	/* In the meantime its receiver has received it on another CPU: it lives on. */
	if (parked && connection->holders > 0) {
		__builtin_memcpy(&s->connection, connection, sizeof(s->connection));
		bpf_map_update_elem(&connections, &conn, &s->connection, BPF_NOEXIST);
		bpf_map_update_elem(&sockets, &number, &conn, BPF_ANY);
		bpf_map_delete_elem(&parked_connections, &number);
	}
	return 0;
}

/* Gives descriptor `fd` of process `pid` a new meaning and drops the old one. */
static __always_inline void set_descriptor(struct scratch *s, __u32 pid, __s32 fd, __u64 descriptor, __u32 syscall,
					   __u64 pid_tgid)
{
	__u64 *slot = make_descriptor(s, pid, fd);
	__u64 before;

	if (!slot)
		return;
	before = *slot;
	*slot = descriptor;
	if (descriptor_state(descriptor) != DESCRIPTOR_DISMISSED)
		FETCH_ADD(&control.meanings, 1);
	if (descriptor_conn(before))
		release_connection(s, descriptor_conn(before), syscall, pid_tgid, fd);
}

static __always_inline __u64 next_conn(struct scratch *s)
{
#ifdef TINYTAP_OLD_KERNELS
	/* Each CPU counts for itself; user space has slot 0. */
	return ++s->next_conn * (settings.cpu_count + 1) + bpf_get_smp_processor_id() + 1;
#else
	return FETCH_ADD(&control.next_conn, 1);
#endif
}

/* Adds scratch->connection with one reference, from descriptor `fd` of the calling process. Returns its id, or 0
 * (counted) if there is no room. */
static SHARED __u64 add_connection(struct scratch *s, __s32 fd)
{
	__u64 number = socket_number(fd), conn;

	if (!s)
		return 0;
	conn = next_conn(s);
	s->connection.socket_number = number != NO_STREAM_SOCKET ? number : 0;
	s->connection.holders = 1;
	/* Only for proven stream sockets: the peer of a datagram socket is not a connection's. */
	if (s->connection.socket_number)
		complete_addresses(&s->connection, fd);
	if (*(__u16 *)s->connection.addresses != AF_UNIX &&
	    (!*(__u16 *)s->connection.addresses || !*(__u16 *)(s->connection.addresses + CAPTURE_ADDRESS_BYTES)))
		s->connection.nameless = 1;
	watch_sequence(&s->connection, s->connection.socket_number ? open_sock(fd) : 0,
		       !control.attaching && !(s->connection.flags & CONNECTION_MIDSTREAM));
	if (bpf_map_update_elem(&connections, &conn, &s->connection, BPF_ANY)) {
		count_loss(LOSS_MAP_FULL, 0);
		return 0;
	}
	if (s->connection.nameless)
		FETCH_ADD(&control.unnamed, 1);
	number = s->connection.socket_number;
	/* If the map is full, other processes will not recognise the socket. */
	if (number)
		bpf_map_update_elem(&sockets, &number, &conn, BPF_ANY);
	return conn;
}

static __always_inline void begin_connection(struct scratch *s, __u32 role, __u32 flags)
{
	__builtin_memset(&s->connection, 0, sizeof(s->connection));
	s->connection.role = role;
	s->connection.flags = flags;
	s->connection.opened_ns = bpf_ktime_get_boot_ns();
}

/* Notes that a CAPTURE_PROCESS_EXIT must be sent for the process. */
static __always_inline void mark_process(__u32 pid)
{
	__u32 table = table_of(pid);
	struct process *process = bpf_map_lookup_elem(&processes, &table);

	if (process)
		process->seen_http = 1;
}

/* The connection of socket `number`, 0 if none is known. A parked connection becomes live again, without holders. */
static __always_inline __u64 find_socket(__u64 number)
{
	__u64 *known = bpf_map_lookup_elem(&sockets, &number), conn;
	struct connection *parked;

	if (known)
		return *known;
	parked = bpf_map_lookup_elem(&parked_connections, &number);
	if (!parked)
		return 0;
	conn = parked->parked_conn;
	if (bpf_map_update_elem(&connections, &conn, parked, BPF_NOEXIST))
		return 0;
	bpf_map_update_elem(&sockets, &number, &conn, BPF_ANY);
	bpf_map_delete_elem(&parked_connections, &number);
	return conn;
}

/* If descriptor `fd` of the calling process is a socket with a known connection, adds a reference. Returns the
 * connection's id, otherwise 0. */
static SHARED __u64 join_connection(struct scratch *s, __u64 number, __s32 fd, __u64 cloexec, __u32 syscall)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid(), conn = find_socket(number), descriptor;
	struct connection *connection;

	if (!conn || !s)
		return 0;
	connection = bpf_map_lookup_elem(&connections, &conn);
	if (!connection || !make_descriptor(s, pid_tgid >> 32, fd))
		return 0;
	FETCH_ADD(&connection->holders, 1);
	descriptor = (connection->flags & CONNECTION_PAST_HELLOS) == CONNECTION_PAST_HELLOS ? DESCRIPTOR_DISMISSED
											    : DESCRIPTOR_SOCKET;
	set_descriptor(s, pid_tgid >> 32, fd, descriptor | cloexec | conn << DESCRIPTOR_CONN_SHIFT, syscall, pid_tgid);
	if (connection->flags & CONNECTION_OPEN_SENT) {
		send_note(s, connection, conn, CAPTURE_SHARE, syscall, DIRECTION_NONE, pid_tgid, fd, 0);
		mark_process(pid_tgid >> 32);
	}
	return conn;
}

/* Handles bytes of descriptor `fd` that moved unseen. If its socket counts them, the next call shows how many;
 * otherwise the reader is told. */
static __always_inline void tell_unseen(struct scratch *s, __u64 pid_tgid, __s32 fd, __u32 direction, __u32 syscall)
{
	__u64 *slot = find_descriptor(pid_tgid >> 32, fd);
	__u64 conn = slot && descriptor_state(*slot) != DESCRIPTOR_DISMISSED ? descriptor_conn(*slot) : 0;
	struct connection *connection = conn ? bpf_map_lookup_elem(&connections, &conn) : NULL;

	if (!connection || connection->flags & CONNECTION_SEQUENCED << (direction - 1))
		return;
	if (!(connection->flags & CONNECTION_OPEN_SENT)) {
		connection->flags |= CONNECTION_MIDSTREAM;
		return;
	}
	send_note(s, connection, conn, CAPTURE_UNSEEN, syscall, direction, pid_tgid, fd, 0);
}

#endif
