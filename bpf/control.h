/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * What user space and the programs share besides records: settings fixed before loading, controls that change at
 * run time, and the values of maps that both sides write. Included by the BPF programs and by native/.
 */
#ifndef TINYTAP_CONTROL_H
#define TINYTAP_CONTROL_H

#include "capture_event.h"

/* Limits. `npm run generate` copies all CONTROL_* numbers to src/capture/control-limits.ts. */

/* Number of tinytap's own processes. */
#define CONTROL_OWN_PIDS 16
/* Names in a filter. */
#define CONTROL_NAMES 8
/* NAME_MAX and a NUL. */
#define CONTROL_NAME_BYTES 256
/* Process ids in a filter. With their descendants they must fit in map `chosen`: 16,384 entries before Linux 6.1. */
#define CONTROL_PIDS 1024
/* Cgroups in a filter. */
#define CONTROL_CGROUPS 8
/* The highest port, and the 32-bit words that hold a bit for each port. */
#define CONTROL_PORT_MAX 65535
#define CONTROL_PORT_WORDS 2048
/* iovecs followed in one call: the kernel itself accepts no more (UIO_MAXIOV). */
#define CONTROL_IOVECS 1024
/* Defaults: bytes copied of one call, bytes of the ring. */
#define CONTROL_CAPTURE_LIMIT 4194304
#define CONTROL_RING_BYTES 16777216

/* Offsets in this kernel's structures, in bytes; all 0 if the kernel has no type information (BTF). */
struct kernel_offsets {
	/* task_struct.files, files_struct.fdt */
	__u32 task_files;
	__u32 files_table;
	/* fdtable.max_fds, fdtable.fd */
	__u32 table_size;
	__u32 table_files;
	/* file.f_inode, file.private_data */
	__u32 file_inode;
	__u32 file_private;
	/* inode.i_mode, inode.i_ino */
	__u32 inode_mode;
	__u32 inode_number;
	/* socket.type, socket.sk */
	__u32 socket_type;
	__u32 socket_sock;
	/* In struct sock: family, bound interface, ports (the peer's in network byte order), addresses. */
	__u32 sock_family;
	__u32 sock_interface;
	__u32 sock_peer_port;
	__u32 sock_local_port;
	__u32 sock_peer;
	__u32 sock_local;
	/* 0 if the kernel has no IPv6. */
	__u32 sock_peer_v6;
	__u32 sock_local_v6;
	/* 0 if unknown: task_struct.mm, mm_struct.exe_file, file.f_path, path.dentry, dentry.d_name, qstr.name */
	__u32 task_memory;
	__u32 memory_file;
	__u32 file_path;
	__u32 path_entry;
	__u32 entry_name;
	__u32 name_text;
	/* 0 if unix sockets are a module: sock.sk_socket; from a struct socket to its inode; unix_sock.peer, unix_sock.addr;
	 * unix_address.len, unix_address.name */
	__u32 sock_socket;
	__u32 socket_inode;
	__u32 unix_peer;
	__u32 unix_address;
	__u32 unix_length;
	__u32 unix_name;
	/* sock.sk_protocol, and the length of sock.sk_receive_queue. The members from here on are 0 unless all of them are
	 * known. */
	__u32 sock_protocol;
	__u32 sock_receive_queue_length;
	/* In struct tcp_sock: totals of the connection, and the next sequence numbers. */
	__u32 tcp_bytes_received;
	__u32 tcp_bytes_sent;
	__u32 tcp_bytes_retransmitted;
	__u32 tcp_received_next;
	__u32 tcp_read_next;
	__u32 tcp_sent_next;
	__u32 tcp_written_next;
	/* sock_common.skc_state */
	__u32 sock_state;
	/* 0 if unknown: tcp_sock.urg_seq, inet_connection_sock.icsk_ulp_ops, tcp_sock.srtt_us, tcp_sock.total_retrans. */
	__u32 tcp_urgent;
	__u32 sock_upper;
	__u32 tcp_round_trip;
	__u32 tcp_retransmits;
};

/* Fixed before loading (section .rodata.settings): the verifier knows the values and drops code that they
 * disable. */
