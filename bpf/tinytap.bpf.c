/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * Watches the system calls that move bytes over sockets, and sends all bytes of HTTP connections to user space
 * through a ring buffer (capture_event.h). Only tracepoints are used. The cost of a program matters in this order:
 * calls on descriptors of no interest (one look-up), calls on sockets that are not HTTP (a look at their first
 * bytes), HTTP.
 *
 * The loader attaches in the order of this file, programs for the ends of descriptors first and for moved bytes
 * last, so that nothing is assumed about a descriptor that was closed unseen. One tracepoint serves the exits of
 * all calls: perf's share of a separate tracepoint costs more than looking up every call in a table.
 */
#include "kernel.bpf.h"
#include "processes.bpf.h"
#include "lifecycle.bpf.h"
#include "data-calls.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Follows the descriptors that a call has sent or received in its messages. Sent ones are followed only if the
 * kernel's own structures show which sockets they are. */
static __always_inline void pass_call(call_values arguments, __s64 ret, __u32 syscall, __u32 direction, __u32 shape,
				      __u32 flags)
{
	if (!arguments || ret < 0 || (direction == DIRECTION_OUT && !settings.kernel.task_files))
		return;
	if (shape == SHAPE_MESSAGES)
		pass_all_descriptors(ARGUMENT(arguments, 1), ret, direction, message_flags(arguments, flags), syscall);
	else
		pass_descriptors(ARGUMENT(arguments, 1), direction, message_flags(arguments, flags), syscall);
}

/* `ret` is read here because the verifier rejects a derived context pointer. */
#define MESSAGE_PROGRAM(name, x86_64, arm64, id, direction, shape, flags, kind, count) \
	EXIT_PROGRAM(name)                                                             \
	{                                                                              \
		__s64 ret = *(volatile __s64 *)&context->ret;                          \
                                                                                       \
		pass_call(call_arguments(context), ret, id, direction, shape, flags);  \
		return data_call(context, id, direction, shape, flags);                \
	}

MESSAGE_CALLS(MESSAGE_PROGRAM)

EXIT_PROGRAM(sendfile64)
{
	if (context->ret == 0 || (context->ret < 0 && !is_fatal(context->ret)))
		return 0;
	const __auto_type arguments = call_arguments(context);
	if (!arguments)
		return 0;
	return consider_call(context, context->ret, ARGUMENT(arguments, 0), 0, 0, 0, SYSCALL_SENDFILE, DIRECTION_OUT,
			     SHAPE_NONE, FLAG_ZERO_COPY);
}

EXIT_PROGRAM(splice)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	__u64 *out;

	if (context->ret == 0 || (context->ret < 0 && !is_fatal(context->ret)))
		return 0;
	const __auto_type arguments = call_arguments(context);
	if (!arguments)
		return 0;
	/* One end is a pipe; the other may be a connection. */
	out = find_descriptor(pid, ARGUMENT(arguments, 2));
	if (out && descriptor_conn(*out))
		return consider_call(context, context->ret, ARGUMENT(arguments, 2), 0, 0, 0, SYSCALL_SPLICE,
				     DIRECTION_OUT, SHAPE_NONE, FLAG_ZERO_COPY);
	return consider_call(context, context->ret, ARGUMENT(arguments, 0), 0, 0, 0, SYSCALL_SPLICE, DIRECTION_IN,
			     SHAPE_NONE, FLAG_ZERO_COPY);
}

#ifdef TINYTAP_OLD_KERNELS

#define DATA_PROGRAM(name, x86_64, arm64, id, direction, shape, flags, kind, arguments) \
	EXIT_PROGRAM(name)                                                              \
	{                                                                               \
		return data_call(context, id, direction, shape, flags);                 \
	}

DATA_CALLS(DATA_PROGRAM)

#else

enum { CALL_IGNORED, CALL_OF_DATA, CALL_WITH_PROGRAM };

/* How to handle the return of a call, by its number. */
struct call_form {
	/* CALL_*. The other members are for CALL_OF_DATA: see data_call(). */
	__u8 kind;
	__u8 syscall;
	__u8 direction;
	__u8 shape;
	__u8 flags;
};

#define DATA_FORM(name, x86_64, arm64, id, direction, shape, flags, kind, arguments) \
	[NR_##name] = { CALL_OF_DATA, id, direction, shape, flags },
#define PROGRAM_FORM(name, ...) [NR_##name] = { .kind = CALL_WITH_PROGRAM },

const volatile struct call_form
	call_forms[CALL_NUMBERS] SEC(".rodata.calls") = { DATA_CALLS(DATA_FORM) CALLS_WITH_PROGRAM(PROGRAM_FORM) };

#define PROGRAM_OF(name, ...) [NR_##name] = (void *)&handle_##name##_exit,

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, CALL_NUMBERS);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} exit_programs SEC(".maps") = { .values = { CALLS_WITH_PROGRAM(PROGRAM_OF) } };

/* The loader attaches only this program of its section. */
SEC("tp_btf/sys_exit")
int handle_exit(struct exit_context *context)
{
	const struct pt_regs *registers = call_arguments(context);
	__u64 number = CALL_NUMBER(registers);
	const volatile struct call_form *form;

	/* Signal returns have number -1. */
	if (number >= CALL_NUMBERS)
		return 0;
	form = &call_forms[number];
	/* For 32-bit programs the same numbers mean other calls. */
	if (form->kind == CALL_IGNORED || IS_32BIT(registers))
		return 0;
	if (form->kind == CALL_OF_DATA)
		return data_call(context, form->syscall, form->direction, form->shape, form->flags);
	bpf_tail_call(context, &exit_programs, number);
	return 0;
}

#endif
