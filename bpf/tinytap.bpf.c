/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * Watches the syscalls that move bytes over sockets and sends those of HTTP connections to user space, whole, through a
 * ring buffer (capture_event.h). Only tracepoints are used, and a program's cost matters in this order: calls on
 * descriptors of no interest (one look-up), calls on sockets that are not HTTP (their first bytes are looked at), HTTP.
 *
 * The loader attaches in the order of this file: what ends descriptors first, what moves bytes last, so that nothing is
 * believed of a descriptor that was closed before anybody watched. What runs when a call returns is on one tracepoint for
 * all calls of the machine: perf's part of a tracepoint of one call costs more than looking into a table for every call.
 */
#include "kernel.bpf.h"
#include "lifecycle.bpf.h"
#include "data-calls.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

EXIT_PROGRAM(recvmsg)
{
	/* Read here: the compiler must not derive a pointer into the context that the verifier refuses. */
	__s64 ret = *(volatile __s64 *)&context->ret;
	const __auto_type arguments = call_arguments(context);

	if (ret >= 0 && arguments)
		pass_descriptors(ARGUMENT(arguments, 1), DIRECTION_IN, ARGUMENT(arguments, 2), SYSCALL_RECVMSG);
	return data_call(context, SYSCALL_RECVMSG, DIRECTION_IN, SHAPE_MESSAGE, FLAGS_THIRD);
}

EXIT_PROGRAM(sendmsg)
{
	__s64 ret = *(volatile __s64 *)&context->ret;
	const __auto_type arguments = call_arguments(context);

	if (ret >= 0 && arguments && settings.kernel.task_files)
		pass_descriptors(ARGUMENT(arguments, 1), DIRECTION_OUT, 0, SYSCALL_SENDMSG);
	return data_call(context, SYSCALL_SENDMSG, DIRECTION_OUT, SHAPE_MESSAGE, FLAGS_THIRD);
}

EXIT_PROGRAM(recvmmsg)
{
	__s64 ret = *(volatile __s64 *)&context->ret;
	const __auto_type arguments = call_arguments(context);

	if (ret > 0 && arguments)
		pass_all_descriptors(ARGUMENT(arguments, 1), ret, DIRECTION_IN, ARGUMENT(arguments, 3), SYSCALL_RECVMMSG);
	return data_call(context, SYSCALL_RECVMMSG, DIRECTION_IN, SHAPE_MESSAGES, FLAGS_FOURTH);
}

EXIT_PROGRAM(sendmmsg)
{
	__s64 ret = *(volatile __s64 *)&context->ret;
	const __auto_type arguments = call_arguments(context);

	if (ret > 0 && arguments && settings.kernel.task_files)
		pass_all_descriptors(ARGUMENT(arguments, 1), ret, DIRECTION_OUT, 0, SYSCALL_SENDMMSG);
	return data_call(context, SYSCALL_SENDMMSG, DIRECTION_OUT, SHAPE_MESSAGES, FLAGS_FOURTH);
}

EXIT_PROGRAM(sendfile64)
{
	if (context->ret == 0 || (context->ret < 0 && !is_fatal(context->ret)))
		return 0;
	const __auto_type arguments = call_arguments(context);
	if (!arguments)
		return 0;
	return consider_call(context, context->ret, ARGUMENT(arguments, 0), 0, 0, 0, SYSCALL_SENDFILE, DIRECTION_OUT, SHAPE_NONE,
			     FLAG_ZERO_COPY);
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
		return consider_call(context, context->ret, ARGUMENT(arguments, 2), 0, 0, 0, SYSCALL_SPLICE, DIRECTION_OUT, SHAPE_NONE,
				     FLAG_ZERO_COPY);
	return consider_call(context, context->ret, ARGUMENT(arguments, 0), 0, 0, 0, SYSCALL_SPLICE, DIRECTION_IN, SHAPE_NONE,
			     FLAG_ZERO_COPY);
}

