/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* The maps, and the working memory of a program. */
#ifndef TINYTAP_MAPS_BPF_H
#define TINYTAP_MAPS_BPF_H

#include "calls.bpf.h"
#include "control.h"

/* Marks a function that is called from several places. Kernels before 5.10 do not allow such functions in a
 * program that uses tail calls. */
#ifdef TINYTAP_OLD_KERNELS
#define SHARED __always_inline
#else
#define SHARED __noinline
#endif

/* Kernels before 5.12 add atomically but do not return the old value, and cannot exchange. No addition is lost;
 * only the returned old values may be wrong when two CPUs add at the same instant. */
#ifdef TINYTAP_OLD_KERNELS
#define FETCH_ADD(pointer, value)                                    \
	({                                                           \
		__sync_fetch_and_add(pointer, value);                \
		*(volatile typeof(*(pointer)) *)(pointer) - (value); \
	})
#define FETCH_CLEAR(pointer)                     \
	({                                       \
		__auto_type before = *(pointer); \
		*(pointer) = 0;                  \
		before;                          \
	})
#else
#define FETCH_ADD(pointer, value) __sync_fetch_and_add(pointer, value)
#define FETCH_CLEAR(pointer) __sync_lock_test_and_set(pointer, 0)
#endif

const volatile struct settings settings SEC(".rodata.settings") = { .capture_limit = CONTROL_CAPTURE_LIMIT,
								    .iovec_limit = CONTROL_IOVECS };
struct control control SEC(".data.control") = { .next_conn = 1 };

/* The call being examined. */
struct call {
	__u64 time_ns;
	__u64 pid_tgid;
	__s64 ret;
	/* User address of the buffer, the iovecs or the message headers, and how many there are. */
	__u64 pointer;
	__u64 count;
	__u64 descriptor;
	__u64 conn;
	__u64 stream_offset;
	__u32 syscall;
	__u32 direction;
	__u32 shape;
	__s32 fd;
	__u32 message_flags;
	/* FLAG_* that every record of the call carries. */
	__u32 record_flags;
	/* If calls have overlapped: offset of its bytes in the stream, plus 1; otherwise 0. */
	__u64 hole;
	/* 1: scratch->receive describes this call. */
	__u32 received;
	/* 1: because of a filter or a pause, the reader does not get this call. */
	__u32 excluded;
};

/* The TCP socket from which a thread on this CPU last received. */
struct receive {
	__u64 time_ns;
	/* 0: none, or already used. */
	__u32 tid;
	__u8 addresses[CAPTURE_ADDRESSES_BYTES];
};

/* A walk through a call's memory. */
struct walk {
	/* User addresses of the next message header and iovec; the rest of the current piece. */
	__u64 message;
	__u64 messages_left;
	__u64 iov;
	__u64 iov_left;
	__u64 base;
	__u64 length;
	/* Bytes of the call, and of the current message, that are still to be walked. */
	__u64 left;
	__u64 message_left;
	/* Unwanted bytes of the call: still to come, and skipped since the last record. */
	__u64 skip_left;
	__u64 skipped;
	__u64 capture_left;
	__u64 iov_budget;
	/* The record being filled: its offset in the call, and its payload so far. */
	__u64 record_offset;
	__u64 filled;
	/* Why the walk ended early: a FLAG_CUT_*, otherwise 0. */
	__u32 cut;
	/* A read of several pages failed: go page by page up to this address. */
	__u64 careful_until;
};

enum sweep_mode {
	SWEEP_EXIT,
	SWEEP_EXEC,
	SWEEP_FORK,
	SWEEP_CLOSE,
	SWEEP_SET_CLOEXEC,
};

/* A walk over descriptors of one process. */
struct sweep {
	__u32 mode;
	/* The number under which its descriptors are kept: see table_of(). */
	__u32 pid;
	/* The process that inherits them, and the number under which its descriptors are kept. */
	__u32 child;
	__u32 child_table;
	__u32 skip_cloexec;
	/* The next descriptor, and the last one. */
	__u64 fd;
	__u64 last_fd;
	__u32 syscall;
};

/* The descriptors that a message carries to another process. */
struct passing {
	/* User addresses: of the next descriptor, and after the last one. */
	__u64 at;
	__u64 end;
	__u32 direction;
	__u32 syscall;
	/* DESCRIPTOR_CLOEXEC or 0. */
	__u32 cloexec;
	/* 0: the message was only peeked at. */
	__u32 arrived;
};

/* The requests of an io_submit that are still to be looked at. */
struct submission {
	/* User address of the array of pointers to the requests. */
	__u64 list;
	__u64 count;
};

/* The first bytes of a connection that does not look like HTTP although its answer may. */
struct beginning {
	/* Time of the call that brought the first of them. */
	__u64 time_ns;
	__u64 pid_tgid;
	__s32 fd;
	__u32 syscall;
	__u32 direction;
	__u32 bytes;
	/* How far its first line has been searched. */
	__u32 searched;
	/* 1: LOOKS_LIKE_LINE. */
	__u32 like_line;
	/* Twice the room, so that the verifier's bound on offset + length holds. */
	__u8 data[BEGINNING_BYTES * 2];
};

#define SMALL_PAYLOAD 512

/* A descriptor that was found dismissed while control.meanings had this value. */
struct dismissed {
	/* Process and descriptor: see descriptor_name(). One word for both, because programs may be preempted. */
	__u64 name;
	__u32 meanings;
	__u32 pad;
};

/* Indexed by the lowest bits of the descriptor number. */
#define DISMISSED_SLOTS 64

/* Whether a process passed the filters while control.choices had this value. */
struct considered {
	__u32 pid;
	__u32 choices;
	__u32 mask;
	__u32 passes;
};

