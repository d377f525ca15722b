/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * What the unprivileged tinytap may ask of the privileged programs: the attacher, which loads and attaches the BPF
 * programs; the helper, which the attacher then becomes; the lookers, which look at other processes; and, only if the
 * session was started with --tls, the TLS helper, which attaches to TLS libraries. They communicate over SOCK_SEQPACKET
 * sockets: one of the attacher and helper, one that the lookers share, and one of the TLS helper. Each request is one
 * message, and so is its answer. Both have a fixed size, and no message to the privileged programs carries a captured
 * byte, a path or a descriptor. Only the attacher answers requests marked (A), only a looker those marked (L), only the
 * TLS helper those marked (T), and nothing else.
 */
#ifndef TINYTAP_PROTOCOL_H
#define TINYTAP_PROTOCOL_H

#include <linux/types.h>
#ifndef __cplusplus
#include <assert.h>
#endif

enum request_type {
  /* (A) Loads the programs with the given settings, if it has not done so already, and looks for open sockets. The
   * answer carries the maps' descriptors, the lookers' socket and, if there is a TLS helper, its socket. */
  REQUEST_LOAD = 1,
  /* (A) Attaches them. After its answer the attacher becomes the helper. */
  REQUEST_ATTACH = 2,
  /* (A) The attacher's own capabilities, for `tinytap doctor`. */
  REQUEST_RIGHTS = 3,
  /* (L) (pid, fd) → what the descriptor is, and a socket's addresses; never the descriptor. */
  REQUEST_LOOKUP = 4,
  /* (L) (pid) → path of the executable. */
  REQUEST_EXECUTABLE = 5,
  /* (pid: a thread of tinytap, fd: 1 or 0) Raises or lowers its priority. */
  REQUEST_HURRY = 6,
  /* → the number of program runs that the kernel has skipped. */
  REQUEST_MISSES = 7,
  /* No answer. tinytap is ending in an orderly way, and the terminal needs no repair. */
  REQUEST_GOODBYE = 8,

  /* The next requests are for kernels that refuse tinytap itself every bpf(2) call, see Capture. (conn, direction,
   * offset) No answer. */
  REQUEST_SKIP = 9,
  /* (conn) It is a socket. No answer. */
  REQUEST_CONFIRM = 10,
  /* (conn) It is not a socket. → value 1 if the connection had no address. Used on all kernels: tinytap itself has
   * no access to the map, which holds kernel addresses that the programs read. */
  REQUEST_DISMISS = 11,
  /* (pid: a key of `chosen`, fd: its bits) No answer. */
  REQUEST_CHOOSE = 12,
  /* Deletes the keys of `chosen` that were not sent since the last of these requests. Answered when that is done. */
  REQUEST_CHOSEN = 13,

  /* (T) (device, inode) Attaches to this library, which some process has mapped; (0, 0): to all, also to those that are
   * mapped later. Answered once what is mapped now has been attached. → the number of libraries that are attached. */
  REQUEST_TLS_ATTACH = 14,
  /* (T) (device, inode) Detaches from it; (0, 0): from all. → the same. Both are refused with the reason if the kernel
   * refused the programs. */
  REQUEST_TLS_DETACH = 15,
  /* (T) (pid: the number of a library, from 0 on) → struct tls_row of it, if there are as many, and the number of
   * libraries. */
  REQUEST_TLS_LIBRARY = 16,
  /* (T) (pid) → struct tls_row of a library that this process has mapped, if any is known; one that can be read rather
   * than another. */
  REQUEST_TLS_OF_PROCESS = 17,
};

struct request {
  __u32 type;
  /* Returned in the answer. */
  __u32 sequence;
  __s32 pid;
  __s32 fd;
  /* REQUEST_TLS_…: the device, as the kernel's makedev() encodes it, and the inode. */
  __u64 conn;
  __u64 offset;
  __u32 direction;
  /* REQUEST_LOAD: 1: only check whether the kernel accepts the programs; change nothing on this machine. */
  __u32 only_check;
  /* REQUEST_LOAD: as in struct CaptureOptions of capture.h. */
  __u64 ring_bytes;
  __u32 capture_limit;
  __u32 iovec_limit;
  __u32 connections;
  __u32 kernel_types;
};

