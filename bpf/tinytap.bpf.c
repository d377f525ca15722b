/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * Watches the syscalls that move bytes over sockets and sends those of HTTP connections to user space, whole, through a
 * ring buffer (capture_event.h). Only tracepoints are used, and a program's cost matters in this order: calls on
 * descriptors of no interest (one look-up), calls on sockets that are not HTTP (their first bytes are looked at), HTTP.
 *
 * The loader attaches in the order of this file: what ends descriptors first, what moves bytes last, so that nothing is
 * believed of a descriptor that was closed before anybody watched.
 */
#include "kernel.bpf.h"
#include "lifecycle.bpf.h"
#include "data-calls.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

DATA_CALL(read, SYSCALL_READ, DIRECTION_IN, SHAPE_BUFFER, FLAGS_NONE)
DATA_CALL(readv, SYSCALL_READV, DIRECTION_IN, SHAPE_IOVECS, FLAGS_NONE)
DATA_CALL(preadv, SYSCALL_PREADV, DIRECTION_IN, SHAPE_IOVECS, FLAGS_NONE)
DATA_CALL(preadv2, SYSCALL_PREADV2, DIRECTION_IN, SHAPE_IOVECS, FLAGS_NONE)
DATA_CALL(recvfrom, SYSCALL_RECVFROM, DIRECTION_IN, SHAPE_BUFFER, FLAGS_FOURTH)
DATA_CALL(write, SYSCALL_WRITE, DIRECTION_OUT, SHAPE_BUFFER, FLAGS_NONE)
DATA_CALL(writev, SYSCALL_WRITEV, DIRECTION_OUT, SHAPE_IOVECS, FLAGS_NONE)
DATA_CALL(pwritev, SYSCALL_PWRITEV, DIRECTION_OUT, SHAPE_IOVECS, FLAGS_NONE)
DATA_CALL(pwritev2, SYSCALL_PWRITEV2, DIRECTION_OUT, SHAPE_IOVECS, FLAGS_NONE)
DATA_CALL(sendto, SYSCALL_SENDTO, DIRECTION_OUT, SHAPE_BUFFER, FLAGS_FOURTH)

SEC("tracepoint/syscalls/sys_exit_recvmsg")
int handle_recvmsg_exit(struct exit_context *context)
{
	/* Read here: the compiler must not derive a pointer into the context that the verifier refuses. */
	__s64 ret = *(volatile __s64 *)&context->ret;
	const __auto_type arguments = call_arguments(context->syscall_number);

	if (ret >= 0 && arguments)
		pass_descriptors(ARGUMENT(arguments, 1), DIRECTION_IN, ARGUMENT(arguments, 2), SYSCALL_RECVMSG);
	return data_call(context, SYSCALL_RECVMSG, DIRECTION_IN, SHAPE_MESSAGE, FLAGS_THIRD);
}

SEC("tracepoint/syscalls/sys_exit_sendmsg")
int handle_sendmsg_exit(struct exit_context *context)
{
	__s64 ret = *(volatile __s64 *)&context->ret;
	const __auto_type arguments = call_arguments(context->syscall_number);

	if (ret >= 0 && arguments && settings.kernel.task_files)
		pass_descriptors(ARGUMENT(arguments, 1), DIRECTION_OUT, 0, SYSCALL_SENDMSG);
	return data_call(context, SYSCALL_SENDMSG, DIRECTION_OUT, SHAPE_MESSAGE, FLAGS_THIRD);
}

SEC("tracepoint/syscalls/sys_exit_recvmmsg")
int handle_recvmmsg_exit(struct exit_context *context)
{
	__s64 ret = *(volatile __s64 *)&context->ret;
	const __auto_type arguments = call_arguments(context->syscall_number);

	if (ret > 0 && arguments)
		pass_all_descriptors(ARGUMENT(arguments, 1), ret, DIRECTION_IN, ARGUMENT(arguments, 3), SYSCALL_RECVMMSG);
	return data_call(context, SYSCALL_RECVMMSG, DIRECTION_IN, SHAPE_MESSAGES, FLAGS_FOURTH);
}

SEC("tracepoint/syscalls/sys_exit_sendmmsg")
int handle_sendmmsg_exit(struct exit_context *context)
{
	__s64 ret = *(volatile __s64 *)&context->ret;
	const __auto_type arguments = call_arguments(context->syscall_number);

	if (ret > 0 && arguments && settings.kernel.task_files)
		pass_all_descriptors(ARGUMENT(arguments, 1), ret, DIRECTION_OUT, 0, SYSCALL_SENDMMSG);
	return data_call(context, SYSCALL_SENDMMSG, DIRECTION_OUT, SHAPE_MESSAGES, FLAGS_FOURTH);
}

SEC("tracepoint/syscalls/sys_exit_sendfile64")
int handle_sendfile64_exit(struct exit_context *context)
{
	if (context->ret == 0 || (context->ret < 0 && !is_fatal(context->ret)))
		return 0;
	const __auto_type arguments = call_arguments(context->syscall_number);
	if (!arguments)
		return 0;
	return consider_call(context, context->ret, ARGUMENT(arguments, 0), 0, 0, 0, SYSCALL_SENDFILE, DIRECTION_OUT, SHAPE_NONE,
			     FLAG_ZERO_COPY);
}

SEC("tracepoint/syscalls/sys_exit_splice")
int handle_splice_exit(struct exit_context *context)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	__u64 *out;

	if (context->ret == 0 || (context->ret < 0 && !is_fatal(context->ret)))
		return 0;
	const __auto_type arguments = call_arguments(context->syscall_number);
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