/* Indexed by the lowest bits of the process id. */
#define CONSIDERED_SLOTS 16

/* iovecs read at once. */
#define SHORT_IOVECS 4

/* Working memory, one per CPU. Programs do not migrate, but where tracepoints are preemptible (PREEMPT_RT, Linux
 * 6.19) another thread's program may run in the middle of one. So the data of a call is used only between
 * take_memory() and its end. */
struct scratch {
	/* 1: in use by a program. */
	__u32 in_use;
	__u32 pad;
	/* Most calls on a machine are on these descriptors; checking here costs a fraction of a map look-up. */
	struct dismissed dismissed[DISMISSED_SLOTS];
	struct considered considered[CONSIDERED_SLOTS];
	/* Whether processes of this cgroup pass, with this value of control.choices. */
	__u64 cgroup;
	__u32 cgroup_choices;
	__u32 cgroup_passes;
	struct call call;
	struct walk walk;
	struct sweep sweep;
	struct passing passing;
	struct submission submission;
	struct receive receive;
	__u8 sniff[SNIFF_BYTES * 2];
	__u32 sniff_bytes;
	__u32 token_bytes;
	/* The name of a process. */
	__u8 name[CONTROL_NAME_BYTES];
	/* Used only if ids cannot be taken from one counter. */
	__u64 next_conn;
	struct iovec iovecs[SHORT_IOVECS];
	/* A record with little payload … */
	struct capture_event small;
	__u8 small_payload[SMALL_PAYLOAD];
	/* … a new connection, a block that stays zero … */
	struct connection connection;
	struct beginning beginning;
	struct descriptor_block empty_block;
	/* … and one with a full payload. It has twice the room, so that the verifier's bound on offset + length
	 * holds. */
	struct capture_event event;
	__u8 payload[CAPTURE_EVENT_PAYLOAD_MAX * 2];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, CONTROL_RING_BYTES);
} ring SEC(".maps");

/* max_entries: possible CPUs, set by the loader. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/* max_entries: possible CPUs, set by the loader. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct loss_counters);
} losses SEC(".maps");

/* (pid, block) → descriptors. The loader adds BPF_F_NO_PREALLOC if the kernel's allocator is safe in tracepoints. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct descriptor_key);
	__type(value, struct descriptor_block);
} descriptors SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct process);
} processes SEC(".maps");

/* Process → the number under which its descriptors are kept, if that is another number or they are shared: after
 * clone with CLONE_FILES and without CLONE_THREAD. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u32);
} shared_tables SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 262144);
	__type(key, __u64);
	__type(value, struct connection);
} connections SEC(".maps");

/* Inode number of a socket → conn. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 262144);
	__type(key, __u64);
	__type(value, __u64);
} sockets SEC(".maps");

/* Inode number of a socket → its connection, if only a message in flight to another process holds it. Messages
 * may never be received, so the oldest entries are evicted. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct connection);
} parked_connections SEC(".maps");

/* Processes in the filter → CHOSEN_*; the kernel side adds children. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, __u32);
} chosen SEC(".maps");

/* conn → VERDICT_*, written by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, __u32);
} verdicts SEC(".maps");

/* (conn, direction) → the stream offset up to which bytes are unwanted body, written by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct skip_key);
	__type(value, __u64);
} skips SEC(".maps");

/* conn → its first bytes. Answers may never arrive, so the oldest entries are evicted. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct beginning);
} beginnings SEC(".maps");

/* A TCP socket that is connecting. */
struct connecting_socket {
	__u64 conn;
	__u64 began_ns;
	/* How long connecting took; 0: not connected yet. */
	__u64 took_ns;
	__u8 local[CAPTURE_ADDRESS_BYTES];
	__u32 known;
};

/* Kernel address of the socket (an opaque key) → what is known. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct connecting_socket);
} connecting_sockets SEC(".maps");

/* tid → the socket on which it is calling connect. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, __u64);
} connecting_threads SEC(".maps");

/* Recently reported blind spots, so that they are not repeated at once: (pid, enum capture_blind_spot) → time. */
struct blind_spot_key {
	__u32 pid;
	__u32 what;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct blind_spot_key);
	__type(value, __u64);
} told_blind_spots SEC(".maps");

static __always_inline struct scratch *working_memory(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&scratches, &cpu);
}

static __always_inline void count_loss(__u32 reason, __u64 bytes)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct loss_counters *counters = bpf_map_lookup_elem(&losses, &cpu);

	if (!counters || reason >= LOSS_MAX)
		return;
	counters->reasons[reason].events++;
	counters->reasons[reason].bytes += bytes;
}

#ifdef TINYTAP_OLD_KERNELS

/* These kernels never run a tracepoint program while another runs on the same CPU. */
#define TAKEN

static __always_inline struct scratch *try_memory(void)
{
	return working_memory();
}

#else

static __always_inline void give_back(struct scratch **taken)
{
	if (*taken)
		*(volatile __u32 *)&(*taken)->in_use = 0;
}

/* Declares a variable that releases the working memory when it goes out of scope: when its program returns. It
 * does not when the program continues in another one by tail call, which has to use TAKEN, too. */
#define TAKEN __attribute__((cleanup(give_back)))

/* Takes this CPU's working memory. NULL: it is in use. */
static __always_inline struct scratch *try_memory(void)
{
	struct scratch *s = working_memory();

	return s && !__sync_lock_test_and_set(&s->in_use, 1) ? s : NULL;
}

#endif

/* The same, but counts a loss if it is in use. */
static __always_inline struct scratch *take_memory(void)
{
	struct scratch *s = try_memory();

	if (!s)
		count_loss(LOSS_MISSED, 0);
	return s;
}

#endif
