/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * Reads the plaintext of TLS in the functions of TLS libraries (OpenSSL, GnuTLS, NSS), at their entries and returns. A
 * second object, loaded only when asked for, which uses the maps of the first: tinytap.bpf.c follows descriptors and
 * connections. Needs Linux 5.17.
 *
 * Everything here is keyed by process and session. A thread may be preempted in these programs, so they use no memory of
 * their CPU.
 */
#include "kernel.bpf.h"
#include "choice.bpf.h"
#include "tls-sessions.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Volatile: the verifier rewrites this load, so it must not be merged with another. */
#define REGISTER(registers, name) (*(const volatile __u64 *)&(registers)->name)

#if defined(TINYTAP_ARCH_X86_64)
#define FIRST_ARGUMENT(registers) REGISTER(registers, di)
#define SECOND_ARGUMENT(registers) REGISTER(registers, si)
#define THIRD_ARGUMENT(registers) REGISTER(registers, dx)
#define FOURTH_ARGUMENT(registers) REGISTER(registers, cx)
#define FIFTH_ARGUMENT(registers) REGISTER(registers, r8)
#define RETURNED(registers) REGISTER(registers, ax)
/* A return takes the address to return to from the stack. */
#define RETURN_STACK 8
#else
#define FIRST_ARGUMENT(registers) REGISTER(registers, x0)
#define SECOND_ARGUMENT(registers) REGISTER(registers, x1)
#define THIRD_ARGUMENT(registers) REGISTER(registers, x2)
#define FOURTH_ARGUMENT(registers) REGISTER(registers, x3)
#define FIFTH_ARGUMENT(registers) REGISTER(registers, x4)
#define RETURNED(registers) REGISTER(registers, x0)
#define RETURN_STACK 0
#endif

/* Addresses within this distance are on the same stack. */
#define STACK_BYTES (8 << 20)

/* prio.h: PRFileDesc begins with a pointer to its methods, and these with the kind of descriptor. */
#define PR_DESC_LAYERED 4

static __always_inline __u32 library_of(__u64 cookie)
{
	return cookie & TLS_COOKIE_MASK;
}

static __always_inline __u32 function_of(__u64 cookie)
{
	return cookie >> TLS_COOKIE_FUNCTION_SHIFT & TLS_COOKIE_MASK;
}

static __always_inline __u32 length_of(__u64 cookie)
{
	return cookie >> TLS_COOKIE_LENGTH_SHIFT & TLS_COOKIE_MASK;
}

static __always_inline bool process_is_wanted(__u32 pid)
{
	__u32 mask = control.process_mask;

	if (control.paused)
		return false;
	if (settings.has_cgroups && control.cgroup_count && !in_chosen_cgroup())
		return false;
	return !mask || (chosen_bits(pid) & mask) == mask;
}

/* As ports_pass() of filters.bpf.h. Whoever labels a connection has completed its addresses. */
static __always_inline bool ports_are_wanted(const struct connection *connection)
{
	__u16 peer = __builtin_bswap16(*(__u16 *)(connection->addresses + 2));
	__u16 local = __builtin_bswap16(*(__u16 *)(connection->addresses + CAPTURE_ADDRESS_BYTES + 2));

	if (!control.port_filter)
		return true;
	if (*(__u16 *)connection->addresses == AF_UNIX)
		return false;
	return has_port(peer) || has_port(local) || ((!peer || !local) && !settings.kernel.task_files);
}

/* PR_Read and PR_Write are for files and plain sockets, too. TLS is a layer above a socket. */
static __always_inline bool is_layered(__u64 descriptor)
{
	__u64 methods = 0;
	__u32 kind = 0;

	return !bpf_probe_read_user(&methods, sizeof(methods), (void *)descriptor) &&
	       !bpf_probe_read_user(&kind, sizeof(kind), (void *)methods) && kind == PR_DESC_LAYERED;
}

