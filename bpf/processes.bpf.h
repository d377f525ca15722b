/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * The beginnings and ends of processes, the programs they execute, and shared descriptor tables. The programs for
 * ends come first, so that nothing is kept of processes that have ended.
 */
#ifndef TINYTAP_PROCESSES_BPF_H
#define TINYTAP_PROCESSES_BPF_H

#include "data-calls.bpf.h"
#include "sweep.bpf.h"

SEC("tracepoint/sched/sched_process_exit")
int handle_process_exit(void *context)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	__u32 pid = pid_tgid >> 32, key, table;
	TAKEN struct scratch *s = NULL;
	struct process *process;
	__u8 group_dead = 0;
	long error;

	if (settings.exit_group_dead_offset) {
		bpf_probe_read_kernel(&group_dead, 1, context + settings.exit_group_dead_offset);
		if (!group_dead)
			return 0;
	} else if (pid != (__u32)pid_tgid) {
		return 0;
	}
	key = namespace_key();
	error = bpf_map_delete_elem(&chosen, &pid);
	if (key)
		error &= bpf_map_delete_elem(&chosen, &key);
	if (!error)
		FETCH_ADD(&control.choices, 1);
	table = table_of(pid);
	if (control.sharing)
		bpf_map_delete_elem(&shared_tables, &pid);
	process = bpf_map_lookup_elem(&processes, &table);
	if (!process)
		return 0;
	/* Other processes keep its descriptors and the connections they refer to. */
	if (process->sharers && FETCH_ADD(&process->sharers, -1) > 1)
		return 0;
	s = take_memory();
	if (!s)
		return 0;
	if (process->seen_http) {
		begin_event(&s->small, CAPTURE_PROCESS_EXIT, pid_tgid, 0, NULL);
		s->small.syscall = SYSCALL_EXIT;
		s->small.time_ns = bpf_ktime_get_boot_ns();
		send_small(s, 0);
	}
	sweep_descriptors(context, s, process, SWEEP_EXIT, table, SYSCALL_EXIT, 0, ~0ULL);
	return 0;
}

/* Is scratch->name one of the names in the filter? Compared without branches, since the verifier would follow
 * each of them. */
static __always_inline bool is_chosen_name(const struct scratch *s)
{
	__u64 other;
	__u32 i, j;

	for (i = 0; i < CONTROL_NAMES; i++) {
		if (i >= control.comm_count)
			break;
		other = 0;
		for (j = 0; j < CONTROL_NAME_BYTES / 8; j++)
			other |= ((const volatile __u64 *)s->name)[j] ^ ((const volatile __u64 *)control.comms[i])[j];
		if (!other)
			return true;
	}
	return false;
}

/* Does the process have one of the names in the filter, or does it execute a file with such a name? */
static __always_inline bool has_chosen_name(struct scratch *s)
{
	__builtin_memset(s->name, 0, sizeof(s->name));
	bpf_get_current_comm(s->name, CAPTURE_COMM_BYTES);
	return is_chosen_name(s) || (read_executable(s->name) && is_chosen_name(s));
}

static __always_inline void choose_by_name(struct scratch *s, __u32 pid)
{
	__u32 before = chosen_bits(pid), next = before;

	if (has_chosen_name(s))
		next |= CHOSEN_BY_COMM;
	else
		next &= ~CHOSEN_BY_COMM;
	if (next == before)
		return;
	if (next)
		bpf_map_update_elem(&chosen, &pid, &next, BPF_ANY);
	else
		bpf_map_delete_elem(&chosen, &pid);
	FETCH_ADD(&control.choices, 1);
}

/* Process `pid` leaves the shared table `table` and continues with a copy. Returns if there is nothing to copy. */
static __always_inline void leave_table(void *context, struct scratch *s, struct process *process, __u32 pid,
					__u32 table, bool skip_cloexec)
{
	__u32 own = pid == table ? pid | TABLE_ANEW : pid;

	FETCH_ADD(&process->sharers, -1);
	if (own == pid)
		bpf_map_delete_elem(&shared_tables, &pid);
	else
		bpf_map_update_elem(&shared_tables, &pid, &own, BPF_ANY);
	s->sweep.child = pid;
	s->sweep.child_table = own;
	s->sweep.skip_cloexec = skip_cloexec;
	sweep_descriptors(context, s, process, SWEEP_FORK, table, SYSCALL_FORK, 0, ~0ULL);
}