struct settings {
	/* Maximum bytes copied of one call. */
	__u32 capture_limit;
	/* Maximum iovecs followed in one call. */
	__u32 iovec_limit;
	/* The reader is woken when this many bytes wait in the ring; otherwise it polls. */
	__u32 wake_bytes;
	/* Offset of the child's pid in tracepoint sched_process_fork; 0: unknown, forks are not followed. */
	__u32 fork_child_pid_offset;
	/* Offset in tracepoint sched_process_exit of the flag for the last thread; 0: unknown, so the end of the main
	 * thread counts as the end of the process. */
	__u32 exit_group_dead_offset;
	/* Possible CPUs: the number of slots in per-CPU arrays. */
	__u32 cpu_count;
	/* Offsets in tracepoint tcp_rcv_space_adjust, which differ between kernels. Family 0: the kernel lacks
	 * these members. */
	__u32 receive_family_offset;
	__u32 receive_local_port_offset;
	__u32 receive_peer_port_offset;
	__u32 receive_local_offset;
	__u32 receive_peer_offset;
	__u32 receive_local_v6_offset;
	__u32 receive_peer_v6_offset;
	struct kernel_offsets kernel;
	/* The pid namespace of user space (device and inode of its file), 0 if it is the initial one. */
	__u64 namespace_device;
	__u64 namespace_inode;
	/* 1: the kernel has cgroups. Without them it refuses programs that ask for one. */
	__u32 has_cgroups;
	__u32 pad;
};

/* In keys of `chosen`: the number is from the namespace in settings.namespace_*. The programs add the kernel's
 * own number when they encounter the process. */
#define CHOSEN_IN_NAMESPACE 0x80000000

/* Bits of `chosen` map values and of control.process_mask. */
#define CHOSEN_BY_PID 1
#define CHOSEN_BY_COMM 2

/* Changed at run time (section .data.control, mapped by user space). */
struct control {
	/* The next connection's id. */
	__u64 next_conn;
	/* Processes never captured: tinytap's own, numbered in the initial pid namespace. */
	__u32 own_pids[CONTROL_OWN_PIDS];
	/* 1: nothing is captured, but descriptors are still followed. */
	__u32 paused;
	/* 1: some tracepoints are not attached yet. Bytes moved now count as older than the capture. */
	__u32 attaching;
	/* A process is captured when `chosen` has these bits for it; 0: every process. */
	__u32 process_mask;
	/* 1: a connection is captured only when `ports` has one of its two ports. */
	__u32 port_filter;
	/* An unused descriptor number: a process that closes it is added to own_pids, in the kernel's numbers,
	 * which a process in a pid namespace cannot know. */
	__u32 registration;
	/* The kernel's clock, as in records, at the last such registration: user space may be in a time
	 * namespace. */
	__u64 registered_ns;
	/* Names for CHOSEN_BY_COMM, of processes or of files they execute; checked when a process calls execve. */
	__u32 comm_count;
	__u8 comms[CONTROL_NAMES][CONTROL_NAME_BYTES];
	/* A process is captured when it is in one of these cgroups (v2) or below one; none: every process. */
	__u32 cgroup_count;
	__u64 cgroups[CONTROL_CGROUPS];
	/* 1: map `skips` is not empty. */
	__u32 skipping;
	/* Number of connections without an address. While it is not 0, receiving calls are asked for theirs. */
	__u32 unnamed;
	/* Increased whenever a descriptor may have changed its meaning, which invalidates the CPUs' caches of
	 * dismissed descriptors. */
	__u32 meanings;
	/* Increased whenever the set of chosen processes may have changed. */
	__u32 choices;
	/* Threads that call a TLS library for a session whose connection is not known. While it is not 0, the system
	 * calls of these threads are noted. */
	__u32 tls_waiting;
	/* 1: map `shared_tables` is not empty, or was not at some time. */
	__u32 sharing;
	/* Bit (port & 31) of word (port >> 5). With lists and ranges of any length, this costs one load for each
	 * end of a connection. Last member, because it is large. */
	__u32 ports[CONTROL_PORT_WORDS];
};

/* What is known about one descriptor, packed into one word that is read and written at once: state, bits, conn <<
 * 8. */
#define DESCRIPTOR_STATE_MASK 7
/* Nothing is known; the first bytes decide. */
#define DESCRIPTOR_UNKNOWN 0
/* Not a stream socket, or closed: ignored until a socket gets this number. */
#define DESCRIPTOR_DISMISSED 1
/* A stream socket; its connection, if it has one yet, is in `connections`. */
#define DESCRIPTOR_SOCKET 2
#define DESCRIPTOR_CLOEXEC 8
#define DESCRIPTOR_CONN_SHIFT 8

/* Descriptors are kept in blocks, so that all of a process's descriptors can be walked when it forks, executes or
 * ends. */
