/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* Walks over all descriptors of a process when it forks, executes, ends, or closes a range of them. */
#ifndef TINYTAP_SWEEP_BPF_H
#define TINYTAP_SWEEP_BPF_H

#include "descriptors.bpf.h"
#include "payload.bpf.h"
#include "stages.bpf.h"

#ifdef TINYTAP_OLD_KERNELS
/* With 33 possible tail calls: 2112 descriptors. */
#define SWEEP_STEPS 64
#else
#define SWEEP_STEPS (1 << 20)
#endif

/* The child now holds the same descriptor as the parent. */
static __always_inline void inherit_descriptor(struct scratch *s, __u64 descriptor, __s32 fd)
{
	__u64 conn = descriptor_conn(descriptor), *slot;
	struct connection *connection;

	if (s->sweep.skip_cloexec && descriptor & DESCRIPTOR_CLOEXEC)
		return;
	slot = make_descriptor(s, s->sweep.child_table, fd);
	if (!slot)
		return;
	*slot = descriptor;
	if (!conn)
		return;
	connection = bpf_map_lookup_elem(&connections, &conn);
	if (!connection)
		return;
	FETCH_ADD(&connection->holders, 1);
	if (connection->flags & CONNECTION_OPEN_SENT) {
		struct process *child = bpf_map_lookup_elem(&processes, &s->sweep.child_table);

		send_note(s, connection, conn, CAPTURE_SHARE, SYSCALL_FORK, DIRECTION_NONE,
			  (__u64)s->sweep.child << 32 | s->sweep.child, fd, 0);
		if (child)
			child->seen_http = 1;
	}
}

/* Handles one descriptor, or one missing block. */
static long sweep_step(__u32 index, void *unused)
{
	struct scratch *s = working_memory();
	struct descriptor_key key;
	struct descriptor_block *block;
	struct sweep *sweep;
	__u64 descriptor, *slot;
	__s32 fd;

	if (!s)
		return 1;
	sweep = &s->sweep;
	if (sweep->fd > sweep->last_fd)
		return 1;
	fd = sweep->fd;
	key.pid = sweep->pid;
	key.block = (__u32)fd >> DESCRIPTOR_BLOCK_SHIFT;
	block = bpf_map_lookup_elem(&descriptors, &key);
	if (!block) {
		sweep->fd = ((__u64)key.block + 1) << DESCRIPTOR_BLOCK_SHIFT;
		return 0;
	}
	sweep->fd++;
	slot = &block->descriptors[fd & (DESCRIPTOR_BLOCK - 1)];
	descriptor = *slot;
	if (descriptor) {
		if (sweep->mode == SWEEP_FORK) {
			inherit_descriptor(s, descriptor, fd);
		} else if (sweep->mode == SWEEP_SET_CLOEXEC) {
			*slot = descriptor | DESCRIPTOR_CLOEXEC;
		} else if (sweep->mode != SWEEP_EXEC || descriptor & DESCRIPTOR_CLOEXEC) {
			*slot = DESCRIPTOR_DISMISSED;
			if (descriptor_conn(descriptor))
				release_connection(s, descriptor_conn(descriptor), sweep->syscall,
						   bpf_get_current_pid_tgid(), fd);
		}
	}
	if (sweep->mode == SWEEP_EXIT && (sweep->fd & (DESCRIPTOR_BLOCK - 1)) == 0)
		bpf_map_delete_elem(&descriptors, &key);
	return 0;
}

/* Continues scratch->sweep up to its last descriptor. */
SEC("tracepoint/tail-call/sweep_on")
int sweep_on(void *context)
{
	TAKEN struct scratch *s = working_memory();
	__u32 pid;

	if (!s)
		return 0;
	REPEAT(SWEEP_STEPS, sweep_step);
	if (s->sweep.fd <= s->sweep.last_fd) {
#ifdef TINYTAP_OLD_KERNELS
		bpf_tail_call(context, &sweeps, SWEEP_ON);
#endif
		return 0;
	}
	if (s->sweep.mode == SWEEP_EXIT) {
		pid = s->sweep.pid;
		bpf_map_delete_elem(&processes, &pid);
		/* The pid may be reused by another process. */
		FETCH_ADD(&control.meanings, 1);
	}
	return 0;
}

/* Visits the known descriptors from `first` to `last` that are kept under the number `pid`. Returns only on
 * failure. */
static __always_inline void sweep_descriptors(void *context, struct scratch *s, const struct process *process,
					      __u32 mode, __u32 pid, __u32 syscall, __u64 first, __u64 last)
{
	__u64 end = (((__u64)process->last_block + 1) << DESCRIPTOR_BLOCK_SHIFT) - 1;

	s->sweep.mode = mode;
	s->sweep.pid = pid;
	s->sweep.syscall = syscall;
	s->sweep.fd = first;
	s->sweep.last_fd = last < end ? last : end;
	bpf_tail_call(context, &sweeps, SWEEP_ON);
}

#endif
