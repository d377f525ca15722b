/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * The arguments of the call that is returning. Kernels from 5.17 on show the registers with which the thread
 * entered, so nothing has to be kept from entry to exit, and calls that were blocked when the capture began are
 * seen. Older kernels get a second object, built with TINYTAP_OLD_KERNELS, whose programs store the arguments at
 * entry.
 */
#ifndef TINYTAP_ARGUMENTS_BPF_H
#define TINYTAP_ARGUMENTS_BPF_H

#include "maps.bpf.h"

#ifdef TINYTAP_OLD_KERNELS

struct arguments {
	__u32 tid;
	/* 1: the thread is inside the call. */
	__u32 busy;
	__u64 syscall_number;
	__u64 values[5];
};

typedef const struct arguments *call_values;

#define ARGUMENT_SLOTS 65536

/* Indexed by thread id modulo ARGUMENT_SLOTS: an array costs half as much as a hash map, and a slot for every
 * possible id (4 million) would take 200 MB. Entries are never deleted, so a thread killed inside a call leaves
 * nothing behind. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ARGUMENT_SLOTS);
	__type(key, __u32);
	__type(value, struct arguments);
} saved_arguments SEC(".maps");

/* Calls whose slot is occupied by another thread inside a call. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct arguments);
} colliding_arguments SEC(".maps");

/* The context ends with the call's last argument: only `count` may be read. */
static __always_inline void fill_arguments(struct arguments *arguments, const struct enter_context *context, __u32 tid,
					   __u32 count)
{
	__u32 i;

	arguments->tid = tid;
	arguments->busy = 1;
	arguments->syscall_number = context->syscall_number;
#pragma unroll
	for (i = 0; i < 5; i++)
		arguments->values[i] = i < count ? context->arguments[i] : 0;
}

static __always_inline int save_arguments(const struct enter_context *context, __u32 count)
{
	__u32 tid = bpf_get_current_pid_tgid(), slot = tid & (ARGUMENT_SLOTS - 1);
	struct arguments *arguments = bpf_map_lookup_elem(&saved_arguments, &slot), colliding;

	if (!arguments)
		return 0;
	if (!arguments->busy || arguments->tid == tid) {
		fill_arguments(arguments, context, tid, count);
		return 0;
	}
	fill_arguments(&colliding, context, tid, count);
	bpf_map_update_elem(&colliding_arguments, &tid, &colliding, BPF_ANY);
	return 0;
}

/* The arguments of call `number`, or of any call for -1. NULL if its entry was not seen: it began before the capture. */
static __always_inline const struct arguments *find_arguments(__s64 number)
{
	__u32 tid = bpf_get_current_pid_tgid(), slot = tid & (ARGUMENT_SLOTS - 1);
	struct arguments *arguments = bpf_map_lookup_elem(&saved_arguments, &slot);

	if (!arguments)
		return NULL;
	if (arguments->tid != tid) {
		arguments = bpf_map_lookup_elem(&colliding_arguments, &tid);
		if (!arguments)
			return NULL;
	}
	arguments->busy = 0;
	if (number >= 0 && arguments->syscall_number != number)
		return NULL;
	return arguments;
}

static __always_inline call_values call_arguments(const struct exit_context *context)
{
	return find_arguments(context->syscall_number);
}

static __always_inline call_values current_arguments(void)
{
	return find_arguments(-1);
}

#define ARGUMENT(arguments, index) ((arguments)->values[index])
#define CALL_NUMBER(arguments) ((arguments)->syscall_number)

#define SAVED_CALL(name, count)                                        \
	SEC("tracepoint/syscalls/sys_enter_" #name)                    \
	int handle_##name##_enter(const struct enter_context *context) \
	{                                                              \
		return save_arguments(context, count);                 \
	}
#define SAVED_DATA_CALL(name, x86_64, arm64, id, direction, shape, flags, kind, arguments) SAVED_CALL(name, arguments)
#define SAVED_OTHER_CALL(name, x86_64, arm64, arguments) SAVED_CALL(name, arguments)

/* Included before everything else: programs are attached in this order, and a call whose entry was not seen is
 * ignored. */
FORKING_CALLS(SAVED_OTHER_CALL)
OTHER_CALLS(SAVED_OTHER_CALL)
ALL_DATA_CALLS(SAVED_DATA_CALL)

#else

typedef const struct pt_regs *call_values;

/* At the exit of a call: the call that is returning. */
static __always_inline call_values call_arguments(const struct exit_context *context)
{
	return context->registers;
}

/* Anywhere else: the call that the current thread is in. */
static __always_inline call_values current_arguments(void)
{
	return (call_values)bpf_task_pt_regs(bpf_get_current_task_btf());
}

/* Volatile: the verifier rewrites this load, so it must not be merged with another. */
#define ARGUMENT(arguments, index) (*(const volatile __u64 *)&(arguments)->ARGUMENT_##index)
#define CALL_NUMBER(arguments) (*(const volatile __u64 *)&(arguments)->SYSCALL_NUMBER)

#endif

/* The call's MSG_* flags; `flags` is the column of its line in calls.bpf.h. */
static __always_inline __u32 message_flags(call_values arguments, __u32 flags)
{
	if (flags == FLAGS_THIRD)
		return ARGUMENT(arguments, 2);
	return flags == FLAGS_FOURTH ? ARGUMENT(arguments, 3) : 0;
}

#endif