#define DESCRIPTOR_BLOCK 64
#define DESCRIPTOR_BLOCK_SHIFT 6

/* Bits of connection.flags. */
#define CONNECTION_HTTP 1
/* TLS: only the hellos are sent. */
#define CONNECTION_LABELLED 2
#define CONNECTION_UNVERIFIED 4
#define CONNECTION_MIDSTREAM 8
/* The reader knows the connection and expects a CAPTURE_CLOSE. */
#define CONNECTION_OPEN_SENT 16
#define CONNECTION_EOF_SENT 32
/* Both directions have begun, and neither as HTTP. */
#define CONNECTION_ANSWERED 64
/* Map `beginnings` keeps no further bytes of it. */
#define CONNECTION_BEGUN 128
/* Its first line has not ended yet, and only the whole line shows whether it is HTTP. */
#define CONNECTION_IN_LINE 256
/* connection.sequence[0] is known; shifted left by 1: connection.sequence[1]. */
#define CONNECTION_SEQUENCED 512
/* Its socket has no counts to compare with. */
#define CONNECTION_UNCOUNTED 2048
/* It carries HTTP/2. */
#define CONNECTION_HTTP2 4096
/* It is older than the capture, and one of its calls began like a frame of HTTP/2. */
#define CONNECTION_FRAMED 8192
/* No hello of TLS comes any more in this direction; shifted left by direction - 1. */
#define CONNECTION_PAST_HELLO 16384
#define CONNECTION_PAST_HELLOS (CONNECTION_PAST_HELLO * 3)

/* A TLS connection's bytes are sent, in each direction, as far as this offset at most. */
#define HELLO_BYTES 16384

/* The number of bytes at the start of a call that decide whether it is HTTP; shorter calls are held back up to
 * this many. A power of 2. */
#define SNIFF_BYTES 32

/* The number of bytes kept of a beginning that did not look like HTTP, until its answer has begun. A power of 2. */
#define BEGINNING_BYTES 1024

struct connection {
	/* Stream offsets reached, by direction - 1. */
	__u64 offset[2];
	__u64 opened_ns;
	/* How long connecting took; 0: not known. */
	__u64 connect_ns;
	/* When its last captured call returned. */
	__u64 active_ns;
	/* When the first held byte arrived. */
	__u64 held_ns[2];
	/* The inode number of its socket; 0: not known. */
	__u64 socket_number;
	/* Its own id, while only a message in flight refers to it. */
	__u64 parked_conn;
	/* Kernel address of its struct sock; 0: not looked up, or not usable. */
	__u64 sock;
	/* Start and size of the last hole of bytes that no call has shown, by direction - 1. */
	__u64 hole[2];
	__u32 hole_bytes[2];
	/* The socket's own count of bytes at stream offset 0, by direction - 1. */
	__u32 sequence[2];
	/* Descriptors that refer to it. */
	__s32 holders;
	/* Descriptors in flight to another process (SCM_RIGHTS): sent and not yet received. Briefly negative if
	 * the receiver was faster than the sender's return. */
	__s32 travelling;
	__u32 flags;
	/* 1: an address is missing that a receive can supply. Clearing it decrements control.unnamed, once. */
	__u32 nameless;
	/* enum capture_role. */
	__u32 role;
	__u32 held_bytes[2];
	__u8 held[2][SNIFF_BYTES];
	/* Peer, then local: CAPTURE_ADDRESSES_BYTES. */
	__u8 addresses[CAPTURE_ADDRESSES_BYTES];
};

struct descriptor_key {
	__u32 pid;
	__u32 block;
};

struct descriptor_block {
	__u64 descriptors[DESCRIPTOR_BLOCK];
};

struct process {
	/* The highest block there is. */
	__u32 last_block;
	/* 1: one of its descriptors carried HTTP. */
	__u32 seen_http;
	/* Processes that use this table of descriptors; 0: only its own. */
	__s32 sharers;
	__u32 pad;
};

/* In keys of `descriptors` and `processes`: this process has left the table that it shared under its own number. */
#define TABLE_ANEW 0x80000000

/* User space's verdict on a connection whose kind the kernel could not determine. */
#define VERDICT_SOCKET 1
#define VERDICT_DISMISS 2

struct skip_key {
	__u64 conn;
	__u32 direction;
	__u32 pad;
};

struct loss_counter {
	__u64 events;
	__u64 bytes;
};

/* One CPU's counters; only that CPU writes them. */
struct loss_counters {
	struct loss_counter reasons[LOSS_MAX];
};

#endif
