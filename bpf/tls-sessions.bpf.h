/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * TLS sessions, and which connection each belongs to. The system calls that a thread makes inside a library's function
 * show it at once. A library that only fills and empties memory makes none. Then the thread's last system call before
 * reading, and the first one after writing, each vote for a connection, and two votes in a row for the same one decide.
 * Only connections that carry TLS count, and each belongs to one session.
 */
#ifndef TINYTAP_TLS_SESSIONS_BPF_H
#define TINYTAP_TLS_SESSIONS_BPF_H

#include "tls-records.bpf.h"
#include "tls-threads.bpf.h"
#include "tls_control.h"

/* The process and the user address of the session's object. */
struct tls_key {
	__u64 session;
	__u32 pid;
	__u32 pad;
};

/* Bits of tls_session.flags. */
/* Its handshake is over. */
#define TLS_ESTABLISHED 1
/* The probes saw its handshake. */
#define TLS_WHOLE 2
/* Plaintext was moved that is not sent: the session is older than the probes, or was excluded. */
#define TLS_MIDSTREAM 4
/* The reader knows of it. */
#define TLS_SENT 8
/* No connection will be found any more. */
#define TLS_GIVEN_UP 16

struct tls_session {
	/* 0: not known. */
	__u64 conn;
	/* The connection as which it is sent until its connection is known; 0: none. */
	__u64 own_conn;
	/* Plaintext moved, by direction - 1. */
	__u64 offset[2];
	/* The connection with the last vote. */
	__u64 candidate;
	/* pid_tgid of the thread that waits for its connection; 0: none. */
	__u64 waiter;
	__u64 began_ns;
	__u32 flags;
	__u32 votes;
	/* Calls that have moved plaintext while its connection was not known. */
	__u32 unmapped_calls;
	__u32 pad;
};

#define TLS_VOTES 2

/* After so many calls it is not looked for any longer. */
#define TLS_UNMAPPED_CALLS 256

/* Programs end without freeing their sessions, so the oldest are evicted. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct tls_key);
	__type(value, struct tls_session);
} tls_sessions SEC(".maps");

/* conn → its session. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct tls_key);
} tls_owners SEC(".maps");

/* The time since when all probes of a file have been in place; 0: they are not yet. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TLS_ATTACHMENTS);
	__type(key, __u32);
	__type(value, __u64);
} tls_attachments SEC(".maps");

/* Stays zero. On the stack, which has 512 bytes for all of a program, they would not fit. */
static const struct {
	struct tls_thread thread;
	struct tls_session session;
} empty SEC(".rodata.tls");

static __always_inline __u64 attached_since(__u64 cookie)
{
	__u32 slot = cookie >> TLS_COOKIE_ATTACHMENT_SHIFT;
	__u64 *since = bpf_map_lookup_elem(&tls_attachments, &slot);

	return since ? *since : 0;
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

static __always_inline void add_waiting(struct tls_thread *thread)
{
	if (FETCH_ADD(&thread->waiting, 1) == 0)
		FETCH_ADD(&control.tls_waiting, 1);
}

static __always_inline void remove_waiting(struct tls_thread *thread)
{
	if (FETCH_ADD(&thread->waiting, -1) == 1)
		FETCH_ADD(&control.tls_waiting, -1);
}

static __always_inline void stop_waiting(struct tls_session *session)
{
	__u64 waiter = session->waiter ? FETCH_CLEAR(&session->waiter) : 0;
	struct tls_thread *thread = waiter ? bpf_map_lookup_elem(&tls_threads, &waiter) : NULL;

	if (thread)
		remove_waiting(thread);
}

static __always_inline void await_connection(struct tls_session *session, struct tls_thread *thread, __u64 pid_tgid)
{
	if (session->waiter == pid_tgid)
		return;
	stop_waiting(session);
	session->waiter = pid_tgid;
	add_waiting(thread);
}

/* ---- mapping ----------------------------------------------------------------------------------------------------- */

static __always_inline bool is_same_key(const struct tls_key *one, const struct tls_key *other)
{
	return one->session == other->session && one->pid == other->pid;
}

/* The session that has this connection, if it is another one than `key`. */
static __always_inline struct tls_session *other_owner(const struct tls_key *key, __u64 conn, struct tls_key *other)
{
	struct tls_key *owner = bpf_map_lookup_elem(&tls_owners, &conn);
	struct tls_session *session;

	if (!owner || is_same_key(owner, key))
		return NULL;
	*other = *owner;
	session = bpf_map_lookup_elem(&tls_sessions, other);
	return session && session->conn == conn ? session : NULL;
}

/* Gives the session its connection, unless another session of the same process has it: then this one runs inside that
 * one. */
static __noinline long map_session(const struct tls_key *key, struct tls_session *session, __u64 conn)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	struct connection *connection = bpf_map_lookup_elem(&connections, &conn);
	struct tls_session *other;
	struct tls_key other_key = {};

	if (!key || !session || !connection || !(connection->flags & CONNECTION_LABELLED))
		return 0;
	other = other_owner(key, conn, &other_key);
	if (other && other_key.pid == key->pid)
		return 0;
	if (other && other_key.session == key->session && !session->own_conn) {
		/* A child continues its parent's session. */
		session->offset[0] = other->offset[0];
		session->offset[1] = other->offset[1];
		session->flags |= other->flags & (TLS_ESTABLISHED | TLS_WHOLE | TLS_MIDSTREAM | TLS_SENT);
	} else if (other && other->flags & TLS_SENT) {
		send_plaintext_close(pid_tgid, conn, connection, other->offset);
	}
	bpf_map_update_elem(&tls_owners, &conn, key, BPF_ANY);
	session->conn = conn;
	stop_waiting(session);
	mark_process(key->pid);
	if (session->own_conn) {
		if (!(connection->flags & CONNECTION_OPEN_SENT))
			send_tls_open(pid_tgid, conn, connection);
		send_mapped(pid_tgid, session->own_conn, conn);
		session->own_conn = 0;
	}
	return 0;
}

