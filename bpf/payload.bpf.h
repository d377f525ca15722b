/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * Walks through the memory of a call (its buffer, its iovecs, or those of its messages) and copies it into records
 * piece by piece. Lengths are those that the call returned. Bytes that are not copied are part of a record's
 * `bytes`, with a reason.
 */
#ifndef TINYTAP_PAYLOAD_BPF_H
#define TINYTAP_PAYLOAD_BPF_H

#include "records.bpf.h"

#define PAGE_BYTES 4096

#ifdef TINYTAP_OLD_KERNELS
/* The verifier checks every iteration of a loop on these kernels. This is enough for 4 MiB in one buffer, or 319
 * iovecs. The rest counts as beyond the iovec limit. */
#define WALK_STEPS 320
#define MESSAGE_STEPS 64
#else
/* Each step ends an iovec or a record. This is enough for 1,024 iovecs, as many messages, and the records of 2
 * GiB, the most a call can move. */
#define WALK_STEPS (1 << 18)
#define MESSAGE_STEPS 1024
#endif

/* Calls `step(index, NULL)` until it returns 1. */
#ifdef TINYTAP_OLD_KERNELS
#define REPEAT(steps, step)                                     \
	do {                                                    \
		for (__u32 index = 0; index < (steps); index++) \
			if (step(index, NULL))                  \
				break;                          \
	} while (0)
#else
#define REPEAT(steps, step) bpf_loop(steps, step, NULL, 0)
#endif

/* Sends the record being filled. It also stands for `cut_bytes` uncaptured bytes, with the reason `cut`. */
static __always_inline void flush_record(struct scratch *s, __u64 cut_bytes, __u32 cut)
{
	__u64 filled = s->walk.filled, bytes = filled + cut_bytes, size;

	s->event.flags = s->call.record_flags | cut;
	if (s->walk.record_offset || bytes < (__u64)s->call.ret)
		s->event.flags |= FLAG_PART;
	s->event.call_offset = s->walk.record_offset;
	s->event.bytes = bytes;
	s->event.captured_bytes = filled;
	s->event.stream_offset = s->call.stream_offset + s->walk.record_offset;
	s->walk.record_offset += bytes;
	s->walk.filled = 0;
	FORGET(filled);
	if (filled > CAPTURE_EVENT_PAYLOAD_MAX)
		return;
	size = sizeof(struct capture_event) + filled;
	s->event.size = size;
	if (cut & FLAG_CUT_FAULT)
		count_loss(LOSS_FAULT, cut_bytes);
	if (bpf_ringbuf_output(&ring, &s->event, size, wake_flags(size)))
		count_loss(LOSS_RING_FULL, bytes);
}

/* Moves past `bytes` of the call, whether copied or not. */
static __always_inline void advance(struct walk *walk, __u64 bytes)
{
	walk->base += bytes;
	walk->length -= bytes;
	walk->left -= bytes;
	walk->message_left -= bytes;
}

/* Ends the walk; `cut` is the reason for not capturing the rest of the call. */
static __always_inline long stop_walk(struct walk *walk, __u32 cut)
{
	walk->cut = cut;
	return 1;
}

/* Starts on the next message's iovecs. */
static __always_inline long next_message(struct walk *walk)
{
	struct multi_message_header message;

	if (!walk->messages_left)
		return stop_walk(walk, FLAG_CUT_IOVEC_LIMIT);
	if (bpf_probe_read_user(&message, sizeof(message), (void *)walk->message))
		return stop_walk(walk, FLAG_CUT_FAULT);
	walk->message += sizeof(message);
	walk->messages_left--;
	walk->iov = message.header.iov;
	walk->iov_left = message.header.iov_count;
	walk->length = 0;
	walk->message_left = message.length;
	return 0;
}

/* Starts on the next iovec, which may be empty. */
static __always_inline long next_iovec(struct walk *walk)
{
	struct iovec iovec;

	/* The call returned more than the iovecs hold, because another thread changed the list. */
	if (!walk->iov_left)
		return stop_walk(walk, FLAG_CUT_FAULT);
	if (!walk->iov_budget)
		return stop_walk(walk, FLAG_CUT_IOVEC_LIMIT);
	if (bpf_probe_read_user(&iovec, sizeof(iovec), (void *)walk->iov))
		return stop_walk(walk, FLAG_CUT_FAULT);
	walk->iov += sizeof(iovec);
	walk->iov_left--;
	walk->iov_budget--;
	walk->base = iovec.base;
	walk->length = iovec.length;
	return 0;
}