/* Calls that need no program of their own. */
#define DATA_CALLS(EACH)                                                             \
	EACH(read, SYSCALL_READ, DIRECTION_IN, SHAPE_BUFFER, FLAGS_NONE)             \
	EACH(readv, SYSCALL_READV, DIRECTION_IN, SHAPE_IOVECS, FLAGS_NONE)           \
	EACH(preadv, SYSCALL_PREADV, DIRECTION_IN, SHAPE_IOVECS, FLAGS_NONE)         \
	EACH(preadv2, SYSCALL_PREADV2, DIRECTION_IN, SHAPE_IOVECS, FLAGS_NONE)       \
	EACH(recvfrom, SYSCALL_RECVFROM, DIRECTION_IN, SHAPE_BUFFER, FLAGS_FOURTH)   \
	EACH(write, SYSCALL_WRITE, DIRECTION_OUT, SHAPE_BUFFER, FLAGS_NONE)          \
	EACH(writev, SYSCALL_WRITEV, DIRECTION_OUT, SHAPE_IOVECS, FLAGS_NONE)        \
	EACH(pwritev, SYSCALL_PWRITEV, DIRECTION_OUT, SHAPE_IOVECS, FLAGS_NONE)      \
	EACH(pwritev2, SYSCALL_PWRITEV2, DIRECTION_OUT, SHAPE_IOVECS, FLAGS_NONE)    \
	EACH(sendto, SYSCALL_SENDTO, DIRECTION_OUT, SHAPE_BUFFER, FLAGS_FOURTH)

#ifdef TINYTAP_OLD_KERNELS

#define DATA_PROGRAM(name, syscall, direction, shape, flags)                 \
	EXIT_PROGRAM(name)                                                   \
	{                                                                    \
		return data_call(context, syscall, direction, shape, flags); \
	}

DATA_CALLS(DATA_PROGRAM)

#else

/* Those that have one. */
#define OTHER_CALLS(EACH)                                                                                          \
	EACH(accept) EACH(accept4) EACH(socket) EACH(socketpair) EACH(connect) EACH(shutdown) EACH(dup) EACH(dup2) \
	EACH(dup3) EACH(fcntl) EACH(ioctl) EACH(pidfd_getfd) EACH(io_uring_setup) EACH(io_uring_enter)             \
	EACH(io_submit)                                                                                             \
	EACH(recvmsg) EACH(sendmsg) EACH(recvmmsg) EACH(sendmmsg) EACH(sendfile64) EACH(splice)

enum { CALL_IGNORED, CALL_OF_DATA, CALL_WITH_PROGRAM };

/* What there is to do when a call returns, by its number. */
struct call_form {
	/* CALL_*. The others are of CALL_OF_DATA: see data_call(). */
	__u8 kind;
	__u8 syscall;
	__u8 direction;
	__u8 shape;
	__u8 flags;
};

#define DATA_FORM(name, syscall, direction, shape, flags) [NR_##name] = { CALL_OF_DATA, syscall, direction, shape, flags },
#define OTHER_FORM(name) [NR_##name] = { .kind = CALL_WITH_PROGRAM },

const volatile struct call_form call_forms[CALL_NUMBERS] SEC(".rodata.calls") = { DATA_CALLS(DATA_FORM) OTHER_CALLS(OTHER_FORM) };

#define PROGRAM_OF(name) [NR_##name] = (void *)&handle_##name##_exit,

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, CALL_NUMBERS);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} exit_programs SEC(".maps") = { .values = { OTHER_CALLS(PROGRAM_OF) } };

/* The only one of its section that the loader attaches. */
SEC("tp_btf/sys_exit")
int handle_exit(struct exit_context *context)
{
	const struct pt_regs *registers = call_arguments(context);
	__u64 number = CALL_NUMBER(registers);
	const volatile struct call_form *form;

	/* Also what returns from no call: its number is -1. */
	if (number >= CALL_NUMBERS)
		return 0;
	form = &call_forms[number];
	/* The numbers of 32-bit programs mean other calls. */
	if (form->kind == CALL_IGNORED || IS_32BIT(registers))
		return 0;
	if (form->kind == CALL_OF_DATA)
		return data_call(context, form->syscall, form->direction, form->shape, form->flags);
	bpf_tail_call(context, &exit_programs, number);
	return 0;
}

#endif
