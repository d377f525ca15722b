/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * What the programs need to know about the kernel, declared by hand, without vmlinux.h or CO-RE: integer types,
 * constants of its user-space interface, tracepoint contexts, the saved registers. (The structures that
 * identity.bpf.h reads in addition are optional.) Contexts that differ between kernels (sched_process_fork …) are
 * read at offsets that the loader takes from tracefs.
 */
#ifndef TINYTAP_KERNEL_BPF_H
#define TINYTAP_KERNEL_BPF_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
/* bpf_helper_defs.h names these. */
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27
};
enum { BPF_F_NO_PREALLOC = 1, BPF_F_MMAPABLE = 1024 };
enum { BPF_ANY = 0, BPF_NOEXIST = 1 };
enum { BPF_RB_NO_WAKEUP = 1, BPF_RB_FORCE_WAKEUP = 2, BPF_RB_AVAIL_DATA = 0 };

#include <bpf/bpf_helpers.h>

#define NULL ((void *)0)
#define bool _Bool
#define true 1
#define false 0

/* Makes the compiler forget what it knows about `value`, so that it keeps a later comparison: older verifiers see
 * the bound of a length only if the comparison comes last. */
#define FORGET(value) asm volatile("" : "+r"(value))

/* Linux's error numbers. */
#define EINTR 4
#define EPIPE 32
#define ENETDOWN 100
#define ENETUNREACH 101
#define ECONNABORTED 103
#define ECONNRESET 104
#define EISCONN 106
#define ETIMEDOUT 110
#define EHOSTUNREACH 113
#define EINPROGRESS 115

#define AF_UNSPEC 0
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_VSOCK 40
#define AF_SMC 43
/* offsetof(struct sockaddr_un, sun_path) */
#define UNIX_PATH 2
#define SOCK_TYPE_MASK 0xf
#define SOCK_STREAM 1
#define SOCK_CLOEXEC 02000000
#define IPPROTO_TCP 6

#define MSG_OOB 0x1
#define MSG_PEEK 0x2
#define MSG_TRUNC 0x20
#define MSG_ERRQUEUE 0x2000
#define MSG_FASTOPEN 0x20000000
#define MSG_CMSG_CLOEXEC 0x40000000

#define SOL_SOCKET 1
#define SCM_RIGHTS 1

#define F_DUPFD 0
#define F_SETFD 2
#define F_DUPFD_CLOEXEC 1030
#define FD_CLOEXEC 1
#define FIONCLEX 0x5450
#define FIOCLEX 0x5451
#define CLOSE_RANGE_CLOEXEC 4

#define CLONE_FILES 0x400
#define CLONE_VFORK 0x4000
#define CLONE_THREAD 0x10000

#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_SYN_RECEIVED 3
#define TCP_FIN_WAIT1 4
#define TCP_FIN_WAIT2 5
#define TCP_CLOSE_WAIT 8
#define TCP_CLOSE 7

struct iovec {
	__u64 base;
	__u64 length;
};

struct message_header {
	__u64 name;
	__u32 name_length;
	__u32 pad;
	__u64 iov;
	__u64 iov_count;
	__u64 control;
	__u64 control_length;
	__u32 flags;
	__u32 pad2;
};

/* One request passed to io_submit. */
struct io_control_block {
	__u64 data;
	__u64 key;
	__u16 opcode;
	__s16 priority;
	__s32 fd;
};

#define IOCB_CMD_PREAD 0
#define IOCB_CMD_PWRITE 1
#define IOCB_CMD_PREADV 7
#define IOCB_CMD_PWRITEV 8

struct multi_message_header {
	struct message_header header;
	__u32 length;
	__u32 pad;
};

/* tracepoint/syscalls/sys_enter_* */
struct enter_context {
	__u64 common;
	__s32 syscall_number;
	__u32 pad;
	__u64 arguments[6];
};

struct pt_regs;

/* The context of a call's exit. */
#ifdef TINYTAP_OLD_KERNELS
/* tracepoint/syscalls/sys_exit_* */
struct exit_context {
	__u64 common;
	__s32 syscall_number;
	__u32 pad;
	__s64 ret;
};
#else
/* tp_btf/sys_exit */
struct exit_context {
	const struct pt_regs *registers;
	__s64 ret;
};
#endif

/* tracepoint/sock/inet_sock_set_state. Ports are in host byte order. */
struct inet_sock_set_state_context {
	__u64 common;
	__u64 socket;
	__s32 old_state;
	__s32 new_state;
	__u16 local_port;
	__u16 peer_port;
	__u16 family;
	__u16 protocol;
	__u8 local[4];
	__u8 peer[4];
	__u8 local_v6[16];
	__u8 peer_v6[16];
};

struct bpf_pidns_info {
	__u32 pid;
	__u32 tgid;
};

struct control_message_header {
	__u64 length;
	__s32 level;
	__s32 type;
};

/* The registers with which a thread entered the kernel, as the kernel saves them; the verifier checks the offsets
 * against the kernel's own BTF. */
#if defined(TINYTAP_ARCH_X86_64)
struct pt_regs {
	__u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp;
};
#define ARGUMENT_0 di
#define ARGUMENT_1 si
#define ARGUMENT_2 dx
#define ARGUMENT_3 r10
#define ARGUMENT_4 r8
#define SYSCALL_NUMBER orig_ax
/* The code segment that 32-bit programs run in. */
#define IS_32BIT(registers) ((*(const volatile __u64 *)&(registers)->cs & 0xffff) == 0x23)
#define ARCHITECTURE_NUMBER(x86_64, arm64) x86_64
#elif defined(TINYTAP_ARCH_ARM64)
struct pt_regs {
	__u64 x0, x1, x2, x3, x4, x5, x6, x7, x8, rest[22], sp, pc, pstate;
	/* The first argument: x0 already holds what the call returned. */
	__u64 orig_x0;
};
#define ARGUMENT_0 orig_x0
#define ARGUMENT_1 x1
#define ARGUMENT_2 x2
#define ARGUMENT_3 x3
#define ARGUMENT_4 x4
#define SYSCALL_NUMBER x8
/* PSR_MODE32_BIT */
#define IS_32BIT(registers) ((*(const volatile __u64 *)&(registers)->pstate & 0x10) != 0)
#define ARCHITECTURE_NUMBER(x86_64, arm64) arm64
#else
#error "scripts/build-bpf names the architecture: TINYTAP_ARCH_X86_64 or TINYTAP_ARCH_ARM64"
#endif

#endif