/* A vote for the connection of the session at `address`. */
static __noinline long vote(__u64 address, __u64 conn)
{
	struct tls_key key = { .session = address, .pid = bpf_get_current_pid_tgid() >> 32 }, other_key = {};
	struct tls_session *session = bpf_map_lookup_elem(&tls_sessions, &key);
	struct connection *connection = bpf_map_lookup_elem(&connections, &conn);

	if (!session || session->conn || !connection || !(connection->flags & CONNECTION_LABELLED))
		return 0;
	if (other_owner(&key, conn, &other_key) && other_key.pid == key.pid)
		return 0;
	if (session->candidate != conn) {
		session->candidate = conn;
		session->votes = 0;
	}
	if (++session->votes >= TLS_VOTES)
		map_session(&key, session, conn);
	return 0;
}

/* Called when the thread enters a function of a library: what its system calls since the last one vote for. */
static __always_inline void collect_votes(struct tls_thread *thread, __u64 session, __u32 function)
{
	__u64 called = thread->called, sent = thread->sent, received = thread->received;

	thread->called = 0;
	thread->sent = 0;
	thread->received = 0;
	if (called && sent)
		vote(called, sent);
	if (received && (function == TLS_FUNCTION_READ || function == TLS_FUNCTION_HANDSHAKE))
		vote(session, received);
}

/* ---- beginnings and ends ----------------------------------------------------------------------------------------- */

/* Tells the reader that the session has ended, unless its connection has, too. */
static __always_inline void end_session(const struct tls_key *key, struct tls_session *session)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid(), conn = session->conn;
	struct connection *connection;
	struct tls_key *owner;

	stop_waiting(session);
	if (!conn) {
		if (session->own_conn)
			send_plaintext_close(pid_tgid, session->own_conn, NULL, session->offset);
		return;
	}
	owner = bpf_map_lookup_elem(&tls_owners, &conn);
	if (!owner || !is_same_key(owner, key))
		return;
	bpf_map_delete_elem(&tls_owners, &conn);
	connection = bpf_map_lookup_elem(&connections, &conn);
	if (connection && session->flags & TLS_SENT)
		send_plaintext_close(pid_tgid, conn, connection, session->offset);
}

static __always_inline void begin_session(struct tls_session *session)
{
	__builtin_memset(session, 0, sizeof(*session));
	session->began_ns = bpf_ktime_get_boot_ns();
}

/* The session of a call that begins. Another one if the object was used for another connection before, or while nothing
 * was probed. NULL: there is no room. */
static __always_inline struct tls_session *enter_session(const struct tls_key *key, __u64 cookie, __u32 function)
{
	struct tls_session *session = bpf_map_lookup_elem(&tls_sessions, key);
	__u64 conn;

	if (!session) {
		bpf_map_update_elem(&tls_sessions, key, &empty.session, BPF_NOEXIST);
		session = bpf_map_lookup_elem(&tls_sessions, key);
		if (session)
			session->began_ns = bpf_ktime_get_boot_ns();
		else
			count_tls_loss(LOSS_MAP_FULL, 0);
		return session;
	}
	conn = session->conn;
	if ((conn && !bpf_map_lookup_elem(&connections, &conn)) ||
	    (function != TLS_FUNCTION_HANDSHAKE && session->began_ns < attached_since(cookie))) {
		end_session(key, session);
		begin_session(session);
	}
	return session;
}

/* Called before the session's first record: is its plaintext seen from the beginning? */
static __always_inline void begin_plaintext(struct tls_session *session, struct connection *connection, __u64 since,
					    __u64 pid_tgid)
{
	__u64 likely = session->conn ? session->conn : session->candidate;
	struct connection *its = bpf_map_lookup_elem(&connections, &likely);
	bool is_seen_whole = its && since && its->opened_ns > since && !(its->flags & CONNECTION_MIDSTREAM);

	session->flags |= TLS_SENT;
	if (!(session->flags & (TLS_WHOLE | TLS_MIDSTREAM)) && !is_seen_whole) {
		session->flags |= TLS_MIDSTREAM;
		count_tls_loss(LOSS_TLS_LATE, 0);
	}
	if (connection) {
		if (!(connection->flags & CONNECTION_OPEN_SENT))
			send_tls_open(pid_tgid, session->conn, connection);
		return;
	}
	session->own_conn = FETCH_ADD(&control.next_conn, 1);
	mark_process(pid_tgid >> 32);
	send_tls_open(pid_tgid, session->own_conn, NULL);
}

#endif