/* Skips up to `bytes` of unwanted body, which get a record of their own without payload. */
static __always_inline long skip_piece(struct scratch *s, struct walk *walk, __u64 bytes)
{
	if (bytes > walk->skip_left)
		bytes = walk->skip_left;
	walk->skip_left -= bytes;
	advance(walk, bytes);
	walk->skipped += bytes;
	if (!walk->skip_left || !walk->left) {
		flush_record(s, walk->skipped, FLAG_CUT_BODY_LIMIT);
		walk->skipped = 0;
	}
	return 0;
}

/* Copies as many of the `bytes` as fit into the record. */
static __always_inline long copy_piece(struct scratch *s, struct walk *walk, __u64 bytes)
{
	__u64 filled;

	if (!walk->capture_left)
		return stop_walk(walk, FLAG_CUT_CAPTURE_LIMIT);
	if (walk->filled >= CAPTURE_EVENT_PAYLOAD_MAX)
		flush_record(s, 0, 0);
	filled = walk->filled & (CAPTURE_EVENT_PAYLOAD_MAX - 1);
	if (bytes > walk->capture_left)
		bytes = walk->capture_left;
	if (bytes > CAPTURE_EVENT_PAYLOAD_MAX - filled)
		bytes = CAPTURE_EVENT_PAYLOAD_MAX - filled;
	if (walk->base < walk->careful_until && bytes > PAGE_BYTES - (walk->base & (PAGE_BYTES - 1)))
		bytes = PAGE_BYTES - (walk->base & (PAGE_BYTES - 1));
	/* Repeats for the verifier what the comparisons above guarantee. */
	FORGET(bytes);
	if (bytes > CAPTURE_EVENT_PAYLOAD_MAX)
		bytes = CAPTURE_EVENT_PAYLOAD_MAX;
	if (bpf_probe_read_user(s->payload + filled, bytes, (void *)walk->base)) {
		if (walk->base >= walk->careful_until && (walk->base & (PAGE_BYTES - 1)) + bytes > PAGE_BYTES) {
			walk->careful_until = walk->base + bytes;
			return 0;
		}
		/* This page is missing (paged out, unmapped by another thread); the next one may be there. */
		advance(walk, bytes);
		flush_record(s, bytes, FLAG_CUT_FAULT);
		return 0;
	}
	walk->filled = filled + bytes;
	walk->capture_left -= bytes;
	advance(walk, bytes);
	return 0;
}

/* One step: a message header, an iovec, or a piece of memory. */
static long walk_step(__u32 index, void *unused)
{
	struct scratch *s = working_memory();
	struct walk *walk;
	__u64 bytes;

	if (!s)
		return 1;
	walk = &s->walk;
	if (!walk->left)
		return 1;
	if (!walk->message_left)
		return next_message(walk);
	if (!walk->length) {
		if (next_iovec(walk))
			return 1;
		if (!walk->length)
			return 0;
	}
	bytes = walk->length;
	if (bytes > walk->message_left)
		bytes = walk->message_left;
	if (bytes > walk->left)
		bytes = walk->left;
	return walk->skip_left ? skip_piece(s, walk, bytes) : copy_piece(s, walk, bytes);
}

/* Prepares scratch->walk for scratch->call. False if the message header could not be read. */
static __always_inline bool begin_walk(struct scratch *s)
{
	struct walk *walk = &s->walk;
	struct message_header header;

	__builtin_memset(walk, 0, sizeof(*walk));
	walk->left = s->call.ret;
	walk->message_left = s->call.ret;
	walk->capture_left = settings.capture_limit;
	walk->iov_budget = settings.iovec_limit;
	switch (s->call.shape) {
	case SHAPE_BUFFER:
		walk->base = s->call.pointer;
		walk->length = s->call.ret;
		return true;
	case SHAPE_IOVECS:
		walk->iov = s->call.pointer;
		walk->iov_left = s->call.count;
		return true;
	case SHAPE_MESSAGE:
		if (bpf_probe_read_user(&header, sizeof(header), (void *)s->call.pointer))
			return false;
		walk->iov = header.iov;
		walk->iov_left = header.iov_count;
		return true;
	case SHAPE_MESSAGES:
		walk->message = s->call.pointer;
		walk->messages_left = s->call.count;
		walk->message_left = 0;
		return true;
	}
	return false;
}

