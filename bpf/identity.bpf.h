/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * Which socket a descriptor is, beyond what the calls show: its addresses, and its inode number (`socket:[NUMBER]`
 * in /proc), which is the same for every process that holds it. Both are read from kernel structures, at offsets
 * that the loader takes from the kernel's type information. Without type information nothing is known, and a
 * descriptor from another process becomes a separate connection.
 */
#ifndef TINYTAP_IDENTITY_BPF_H
#define TINYTAP_IDENTITY_BPF_H

#include "maps.bpf.h"

/* What socket_number() returns for anything but a stream socket. */
#define NO_STREAM_SOCKET (~0ULL)

/* A shorter time between calls proves nothing about outstanding responses. */
#define SILENCE_NS 5000000

#define S_IFMT 0170000
#define S_IFSOCK 0140000

static __always_inline __u64 read_pointer(__u64 structure, __u32 offset)
{
	__u64 pointer = 0;

	bpf_probe_read_kernel(&pointer, sizeof(pointer), (void *)(structure + offset));
	return pointer;
}

static __always_inline __u32 read_u32(__u64 structure, __u32 offset)
{
	__u32 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), (void *)(structure + offset));
	return value;
}

/* The base name of the calling process's executable, padded with zeros. False if unknown. */
static __always_inline bool read_executable(__u8 *name)
{
	__u64 memory, file, text;

	__builtin_memset(name, 0, CONTROL_NAME_BYTES);
	if (!settings.kernel.task_memory)
		return false;
	memory = read_pointer(bpf_get_current_task(), settings.kernel.task_memory);
	file = memory ? read_pointer(memory, settings.kernel.memory_file) : 0;
	if (!file)
		return false;
	text = read_pointer(read_pointer(file, settings.kernel.file_path + settings.kernel.path_entry),
			    settings.kernel.entry_name + settings.kernel.name_text);
	return bpf_probe_read_kernel_str(name, CONTROL_NAME_BYTES, (void *)text) > 1;
}

/* The struct file of descriptor `fd` of the calling process; 0: none, or unknown. */
static __always_inline __u64 open_file(__s32 fd)
{
	__u64 table;
	__u32 count = 0;

	if (!settings.kernel.task_files || fd < 0)
		return 0;
	table = read_pointer(read_pointer(bpf_get_current_task(), settings.kernel.task_files),
			     settings.kernel.files_table);
	if (bpf_probe_read_kernel(&count, sizeof(count), (void *)(table + settings.kernel.table_size)) || fd >= count)
		return 0;
	return read_pointer(read_pointer(table, settings.kernel.table_files), (__u32)fd * 8);
}

/* The number of the stream socket behind descriptor `fd` of the calling process; 0: unknown. Reading a structure
 * while it is being freed gives a number that no connection has. */
static SHARED __u64 socket_number(__s32 fd)
{
	__u64 file = open_file(fd), inode, socket;
	__u16 mode = 0, type = 0;

	inode = file ? read_pointer(file, settings.kernel.file_inode) : 0;
	if (!inode || bpf_probe_read_kernel(&mode, sizeof(mode), (void *)(inode + settings.kernel.inode_mode)))
		return 0;
	if ((mode & S_IFMT) != S_IFSOCK)
		return NO_STREAM_SOCKET;
	socket = read_pointer(file, settings.kernel.file_private);
	bpf_probe_read_kernel(&type, sizeof(type), (void *)(socket + settings.kernel.socket_type));
	if (type != SOCK_STREAM)
		return NO_STREAM_SOCKET;
	return read_pointer(inode, settings.kernel.inode_number);
}

/* Does the socket count the bytes that its calls move? Under kTLS and MPTCP it counts other bytes. */
static __always_inline bool counts_bytes(__u64 sock)
{
	__u16 family = 0, protocol = 0;

	bpf_probe_read_kernel(&family, sizeof(family), (void *)(sock + settings.kernel.sock_family));
	bpf_probe_read_kernel(&protocol, sizeof(protocol), (void *)(sock + settings.kernel.sock_protocol));
	return (family == AF_INET || family == AF_INET6) && protocol == IPPROTO_TCP &&
	       !(settings.kernel.sock_upper && read_pointer(sock, settings.kernel.sock_upper));
}

/* States (one bit each) in which a socket has not yet sent, or received, the end of its stream. */
#define NOT_ENDED_OUT (1 << TCP_ESTABLISHED | 1 << TCP_SYN_SENT | 1 << TCP_SYN_RECEIVED | 1 << TCP_CLOSE_WAIT)
#define NOT_ENDED_IN \
	(1 << TCP_ESTABLISHED | 1 << TCP_SYN_SENT | 1 << TCP_SYN_RECEIVED | 1 << TCP_FIN_WAIT1 | 1 << TCP_FIN_WAIT2)

/* The socket's count of bytes received (index 0) or sent (1). The end of a stream counts as one byte; it is
 * subtracted unless the count equals `expected`. */