SEC("tracepoint/sched/sched_process_exec")
int handle_process_exec(void *context)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	__u32 pid = pid_tgid >> 32, table;
	TAKEN struct scratch *s = own_memory(pid);
	struct process *process;

	if (!s)
		return 0;
	if (control.comm_count)
		choose_by_name(s, pid);
#ifndef TINYTAP_OLD_KERNELS
	/* Calls of 32-bit programs are not followed. */
	if (IS_32BIT(current_arguments()) && process_passes(pid))
		tell_blind_spot(s, BLIND_SPOT_32BIT, SYSCALL_EXECVE, pid_tgid, 0, -1);
#endif
	table = table_of(pid);
	process = bpf_map_lookup_elem(&processes, &table);
	if (!process)
		return 0;
	if (process->seen_http) {
		begin_event(&s->small, CAPTURE_PROCESS_EXEC, pid_tgid, 0, NULL);
		s->small.syscall = SYSCALL_EXECVE;
		s->small.time_ns = bpf_ktime_get_boot_ns();
		send_small(s, 0);
	}
	if (process->sharers > 1)
		leave_table(context, s, process, pid, table, true);
	else
		sweep_descriptors(context, s, process, SWEEP_EXEC, table, SYSCALL_EXECVE, 0, ~0ULL);
	return 0;
}

/* The clone flags of the call that the current thread is in. */
static __always_inline __u64 clone_flags(void)
{
	const __auto_type arguments = current_arguments();
	__u64 flags = 0;

	if (!arguments)
		return 0;
	if (CALL_NUMBER(arguments) == NR_clone)
		return ARGUMENT(arguments, 0);
	if (CALL_NUMBER(arguments) == NR_clone3)
		bpf_probe_read_user(&flags, sizeof(flags), (void *)ARGUMENT(arguments, 0));
	if (CALL_NUMBER(arguments) == NR_vfork)
		flags = CLONE_VFORK;
	return flags;
}

/* Process `child` uses the descriptors of process `pid`, kept under the number `table`, as a thread would. */
static __always_inline void share_table(__u32 pid, __u32 child, __u32 table)
{
	struct process fresh = {}, *process;

	bpf_map_update_elem(&processes, &table, &fresh, BPF_NOEXIST);
	process = bpf_map_lookup_elem(&processes, &table);
	if (!process) {
		count_loss(LOSS_MAP_FULL, 0);
		return;
	}
	control.sharing = 1;
	if (bpf_map_update_elem(&shared_tables, &pid, &table, BPF_ANY) ||
	    bpf_map_update_elem(&shared_tables, &child, &table, BPF_ANY)) {
		count_loss(LOSS_MAP_FULL, 0);
		return;
	}
	if (!process->sharers)
		process->sharers = 1;
	FETCH_ADD(&process->sharers, 1);
}

SEC("tracepoint/sched/sched_process_fork")
int handle_process_fork(void *context)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32, child = 0, inherited, table;
	TAKEN struct scratch *s = NULL;
	struct process *process;
	__u64 flags;

	if (!settings.fork_child_pid_offset)
		return 0;
	flags = clone_flags();
	if (flags & CLONE_THREAD)
		return 0;
	bpf_probe_read_kernel(&child, sizeof(child), context + settings.fork_child_pid_offset);
	inherited = chosen_bits(pid);
	if (inherited) {
		bpf_map_update_elem(&chosen, &child, &inherited, BPF_ANY);
		FETCH_ADD(&control.choices, 1);
	}
	table = table_of(pid);
	if (flags & CLONE_FILES) {
		share_table(pid, child, table);
		return 0;
	}
	process = bpf_map_lookup_elem(&processes, &table);
	if (!process)
		return 0;
	s = take_memory();
	if (!s)
		return 0;
	s->sweep.child = child;
	s->sweep.child_table = child;
	/* A child of vfork will call execve, which closes these descriptors. */
	s->sweep.skip_cloexec = (flags & CLONE_VFORK) != 0;
	sweep_descriptors(context, s, process, SWEEP_FORK, table, SYSCALL_FORK, 0, ~0ULL);
	return 0;
}

/* unshare(CLONE_FILES), at entry: the descriptors do not change before its exit. */
SEC("tracepoint/syscalls/sys_enter_unshare")
int handle_unshare_enter(struct enter_context *context)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32, table = table_of(pid);
	struct process *process = bpf_map_lookup_elem(&processes, &table);
	TAKEN struct scratch *s = NULL;

	if (!(context->arguments[0] & CLONE_FILES) || !process || process->sharers <= 1)
		return 0;
	s = take_memory();
	if (s)
		leave_table(context, s, process, pid, table, false);
	return 0;
}

#endif