enum descriptor_kind {
  DESCRIPTOR_IS_SOCKET = 0,
  DESCRIPTOR_IS_FILE = 1,
  DESCRIPTOR_IS_GONE = 2,
  DESCRIPTOR_IS_HIDDEN = 3
};

#define ANSWER_ADDRESS_BYTES 128
#define ANSWER_TEXT_BYTES 8192
/* Maps whose descriptors come with the answer to REQUEST_LOAD, in the order of their names in its text. */
#define ANSWER_MAPS 32

/* A looker that looks at a file or socket of a hostile process may never return, so there are others. */
#define LOOKERS 4

struct answer {
  __u32 type;
  __u32 sequence;
  /* errno, or 0. */
  __s32 error;
  /* REQUEST_LOOKUP: enum descriptor_kind, SOCK_…, and struct sockaddr of this end and of the other. */
  __u32 kind;
  __u32 socket_type;
  __u32 local_length;
  __u32 peer_length;
  __u8 local[ANSWER_ADDRESS_BYTES];
  __u8 peer[ANSWER_ADDRESS_BYTES];
  /* REQUEST_LOAD: whether the programs for kernels before 5.17 were needed; bytes of the ring; CPUs; sockets found;
   * tracepoints. */
  __u32 old_programs;
  __u32 cpu_count;
  __u64 ring_bytes;
  __u64 value;
  /* REQUEST_LOAD: the last descriptor is the socket of the TLS helper. */
  __u32 has_tls_helper;
  __u32 attached;
  /* Bytes of `text`. REQUEST_LOAD: names of maps, one per line, then an empty line and the tracepoints that this
   * kernel lacks, one per line; `attached` is the number of those it has. REQUEST_ATTACH: the tracepoints that this
   * kernel lacks, one per line. If `error` is not 0: code, message and detail, each followed by NUL.
   * REQUEST_EXECUTABLE: the path. REQUEST_TLS_LIBRARY, REQUEST_TLS_OF_PROCESS: struct tls_row. */
  __u32 text_length;
  char text[ANSWER_TEXT_BYTES];
};

/* A file with TLS that processes have mapped. Texts end with NUL. */
struct tls_row {
  __u64 device;
  __u64 inode;
  /* CLOCK_BOOTTIME in nanoseconds. */
  __u64 first_seen_ns;
  /* enum capture_tls_library; 0: one whose plaintext cannot be read. */
  __u32 library;
  /* A probe on a reading or writing function costs more than usual, see native/tls_places.h. */
  __u32 slow;
  __u32 attached;
  /* How many processes have mapped it now. */
  __u32 processes;
  char version[32];
  /* The functions that are probed for reading and writing. */
  char place[96];
  /* Why its plaintext is not read: `java`, `go` …, or a sentence; empty if it is, or could be. */
  char reason[256];
  char path[4096];
};

/* Descriptor numbers of the helper; a looker has the first and the third. The maps from HELPER_SKIPS on are present
 * only for a kernel that refuses tinytap itself every bpf(2) call. */
enum helper_descriptor {
  HELPER_SOCKET = 3,
  HELPER_TERMINAL = 4,
  /* A pidfd of tinytap, so that a copy of its socket cannot outlive it. */
  HELPER_TINYTAP = 5,
  HELPER_CONNECTIONS = 6,
  HELPER_SOCKETS = 7,
  HELPER_SKIPS = 8,
  HELPER_VERDICTS = 9,
  HELPER_CHOSEN = 10,
  /* From here on: the descriptors that keep the programs attached, programs whose misses count, then the arrays of
   * programs. */
  HELPER_LINKS = 11,
};

#endif