static __always_inline __u32 read_sequence(__u64 sock, __u32 index, __u32 expected)
{
	__u32 sequence = read_u32(sock, index ? settings.kernel.tcp_written_next : settings.kernel.tcp_read_next);
	__u8 state = 0;

	if (sequence == expected)
		return sequence;
	bpf_probe_read_kernel(&state, sizeof(state), (void *)(sock + settings.kernel.sock_state));
	state &= 31;
	if (index)
		return NOT_ENDED_OUT >> state & 1 ? sequence : sequence - 1;
	/* The end is counted when it is read from the queue, with the last byte. */
	if (!(NOT_ENDED_IN >> state & 1) && sequence == read_u32(sock, settings.kernel.tcp_received_next))
		return sequence - 1;
	return sequence;
}

/* Has the socket received an urgent byte, which is not part of the stream, between the two counts? */
static __always_inline bool passed_urgent(__u64 sock, __u32 from, __u32 to)
{
	return settings.kernel.tcp_urgent && read_u32(sock, settings.kernel.tcp_urgent) - from < to - from;
}

/* Remembers the connection's socket and its counts at offset 0. `fresh`: nothing has moved over it so far. */
static __always_inline void watch_sequence(struct connection *connection, __u64 sock, bool fresh)
{
	__u8 state = 0;

	if (!settings.kernel.tcp_read_next || !sock || !counts_bytes(sock)) {
		connection->flags |= CONNECTION_UNCOUNTED;
		return;
	}
	connection->sock = sock;
	bpf_probe_read_kernel(&state, sizeof(state), (void *)(sock + settings.kernel.sock_state));
	/* While it is connecting it does not know where the other side's count begins. */
	if (!fresh || state == TCP_SYN_SENT || state == TCP_CLOSE)
		return;
	connection->sequence[0] = read_u32(sock, settings.kernel.tcp_read_next);
	connection->sequence[1] = read_u32(sock, settings.kernel.tcp_written_next);
	connection->flags |= CONNECTION_SEQUENCED | CONNECTION_SEQUENCED << 1;
}

/* Writes one end's address, unless it is already known or has no port (yet). */
static __always_inline void read_sock_address(__u64 sock, __u8 *address, __u16 family, __u16 port, __u32 v4, __u32 v6)
{
	if (*(__u16 *)address || !port)
		return;
	*(__u16 *)address = family;
	*(__u16 *)(address + 2) = port;
	if (family == AF_INET) {
		bpf_probe_read_kernel(address + 4, 4, (void *)(sock + v4));
		return;
	}
	bpf_probe_read_kernel(address + 8, 16, (void *)(sock + v6));
	/* A link-local address includes the interface. */
	if (address[8] == 0xfe && (address[9] & 0xc0) == 0x80)
		bpf_probe_read_kernel(address + 24, 4, (void *)(sock + settings.kernel.sock_interface));
}

/* The struct sock of descriptor `fd` of the calling process; 0: none, or unknown. */
static __always_inline __u64 open_sock(__s32 fd)
{
	__u64 file = open_file(fd);

	return file ? read_pointer(read_pointer(file, settings.kernel.file_private), settings.kernel.socket_sock) : 0;
}

/* Writes the number and name of a unix socket into a CAPTURE_OPEN's payload at these places; without a socket,
 * writes nothing. */
static __always_inline void read_unix_end(__u64 sock, __u8 *address, __u64 *length, __u8 *name)
{
	__u64 socket = sock ? read_pointer(sock, settings.kernel.sock_socket) : 0;
	__u64 bound = sock ? read_pointer(sock, settings.kernel.unix_address) : 0;
	__u64 bytes;
	__u32 size = 0;

	*(__u16 *)address = AF_UNIX;
	if (socket)
		*(__u64 *)(address + 8) =
			read_pointer(socket + settings.kernel.socket_inode, settings.kernel.inode_number);
	if (!bound || bpf_probe_read_kernel(&size, sizeof(size), (void *)(bound + settings.kernel.unix_length)) ||
	    size <= UNIX_PATH)
		return;
	bytes = size - UNIX_PATH;
	FORGET(bytes);
	if (bytes > CAPTURE_UNIX_NAME_BYTES ||
	    bpf_probe_read_kernel(name, bytes, (void *)(bound + settings.kernel.unix_name + UNIX_PATH)))
		return;
	*length = bytes;
}

/* Reads both ends of the unix socket behind descriptor `fd` of the calling process: CAPTURE_OPEN_UNIX_BYTES.
 * False if it is not a unix socket or nothing is known. */
static __always_inline bool read_unix_ends(struct scratch *s, __s32 fd)
{
	__u64 sock = settings.kernel.unix_peer ? open_sock(fd) : 0,
	      *lengths = (__u64 *)(s->small_payload + CAPTURE_ADDRESSES_BYTES);
	__u8 *names = s->small_payload + CAPTURE_ADDRESSES_BYTES + 16;
	__u16 family = 0;

	if (!sock || bpf_probe_read_kernel(&family, sizeof(family), (void *)(sock + settings.kernel.sock_family)) ||
	    family != AF_UNIX)
		return false;
	__builtin_memset(s->small_payload, 0, CAPTURE_OPEN_UNIX_BYTES);
	read_unix_end(read_pointer(sock, settings.kernel.unix_peer), s->small_payload, &lengths[0], names);
	read_unix_end(sock, s->small_payload + CAPTURE_ADDRESS_BYTES, &lengths[1], names + CAPTURE_UNIX_NAME_BYTES);
	return true;
}