static __always_inline struct tls_thread *enter_thread(__u64 pid_tgid)
{
	struct tls_thread *thread = bpf_map_lookup_elem(&tls_threads, &pid_tgid);

	if (thread)
		return thread;
	bpf_map_update_elem(&tls_threads, &pid_tgid, &empty.thread, BPF_NOEXIST);
	thread = bpf_map_lookup_elem(&tls_threads, &pid_tgid);
	if (!thread)
		count_tls_loss(LOSS_MAP_FULL, 0);
	return thread;
}

/* Is the call, which has begun at `outer`, still in progress when another one begins at `stack`? */
static __always_inline bool is_inside(__u64 outer, __u64 stack)
{
	return outer > stack && outer - stack < STACK_BYTES;
}

/* Has it ended without returning (longjmp)? */
static __always_inline bool is_left(__u64 outer, __u64 stack)
{
	return !outer || (stack >= outer && stack - outer < STACK_BYTES);
}

/* Where to keep a call that begins. NULL: it is part of another call on the same session. */
static __always_inline struct tls_call *enter_call(struct tls_thread *thread, __u64 session, __u64 stack)
{
	struct tls_call *call = &thread->calls[0], *inner = &thread->calls[1];

	if (is_left(call->stack, stack))
		return call;
	if (is_inside(call->stack, stack) && call->session == session)
		return NULL;
	if (is_inside(inner->stack, stack)) {
		if (inner->session == session)
			return NULL;
		count_tls_loss(LOSS_MISSED, 0);
	}
	return inner;
}

SEC("uprobe")
int tls_enter(struct pt_regs *registers)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid(), cookie = bpf_get_attach_cookie(registers);
	__u64 stack = REGISTER(registers, sp), fourth = FOURTH_ARGUMENT(registers), fifth = FIFTH_ARGUMENT(registers);
	__u64 third = THIRD_ARGUMENT(registers);
	struct tls_key key = { .session = FIRST_ARGUMENT(registers), .pid = pid_tgid >> 32 };
	__u32 function = function_of(cookie), length = length_of(cookie);
	struct tls_session *session;
	struct tls_thread *thread;
	struct tls_call *call;
	bool wanted;

	if (!key.session || is_own(key.pid))
		return 0;
	if (library_of(cookie) == TLS_LIBRARY_NSS && !is_layered(key.session))
		return 0;
	thread = enter_thread(pid_tgid);
	if (!thread)
		return 0;
	call = enter_call(thread, key.session, stack);
	if (!call)
		return 0;
	session = enter_session(&key, cookie, function);
	if (!session)
		return 0;
	wanted = process_is_wanted(key.pid);
	if (thread->waiting > 0)
		collect_votes(thread, key.session, function);
	thread->inside = 0;
	call->again = 0;
	if (!wanted) {
		if (!(session->flags & TLS_SENT))
			session->flags |= TLS_MIDSTREAM;
	} else if (!session->conn) {
		if (!(session->flags & TLS_GIVEN_UP)) {
			await_connection(session, thread, pid_tgid);
			thread->nested = 0;
			thread->inside = key.session;
		}
	} else if (function == TLS_FUNCTION_HANDSHAKE && session->flags & TLS_ESTABLISHED) {
		add_waiting(thread);
		call->again = 1;
		thread->nested = 0;
		thread->inside = key.session;
	}
	call->session = key.session;
	call->buffer = SECOND_ARGUMENT(registers);
	call->most = function == TLS_FUNCTION_SENDFILE ? fourth : third;
	call->length_at = length == TLS_LENGTH_ARGUMENT_5 ? fifth : fourth;
	call->cookie = cookie;
	call->excluded = !wanted;
	call->stack = stack;
	return 0;
}

