/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * The arguments of the call that is returning. Kernels from 5.15 show the registers the thread entered with: nothing has
 * to be kept from entry to exit, and calls that were blocked when capture began are seen. Older ones (the object built
 * with TINYTAP_OLD_KERNELS) keep them at entry, in an array by thread id, which needs no deletion and cannot fill up.
 */
#ifndef TINYTAP_ARGUMENTS_BPF_H
#define TINYTAP_ARGUMENTS_BPF_H

#include "maps.bpf.h"

#ifdef TINYTAP_OLD_KERNELS

struct arguments {
	__u64 values[5];
	__u64 syscall_number;
};

/* max_entries: the kernel's largest pid + 1, set by the loader. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 32768);
	__type(key, __u32);
	__type(value, struct arguments);
} saved_arguments SEC(".maps");

static __always_inline const struct arguments *call_arguments(void)
{
	__u32 tid = bpf_get_current_pid_tgid();

	return bpf_map_lookup_elem(&saved_arguments, &tid);
}

#define ARGUMENT(arguments, index) ((arguments)->values[index])
#define CALL_NUMBER(arguments) ((arguments)->syscall_number)

#else

static __always_inline const struct pt_regs *call_arguments(void)
{
	return (const struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
}

/* Volatile: such a load must not be merged with one from other memory, the verifier rewrites it. */
#define ARGUMENT(arguments, index) (*(const volatile __u64 *)&(arguments)->ARGUMENT_##index)
#define CALL_NUMBER(arguments) (*(const volatile __u64 *)&(arguments)->SYSCALL_NUMBER)

#endif

#endif
