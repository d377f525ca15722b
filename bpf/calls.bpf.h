/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * The system calls that the programs follow, one line each: their numbers, and how their exits are read. Everything
 * else that depends on the calls is generated from these lines. To add a call that moves bytes, write its line in
 * DATA_CALLS or MESSAGE_CALLS and its SYSCALL_* in capture_event.h.
 */
#ifndef TINYTAP_CALLS_BPF_H
#define TINYTAP_CALLS_BPF_H

#include "capture_event.h"
#include "kernel.bpf.h"

/* What the second argument points to. */
enum shape {
	SHAPE_BUFFER,
	SHAPE_IOVECS,
	SHAPE_MESSAGE,
	SHAPE_MESSAGES,
	/* No memory to read: sendfile, splice. */
	SHAPE_NONE,
};

/* Which argument holds the message flags. */
enum message_flags_at { FLAGS_NONE, FLAGS_THIRD, FLAGS_FOURTH };

/* Whether the call is for sockets only, or for files too. */
enum descriptor_kind { SOCKETS_ONLY, FILES_TOO };

/*
 * Calls that move bytes, of the form (fd, pointer, count or flags, flags). Columns: name, number on x86-64 and on
 * arm64, SYSCALL_*, direction, shape, message flags, kind of descriptor, number of arguments read.
 */
#define DATA_CALLS(EACH)                                                                                     \
	EACH(read, 0, 63, SYSCALL_READ, DIRECTION_IN, SHAPE_BUFFER, FLAGS_NONE, FILES_TOO, 3)                \
	EACH(write, 1, 64, SYSCALL_WRITE, DIRECTION_OUT, SHAPE_BUFFER, FLAGS_NONE, FILES_TOO, 3)             \
	EACH(readv, 19, 65, SYSCALL_READV, DIRECTION_IN, SHAPE_IOVECS, FLAGS_NONE, FILES_TOO, 3)             \
	EACH(writev, 20, 66, SYSCALL_WRITEV, DIRECTION_OUT, SHAPE_IOVECS, FLAGS_NONE, FILES_TOO, 3)          \
	EACH(sendto, 44, 206, SYSCALL_SENDTO, DIRECTION_OUT, SHAPE_BUFFER, FLAGS_FOURTH, SOCKETS_ONLY, 5)    \
	EACH(recvfrom, 45, 207, SYSCALL_RECVFROM, DIRECTION_IN, SHAPE_BUFFER, FLAGS_FOURTH, SOCKETS_ONLY, 4) \
	EACH(preadv, 295, 69, SYSCALL_PREADV, DIRECTION_IN, SHAPE_IOVECS, FLAGS_NONE, FILES_TOO, 3)          \
	EACH(pwritev, 296, 70, SYSCALL_PWRITEV, DIRECTION_OUT, SHAPE_IOVECS, FLAGS_NONE, FILES_TOO, 3)       \
	EACH(preadv2, 327, 286, SYSCALL_PREADV2, DIRECTION_IN, SHAPE_IOVECS, FLAGS_NONE, FILES_TOO, 3)       \
	EACH(pwritev2, 328, 287, SYSCALL_PWRITEV2, DIRECTION_OUT, SHAPE_IOVECS, FLAGS_NONE, FILES_TOO, 3)

/* The same columns, for calls whose messages may also carry descriptors and which therefore have their own
 * program. */
#define MESSAGE_CALLS(EACH)                                                                                     \
	EACH(sendmsg, 46, 211, SYSCALL_SENDMSG, DIRECTION_OUT, SHAPE_MESSAGE, FLAGS_THIRD, SOCKETS_ONLY, 3)     \
	EACH(recvmsg, 47, 212, SYSCALL_RECVMSG, DIRECTION_IN, SHAPE_MESSAGE, FLAGS_THIRD, SOCKETS_ONLY, 3)      \
	EACH(recvmmsg, 299, 243, SYSCALL_RECVMMSG, DIRECTION_IN, SHAPE_MESSAGES, FLAGS_FOURTH, SOCKETS_ONLY, 4) \
	EACH(sendmmsg, 307, 269, SYSCALL_SENDMMSG, DIRECTION_OUT, SHAPE_MESSAGES, FLAGS_FOURTH, SOCKETS_ONLY, 4)

/* Calls with a handwritten program. Columns: name, number on x86-64 and on arm64, number of arguments read. */
#define OTHER_CALLS(EACH)            \
	EACH(ioctl, 16, 29, 3)       \
	EACH(dup, 32, 23, 1)         \
	EACH(dup2, 33, NO_CALL, 2)   \
	EACH(sendfile64, 40, 71, 1)  \
	EACH(socket, 41, 198, 3)     \
	EACH(connect, 42, 203, 3)    \
	EACH(accept, 43, 202, 3)     \
	EACH(shutdown, 48, 210, 2)   \
	EACH(socketpair, 53, 199, 4) \
	EACH(fcntl, 72, 25, 3)       \
	EACH(io_submit, 209, 2, 3)   \
	EACH(splice, 275, 76, 3)     \
	EACH(accept4, 288, 242, 4)   \
	EACH(dup3, 292, 24, 3)

/* The same columns, for calls whose arguments are not read. */
#define RESULT_CALLS(EACH)                \
	EACH(io_uring_setup, 425, 425, 0) \
	EACH(io_uring_enter, 426, 426, 0) \
	EACH(pidfd_getfd, 438, 438, 0)

/* The same columns, for calls whose arguments are read before they return, when they have created a process. */
#define FORKING_CALLS(EACH)         \
	EACH(clone, 56, 220, 1)     \
	EACH(fork, 57, NO_CALL, 0)  \
	EACH(vfork, 58, NO_CALL, 0) \
	EACH(clone3, 435, 435, 1)

#define ALL_DATA_CALLS(EACH) DATA_CALLS(EACH) MESSAGE_CALLS(EACH)
#define CALLS_WITH_PROGRAM(EACH) MESSAGE_CALLS(EACH) OTHER_CALLS(EACH) RESULT_CALLS(EACH)

/* All calls have numbers below this. */
#define CALL_NUMBERS 512
/* The number of a call that the architecture lacks; no call has this number. */
#define NO_CALL (CALL_NUMBERS - 1)

#define NUMBER_OF(name, x86_64, arm64, ...) NR_##name = ARCHITECTURE_NUMBER(x86_64, arm64),
enum { ALL_DATA_CALLS(NUMBER_OF) OTHER_CALLS(NUMBER_OF) RESULT_CALLS(NUMBER_OF) FORKING_CALLS(NUMBER_OF) };

/* Other calls are for sockets only. */
#define IS_FILE_CALL(name, x86_64, arm64, id, direction, shape, flags, kind, arguments) \
	|| (kind == FILES_TOO && syscall == id)
static __always_inline bool is_file_call(__u32 syscall)
{
	return false ALL_DATA_CALLS(IS_FILE_CALL);
}

/* data_call() reads the message flags and the arguments before them. */
#define CHECK_ARGUMENTS(name, x86_64, arm64, id, direction, shape, flags, kind, arguments) \
	_Static_assert(arguments >= (flags == FLAGS_FOURTH ? 4 : 3), #name " has too few arguments");
ALL_DATA_CALLS(CHECK_ARGUMENTS)
#endif