/* The number of bytes that a call has moved. */
static __always_inline __u64 moved_bytes(const struct tls_call *call, __s64 returned)
{
	__u32 function = function_of(call->cookie);
	__u64 bytes = 0;

	if (function == TLS_FUNCTION_HANDSHAKE)
		return 0;
	/* Most of them return an int: the upper half of the register is undefined. */
	if (function != TLS_FUNCTION_SENDFILE)
		returned = (__s32)returned;
	if (returned <= 0)
		return 0;
	if (length_of(call->cookie) == TLS_LENGTH_RETURNED)
		bytes = returned;
	else if (bpf_probe_read_user(&bytes, sizeof(bytes), (void *)call->length_at))
		return 0;
	/* GnuTLS continues an interrupted call when it is called without any memory. */
	return bytes > call->most && call->buffer ? 0 : bytes & 0x7fffffff;
}

static __always_inline __u32 syscall_of(__u32 library, __u32 function)
{
	if (library == TLS_LIBRARY_GNUTLS)
		return function == TLS_FUNCTION_READ ? SYSCALL_GNUTLS_RECORD_RECV : SYSCALL_GNUTLS_RECORD_SEND;
	if (library == TLS_LIBRARY_NSS)
		return function == TLS_FUNCTION_READ ? SYSCALL_PR_READ : SYSCALL_PR_WRITE;
	return function == TLS_FUNCTION_READ    ? SYSCALL_SSL_READ
	       : function == TLS_FUNCTION_WRITE ? SYSCALL_SSL_WRITE
						: SYSCALL_SSL_SENDFILE;
}

/* Sends what a call has moved, and counts it as part of its stream. */
static __noinline long carry_plaintext(struct tls_session *session, const struct tls_call *call, __u64 bytes)
{
	__u32 function, index;
	__u64 pid_tgid = bpf_get_current_pid_tgid(), conn, likely;
	struct connection *connection, *found;
	struct plaintext plaintext = {};

	if (!session || !call)
		return 0;
	function = function_of(call->cookie);
	index = function == TLS_FUNCTION_READ ? 0 : 1;
	conn = session->conn;
	/* Until the connection is known, the one with the last vote decides whether it has one of the ports. */
	likely = conn ? conn : session->candidate;
	found = bpf_map_lookup_elem(&connections, &likely);
	connection = conn ? found : NULL;
	plaintext.stream_offset = FETCH_ADD(&session->offset[index], bytes);
	if (call->excluded || (found && !ports_are_wanted(found))) {
		if (!(session->flags & TLS_SENT))
			session->flags |= TLS_MIDSTREAM;
		count_tls_loss(LOSS_EXCLUDED, bytes);
		return 0;
	}
	if (!connection) {
		/* The connection was closed during the call, or it is not known whether it has one of the ports. */
		if (conn || (control.port_filter && !found)) {
			if (!(session->flags & TLS_SENT))
				session->flags |= TLS_MIDSTREAM;
			count_tls_loss(LOSS_TLS_UNMAPPED, bytes);
			return 0;
		}
		/* Other layers than TLS are no concern of ours. */
		if (library_of(call->cookie) == TLS_LIBRARY_NSS) {
			session->flags |= TLS_MIDSTREAM;
			return 0;
		}
		if (++session->unmapped_calls >= TLS_UNMAPPED_CALLS) {
			session->flags |= TLS_GIVEN_UP;
			stop_waiting(session);
		}
	}
	if (!(session->flags & TLS_SENT))
		begin_plaintext(session, connection, attached_since(call->cookie), pid_tgid);
	plaintext.conn = connection ? conn : session->own_conn;
	plaintext.pid_tgid = pid_tgid;
	plaintext.time_ns = bpf_ktime_get_boot_ns();
	plaintext.bytes = bytes;
	plaintext.at = call->buffer;
	plaintext.conn_flags = connection ? connection_flags(connection) : CAPTURE_CONN_TLS_UNMAPPED;
	plaintext.flags = FLAG_PLAINTEXT | (session->flags & TLS_MIDSTREAM ? FLAG_MIDSTREAM : 0) |
			  (function == TLS_FUNCTION_SENDFILE ? FLAG_ZERO_COPY : 0);
	plaintext.library = library_of(call->cookie);
	plaintext.syscall = syscall_of(plaintext.library, function);
	plaintext.direction = index + 1;
	send_plaintext(&plaintext);
	return 0;
}