/* Fills in missing addresses of a connection from the socket behind descriptor `fd` of the calling process. */
static SHARED long complete_addresses(struct connection *connection, __s32 fd)
{
	__u64 sock = open_sock(fd);
	__u16 family = 0, peer_port = 0, local_port = 0;

	if (!connection || !sock ||
	    bpf_probe_read_kernel(&family, sizeof(family), (void *)(sock + settings.kernel.sock_family)))
		return 0;
	if (family == AF_UNIX)
		*(__u16 *)connection->addresses = family;
	if (family != AF_INET && (family != AF_INET6 || !settings.kernel.sock_peer_v6))
		return 0;
	bpf_probe_read_kernel(&peer_port, sizeof(peer_port), (void *)(sock + settings.kernel.sock_peer_port));
	bpf_probe_read_kernel(&local_port, sizeof(local_port), (void *)(sock + settings.kernel.sock_local_port));
	read_sock_address(sock, connection->addresses, family, peer_port, settings.kernel.sock_peer,
			  settings.kernel.sock_peer_v6);
	read_sock_address(sock, connection->addresses + CAPTURE_ADDRESS_BYTES, family, __builtin_bswap16(local_port),
			  settings.kernel.sock_local, settings.kernel.sock_local_v6);
	return 0;
}

/* The struct sock of descriptor `fd` of the calling process, if it is a TCP or unix socket whose streams can be
 * measured; otherwise 0. */
static SHARED __u64 measurable_sock(__s32 fd)
{
	__u64 sock = settings.kernel.tcp_read_next ? open_sock(fd) : 0;
	__u16 family = 0;

	if (!sock || bpf_probe_read_kernel(&family, sizeof(family), (void *)(sock + settings.kernel.sock_family)))
		return 0;
	return family == AF_UNIX || counts_bytes(sock) ? sock : 0;
}

/* Writes what the TCP socket behind descriptor `fd` of the calling process has measured, if it is the connection's: its
 * smoothed round-trip time in microseconds, and its number of retransmitted segments plus 1. 0: not known. */
static __always_inline void read_measures(const struct connection *connection, __s32 fd, __u32 *measures)
{
	__u64 sock = connection->sock;

	measures[0] = 0;
	measures[1] = 0;
	if (!settings.kernel.tcp_round_trip || !settings.kernel.tcp_retransmits || !sock || sock != open_sock(fd))
		return;
	/* The kernel keeps it in eighths. */
	measures[0] = read_u32(sock, settings.kernel.tcp_round_trip) >> 3;
	measures[1] = read_u32(sock, settings.kernel.tcp_retransmits) + 1;
}

/* Has the program read everything that has arrived on the socket `sock`? */
static __always_inline bool all_read(__u64 sock, __u16 family)
{
	if (family == AF_UNIX)
		return !read_u32(sock, settings.kernel.sock_receive_queue_length);
	return read_u32(sock, settings.kernel.tcp_received_next) == read_u32(sock, settings.kernel.tcp_read_next);
}

/* Sets the offsets of a connection older than the capture to the present positions of its streams: what the
 * program has read and written since the connection began. Used before its first record, in a call that moved
 * `bytes` in the direction of `index`. */
static SHARED long place_streams(struct connection *connection, __s32 fd, __u32 index, __u64 bytes)
{
	__u64 sock = measurable_sock(fd), in, out, moved_in, moved_out;

	if (!connection || !sock || *(__u16 *)connection->addresses == AF_UNIX)
		return 0;
	in = read_pointer(sock, settings.kernel.tcp_bytes_received) -
	     (read_u32(sock, settings.kernel.tcp_received_next) - read_u32(sock, settings.kernel.tcp_read_next));
	/* Not bytes_acked: on the connecting side it counts the SYN. */
	out = read_pointer(sock, settings.kernel.tcp_bytes_sent) -
	      read_pointer(sock, settings.kernel.tcp_bytes_retransmitted) +
	      (read_u32(sock, settings.kernel.tcp_written_next) - read_u32(sock, settings.kernel.tcp_sent_next));
	moved_in = index ? 0 : bytes;
	moved_out = index ? bytes : 0;
	if (in < moved_in + connection->held_bytes[0] || out < moved_out + connection->held_bytes[1])
		return 0;
	connection->offset[0] = in - moved_in;
	connection->offset[1] = out - moved_out;
	/* No bytes precede the held ones, so the connection is seen from its beginning after all. */
	if (connection->offset[0] == connection->held_bytes[0] && connection->offset[1] == connection->held_bytes[1])
		connection->flags &= ~CONNECTION_MIDSTREAM;
	return 0;
}

#endif
