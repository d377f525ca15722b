/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * Which socket a descriptor is, beyond what the calls tell: the number of its inode (what /proc shows as `socket:[NUMBER]`),
 * the same for whoever holds it and however they came by it. The way there leads through structures of the kernel, read at
 * the offsets that the loader takes from the kernel's own type information; without it nothing is known, and descriptors
 * that came from another process are connections of their own.
 */
#ifndef TINYTAP_IDENTITY_BPF_H
#define TINYTAP_IDENTITY_BPF_H

#include "maps.bpf.h"

/* socket_number() when the descriptor is something else than a stream socket. */
#define NO_STREAM_SOCKET (~0ULL)

#define S_IFMT 0170000
#define S_IFSOCK 0140000

static __always_inline __u64 read_pointer(__u64 structure, __u32 offset)
{
	__u64 pointer = 0;

	bpf_probe_read_kernel(&pointer, sizeof(pointer), (void *)(structure + offset));
	return pointer;
}

/* The number of the stream socket that descriptor `fd` of the calling process is; 0: not known. Reading a structure that is
 * just being freed gives a number that no connection has. */
static SHARED __u64 socket_number(__s32 fd)
{
	__u64 table, file, inode, socket;
	__u32 count = 0;
	__u16 mode = 0, type = 0;

	if (!settings.kernel.task_files || fd < 0)
		return 0;
	table = read_pointer(read_pointer(bpf_get_current_task(), settings.kernel.task_files), settings.kernel.files_table);
	if (bpf_probe_read_kernel(&count, sizeof(count), (void *)(table + settings.kernel.table_size)) || fd >= count)
		return 0;
	file = read_pointer(read_pointer(table, settings.kernel.table_files), (__u32)fd * 8);
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

#endif
