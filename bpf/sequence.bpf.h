/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * Compares a TCP socket's own byte counts with the bytes that its calls have shown. Bytes that moved in other ways
 * leave a hole, and a silence shows whether anything was left unread.
 */
#ifndef TINYTAP_SEQUENCE_BPF_H
#define TINYTAP_SEQUENCE_BPF_H

#include "descriptors.bpf.h"

/* Marks a call that sends after a silence: had everything that had arrived been read? */
static __always_inline void note_silence(struct scratch *s, struct connection *connection)
{
	__u64 before = connection->active_ns, sock;

	connection->active_ns = s->event.time_ns;
	if (s->call.direction != DIRECTION_OUT || s->event.time_ns - before < SILENCE_NS)
		return;
	sock = measurable_sock(s->call.fd);
	if (sock)
		s->call.record_flags |= all_read(sock, s->event.conn_flags >> 8 & 0xffff) ? FLAG_ALL_READ : FLAG_UNREAD;
}

/*
 * Handles a socket count that differs from the one this call implies. If it is higher, `unseen` bytes moved in ways
 * that no call shows, and leave a hole. If it is lower, calls of two threads overlapped, and the supposed hole
 * contains this call's bytes. Returns false if the descriptor is another socket by now.
 */
static SHARED bool settle_sequence(struct scratch *s, struct connection *connection)
{
	__u32 index = (s->call.direction - 1) & 1;
	__u64 sock = open_sock(s->call.fd), bytes = s->call.ret;
	__s32 unseen;

	if (!connection->sock)
		watch_sequence(connection, sock, false);
	if (!connection->sock)
		return true;
	if (sock != connection->sock)
		return !sock;
	if (!counts_bytes(sock)) {
		connection->sock = 0;
		connection->flags |= CONNECTION_UNCOUNTED;
		return true;
	}
	if (!(connection->flags & CONNECTION_SEQUENCED << index)) {
		connection->sequence[index] =
			read_sequence(sock, index, 0) - (__u32)connection->offset[index] - (__u32)bytes;
		connection->flags |= CONNECTION_SEQUENCED << index;
		return true;
	}
	unseen = count_unseen(connection, index, bytes);
	if (!index && unseen > 0 &&
	    passed_urgent(sock, connection->sequence[0] + connection->offset[0],
			  connection->sequence[0] + connection->offset[0] + bytes + unseen)) {
		connection->sequence[0]++;
		unseen--;
	}
	if (unseen > 0 && unseen <= UNSEEN_MAX) {
		connection->hole[index] = connection->offset[index];
		connection->hole_bytes[index] = unseen;
		FETCH_ADD(&connection->offset[index], unseen);
		count_loss(LOSS_UNSEEN, unseen);
		s->call.record_flags |= FLAG_AFTER_UNSEEN;
	} else if (unseen) {
		if (bytes <= connection->hole_bytes[index]) {
			s->call.hole = connection->hole[index] + 1;
			connection->hole[index] += bytes;
			connection->hole_bytes[index] -= bytes;
		}
		connection->sock = 0;
		connection->flags |= CONNECTION_UNCOUNTED;
	}
	return true;
}

/* Compares the socket's count with what the calls have shown. Returns false as settle_sequence() does. */
static __always_inline bool check_sequence(struct scratch *s, struct connection *connection)
{
	__u32 index = (s->call.direction - 1) & 1, sequence = 0;

	s->call.hole = 0;
	if (!settings.kernel.tcp_read_next || connection->flags & CONNECTION_UNCOUNTED)
		return true;
	if (connection->flags & CONNECTION_SEQUENCED << index) {
		bpf_probe_read_kernel(&sequence, sizeof(sequence),
				      (void *)(connection->sock + (index ? settings.kernel.tcp_written_next
									 : settings.kernel.tcp_read_next)));
		if (sequence == connection->sequence[index] + (__u32)connection->offset[index] + (__u32)s->call.ret)
			return true;
	}
	return settle_sequence(s, connection);
}

#endif