/* Adds up the bytes that recvmmsg or sendmmsg moved: walk->left becomes the sum over walk->messages_left
 * messages. */
static long add_message(__u32 index, void *unused)
{
	struct scratch *s = working_memory();
	struct multi_message_header message;

	if (!s || index >= s->walk.messages_left)
		return 1;
	if (bpf_probe_read_user(&message, sizeof(message), (void *)(s->walk.message + (__u64)index * sizeof(message))))
		return 1;
	s->walk.left += message.length;
	return 0;
}

/* Copies the call's bytes from its few iovecs. False if not all of them could be copied. */
static __always_inline bool gather_short(struct scratch *s)
{
	__u64 count = s->call.count, left = s->call.ret, filled = 0, bytes;
	__u32 i;

	if (!count || count > SHORT_IOVECS || count > settings.iovec_limit)
		return false;
	FORGET(count);
	if (count > SHORT_IOVECS ||
	    bpf_probe_read_user(s->iovecs, count * sizeof(struct iovec), (void *)s->call.pointer))
		return false;
	for (i = 0; i < SHORT_IOVECS; i++) {
		if (!left || i >= count)
			break;
		bytes = s->iovecs[i].length;
		if (bytes > left)
			bytes = left;
		FORGET(bytes);
		FORGET(filled);
		filled &= CAPTURE_EVENT_PAYLOAD_MAX - 1;
		if (bytes > CAPTURE_EVENT_PAYLOAD_MAX)
			return false;
		if (bytes && bpf_probe_read_user(s->payload + filled, bytes, (void *)s->iovecs[i].base))
			return false;
		filled += bytes;
		left -= bytes;
	}
	return !left;
}

/* Handles the most frequent calls: one buffer, or a few iovecs, that fit into one record. False: take the general
 * path. */
static __always_inline bool send_short(struct scratch *s)
{
	__u64 bytes = s->call.ret;

	if (bytes > CAPTURE_EVENT_PAYLOAD_MAX || bytes > settings.capture_limit)
		return false;
	if (s->call.shape == SHAPE_IOVECS) {
		if (!gather_short(s))
			return false;
	} else if (s->call.shape == SHAPE_BUFFER) {
		FORGET(bytes);
		if (bytes > CAPTURE_EVENT_PAYLOAD_MAX)
			return false;
		if (bpf_probe_read_user(s->payload, bytes, (void *)s->call.pointer))
			return false;
	} else {
		return false;
	}
	s->walk.record_offset = 0;
	s->walk.filled = s->call.ret;
	flush_record(s, 0, 0);
	return true;
}

/* Sends the call's bytes. The caller has set the header members that all its records share. */
static __always_inline void send_call(struct scratch *s, __u64 skip_until)
{
	__u32 cut = 0;

	if (skip_until <= s->call.stream_offset && send_short(s))
		return;
	if (s->call.shape == SHAPE_NONE || !begin_walk(s)) {
		/* Moved inside the kernel, discarded, or unreadable: one record that counts it. */
		s->walk.filled = 0;
		s->walk.record_offset = 0;
		flush_record(s, s->call.ret, s->call.shape == SHAPE_NONE ? 0 : FLAG_CUT_FAULT);
		return;
	}
	if (skip_until > s->call.stream_offset) {
		s->walk.skip_left = skip_until - s->call.stream_offset;
		if (s->walk.skip_left > s->walk.left)
			s->walk.skip_left = s->walk.left;
	}
	REPEAT(WALK_STEPS, walk_step);
	if (s->walk.left) {
		cut = s->walk.cut ? s->walk.cut : FLAG_CUT_IOVEC_LIMIT;
		/* If part of it was skipped, the rest has the same reason: all of it is unwanted. */
		if (s->walk.skipped)
			cut = FLAG_CUT_BODY_LIMIT;
	}
	if (s->walk.filled || s->walk.left || s->walk.skipped)
		flush_record(s, s->walk.left + s->walk.skipped, cut);
}

#endif