/* Notes how far a handshake has come. One that was over before (then the function does nothing) was not seen. */
static __always_inline void note_handshake(struct tls_session *session, __u32 library, __s32 returned, bool nested)
{
	bool is_over = library == TLS_LIBRARY_GNUTLS || library == TLS_LIBRARY_NSS ? returned == 0 : returned == 1;

	if (!(session->flags & TLS_ESTABLISHED) && (!is_over || nested))
		session->flags |= TLS_WHOLE;
	if (is_over)
		session->flags |= TLS_ESTABLISHED;
}

SEC("uprobe")
int tls_leave(struct pt_regs *registers)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid(), stack = REGISTER(registers, sp) - RETURN_STACK, bytes, nested = 0;
	struct tls_thread *thread = bpf_map_lookup_elem(&tls_threads, &pid_tgid);
	struct tls_key key = { .pid = pid_tgid >> 32 };
	__s64 returned = RETURNED(registers);
	struct tls_session *session;
	struct tls_call *call;

	if (!thread)
		return 0;
	call = &thread->calls[0];
	if (call->stack != stack)
		call = &thread->calls[1];
	if (call->stack != stack)
		return 0;
	/* Only this thread writes the rest of it, when it enters a function again. */
	call->stack = 0;
	key.session = call->session;
	if (thread->inside == call->session) {
		nested = thread->nested;
		thread->inside = 0;
	}
	if (call->again)
		remove_waiting(thread);
	session = bpf_map_lookup_elem(&tls_sessions, &key);
	if (!session)
		return 0;
	if (call->again && nested && nested != session->conn) {
		end_session(&key, session);
		begin_session(session);
	}
	if (function_of(call->cookie) == TLS_FUNCTION_HANDSHAKE)
		note_handshake(session, library_of(call->cookie), returned, nested != 0);
	if (nested && !session->conn)
		map_session(&key, session, nested);
	if (thread->waiting > 0 && !session->conn) {
		thread->called = call->session;
		thread->sent = 0;
	}
	bytes = moved_bytes(call, returned);
	if (!bytes)
		return 0;
	session->flags |= TLS_ESTABLISHED;
	carry_plaintext(session, call, bytes);
	return 0;
}

SEC("uprobe")
int tls_end(struct pt_regs *registers)
{
	struct tls_key key = { .session = FIRST_ARGUMENT(registers), .pid = bpf_get_current_pid_tgid() >> 32 };
	struct tls_session *session = bpf_map_lookup_elem(&tls_sessions, &key);

	if (!session)
		return 0;
	end_session(&key, session);
	bpf_map_delete_elem(&tls_sessions, &key);
	return 0;
}

/* A raw tracepoint, which needs no tracefs. */
SEC("raw_tp/sched_process_exit")
int tls_thread_exit(void *context)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	struct tls_thread *thread = bpf_map_lookup_elem(&tls_threads, &pid_tgid);

	if (!thread)
		return 0;
	if (thread->waiting > 0)
		FETCH_ADD(&control.tls_waiting, -1);
	bpf_map_delete_elem(&tls_threads, &pid_tgid);
	return 0;
}

struct raw_context {
	__u64 arguments[1];
};

/* Run by the loader when all probes of a file are in place, with the number of the attachment. */
SEC("raw_tp")
int tls_attached(struct raw_context *context)
{
	__u32 slot = context->arguments[0];
	__u64 now = bpf_ktime_get_boot_ns();

	bpf_map_update_elem(&tls_attachments, &slot, &now, BPF_ANY);
	return 0;
}
