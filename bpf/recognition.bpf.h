/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * Is this the start of HTTP? Decided from the first bytes of a call, together with those that earlier calls left
 * undecided. The check is generous, because the decoder looks again, and cheap, because every call on every socket
 * that is not HTTP pays for it.
 */
#ifndef TINYTAP_RECOGNITION_BPF_H
#define TINYTAP_RECOGNITION_BPF_H

#include "maps.bpf.h"

enum verdict {
	/* Something else. */
	LOOKS_FOREIGN,
	/* All bytes so far could begin HTTP, but there are too few to decide. */
	LOOKS_UNDECIDED,
	/* A request, a response, or a PROXY preamble. */
	LOOKS_HTTP,
	LOOKS_TLS,
	LOOKS_HTTP2,
	/* A word and a space, as in a request, but without a usual target. */
	LOOKS_LIKE_LINE,
	/* HTTP judging by the connection's whole first line, which may have begun in an earlier call. */
	LOOKS_HTTP_LINE,
};

#define BYTE_TOKEN 1
#define BYTE_UPPER 2

/* tchar of RFC 9110, section 5.6.2, and which of them are capital letters (or occur with them in registered
 * methods). */
/* clang-format off */
static const __u8 byte_classes[256] = {
	['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1, ['-'] = 3, ['.'] = 1,
	['^'] = 1, ['_'] = 3, ['`'] = 1, ['|'] = 1, ['~'] = 1,
	['0' ... '9'] = 1, ['A' ... 'Z'] = 3, ['a' ... 'z'] = 1,
};
/* clang-format on */

/* The longest method recognised. */
#define METHOD_MAX 24

#define FETCH(member) (*(volatile typeof(s->member) *)&s->member)

/* The byte at `index`; 0 after the last one. */
static __always_inline __u8 sniffed(const struct scratch *s, __u64 index)
{
	return s->sniff[index & (SNIFF_BYTES * 2 - 1)];
}

/* Compares the `bytes` bytes at `from` with the first `text_bytes` (at most 8) of `text`, as whole words, so that
 * the verifier has only one path to follow. Returns `match` if all of the text is there. */
static __always_inline __u32 compare(const struct scratch *s, __u64 from, __u64 bytes, __u64 text, __u32 text_bytes,
				     __u32 match)
{
	__u64 word = *(const volatile __u64 *)(s->sniff + (from & (SNIFF_BYTES - 1)));
	__u64 mask = bytes >= 8 ? ~0ULL : (1ULL << (bytes * 8)) - 1;

	if (text_bytes < 8)
		mask &= (1ULL << (text_bytes * 8)) - 1;
	if ((word ^ text) & mask)
		return LOOKS_FOREIGN;
	return bytes >= text_bytes ? match : LOOKS_UNDECIDED;
}

/* Eight characters as loaded from memory. */
#define TEXT(a, b, c, d, e, f, g, h)                                                                                \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 | (__u64)(f) << 40 | \
	 (__u64)(g) << 48 | (__u64)(h) << 56)

/* Counts the token at `from` into s->token_bytes. (The count is in memory so that the verifier forgets the number
 * of iterations.) Returns its classes. */
static __always_inline __u8 measure_token(struct scratch *s, __u64 from)
{
	__u8 classes = BYTE_TOKEN | BYTE_UPPER, class;
	__u64 i;

	for (i = 0; i <= METHOD_MAX; i++) {
		class = byte_classes[sniffed(s, from + i)];
		if (!(class & BYTE_TOKEN))
			break;
		classes &= class;
	}
	FETCH(token_bytes) = i;
	return classes;
}

/* Is there a method, a space and the start of a target at `from`? */
static __always_inline __u32 test_request(struct scratch *s, __u64 from, bool only_upper)
{
	__u8 classes = measure_token(s, from);
	__u64 end = FETCH(token_bytes), bytes = FETCH(sniff_bytes);
	__u8 next;

	if (end > METHOD_MAX || (only_upper && !(classes & BYTE_UPPER)))
		return LOOKS_FOREIGN;
	end += from;
	if (end >= bytes)
		return LOOKS_UNDECIDED;
	if (end == from || sniffed(s, end) != ' ')
		return LOOKS_FOREIGN;
	if (end + 1 >= bytes)
		return LOOKS_UNDECIDED;
	next = sniffed(s, end + 1);
	if (next == '/' || next == '*')
		return LOOKS_HTTP;
	/* absolute-form: http:, https: */
	if ((next | 0x20) == 'h') {
		if (end + 2 >= bytes)
			return LOOKS_UNDECIDED;
		if ((sniffed(s, end + 2) | 0x20) == 't')
			return LOOKS_HTTP;
	}
	/* authority-form */
	if (compare(s, from, 8, TEXT('C', 'O', 'N', 'N', 'E', 'C', 'T', ' '), 8, LOOKS_HTTP) == LOOKS_HTTP)
		return LOOKS_HTTP;
	/* The PROXY preamble: TCP4, TCP6, UNKNOWN. */
	if (compare(s, from, 6, TEXT('P', 'R', 'O', 'X', 'Y', ' ', 0, 0), 6, LOOKS_HTTP) == LOOKS_HTTP &&
	    (next == 'T' || next == 'U'))
		return LOOKS_HTTP;
	return LOOKS_LIKE_LINE;
}

/*
 * Judges the first scratch->sniff_bytes of scratch->sniff (zeros follow) and returns an enum verdict. `only_upper`:
 * accept only methods in capitals, for descriptors that may be files. A global function, so that the verifier
 * checks it only once.
 */
__noinline __u32 test_start(__u32 only_upper)
{
	struct scratch *s = working_memory();
	__u64 bytes, from = 0, i;
	__u32 looks;
	__u8 first;

	if (!s)
		return LOOKS_FOREIGN;
	bytes = FETCH(sniff_bytes);
	if (!bytes)
		return LOOKS_UNDECIDED;
	first = sniffed(s, 0);
	if (first == 0x16) {
		/* TLS handshake record, version 3.0 to 3.4. */
		if (compare(s, 0, bytes, 0x0316, 2, LOOKS_TLS) == LOOKS_FOREIGN)
			return LOOKS_FOREIGN;
		if (bytes < 3)
			return LOOKS_UNDECIDED;
		return sniffed(s, 2) <= 4 ? LOOKS_TLS : LOOKS_FOREIGN;
	}
	if (first == '\r' || first == '\n') {
		/* PROXY version 2: the first 8 of its 12 bytes; HTTP never begins with them. */
		looks = compare(s, 0, bytes, TEXT('\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q'), 8, LOOKS_HTTP);
		if (looks == LOOKS_HTTP)
			return looks;
		for (i = 0; i < 8; i++)
			if (sniffed(s, i) != '\r' && sniffed(s, i) != '\n')
				break;
		FETCH(token_bytes) = i;
		from = FETCH(token_bytes) & 15;
		if (looks == LOOKS_UNDECIDED || from >= FETCH(sniff_bytes))
			return LOOKS_UNDECIDED;
	}
	bytes = FETCH(sniff_bytes) - from;
	looks = compare(s, from, bytes, TEXT('H', 'T', 'T', 'P', '/', '1', '.', 0), 7, LOOKS_HTTP);
	if (looks != LOOKS_FOREIGN)
		return looks;
	looks = compare(s, from, bytes, TEXT('P', 'R', 'I', ' ', '*', ' ', 'H', 'T'), 8, LOOKS_HTTP2);
	if (looks != LOOKS_FOREIGN)
		return looks;
	return test_request(s, from, only_upper);
}

/* Frames of HTTP/2: a header of 9 bytes, of which the first three are the length of the rest. Its receiver accepts at
 * least this length. */
#define FRAME_HEADER_BYTES 9
#define FRAME_BYTES 16384

/* The flags that exist for frame types 0 to 7 (RFC 9113, section 6), one byte for each, lowest first, and for 9. */
#define FRAME_FLAGS 0x00010c0100002d09ULL
#define FRAME_FLAGS_9 0x04

#define FRAME_SETTINGS 4

/* Do the first bytes in scratch->sniff look like the header of a frame? Returns its type plus 1, or 0. A global
 * function, so that the verifier checks it only once. */
__noinline __u32 test_frame(void)
{
	struct scratch *s = working_memory();
	__u32 length, type, flags, stream;

	if (!s || FETCH(sniff_bytes) < FRAME_HEADER_BYTES)
		return 0;
	length = sniffed(s, 0) << 16 | sniffed(s, 1) << 8 | sniffed(s, 2);
	type = sniffed(s, 3);
	flags = sniffed(s, 4);
	stream = (__u32)sniffed(s, 5) << 24 | sniffed(s, 6) << 16 | sniffed(s, 7) << 8 | sniffed(s, 8);
	if (length > FRAME_BYTES || type > 9 || stream >> 31)
		return 0;
	if (flags & ~(__u32)(type < 8 ? FRAME_FLAGS >> (type * 8) & 0xff : type == 9 ? FRAME_FLAGS_9 : 0))
		return 0;
	switch (type) {
	case 2: /* PRIORITY */
		return stream && length == 5 ? type + 1 : 0;
	case 3: /* RST_STREAM */
		return stream && length == 4 ? type + 1 : 0;
	case FRAME_SETTINGS:
		return !stream && length % 6 == 0 && (!flags || !length) ? type + 1 : 0;
	case 6: /* PING */
		return !stream && length == 8 ? type + 1 : 0;
	case 7: /* GOAWAY */
		return !stream && length >= 8 ? type + 1 : 0;
	case 8: /* WINDOW_UPDATE */
		return length == 4 ? type + 1 : 0;
	}
	/* DATA, HEADERS, PUSH_PROMISE, CONTINUATION */
	return stream && (length || type == 0) ? type + 1 : 0;
}

#define EACH_BYTE(c) (0x0101010101010101ULL * (c))

/* Is `HTTP/`, in any case, at the lowest byte of `word`? Computed without branches, since the verifier would
 * follow each of them. */
static __always_inline bool is_version(__u64 word)
{
	__u64 other = (word & 0xffdfdfdfdfULL) ^ TEXT('H', 'T', 'T', 'P', '/', 0, 0, 0);

	return 1 ^ ((other | -other) >> 63);
}

/* Looks for `HTTP/` in the first non-empty line of scratch->beginning: requests contain it there, whatever their
 * method and target look like. LOOKS_UNDECIDED until the line ends. A global function, so that the verifier
 * checks it only once. */
__noinline __u32 find_version(void)
{
	struct scratch *s = working_memory();
	__u64 at, bytes, i, word, found;
	__u8 *data;

	if (!s)
		return LOOKS_FOREIGN;
	bytes = s->beginning.bytes;
	data = s->beginning.data;
	/* The buffer's bytes after these belong to another connection. */
	at = bytes;
	FORGET(at);
	at &= BEGINNING_BYTES * 2 - 1;
	*(volatile __u64 *)(data + at) = 0;
	*(volatile __u64 *)(data + at + 8) = 0;
	if (!s->beginning.searched) {
		for (i = 0; i < 8; i++)
			if (data[i] != '\r' && data[i] != '\n')
				break;
		s->beginning.searched = i;
	}
	found = 0;
	for (i = 0; i < BEGINNING_BYTES / 8; i++) {
		at = *(volatile __u32 *)&s->beginning.searched;
		if (at >= bytes)
			break;
		data = s->beginning.data + (at & (BEGINNING_BYTES - 1));
		word = *(const volatile __u64 *)data ^ EACH_BYTE('\n');
		/* One of the bytes is a line end, or the name begins at one. */
		found = ((word - EACH_BYTE(1)) & ~word & EACH_BYTE(0x80)) != 0;
#pragma unroll
		for (__u32 j = 0; j < 8; j++)
			found |= is_version(*(const volatile __u64 *)(data + j));
		if (found)
			break;
		*(volatile __u32 *)&s->beginning.searched = at + 8;
	}
	if (found) {
#pragma unroll
		for (__u32 j = 0; j < 8; j++) {
			if (data[j] == '\n')
				return LOOKS_FOREIGN;
			if (is_version(*(const volatile __u64 *)(data + j)))
				return LOOKS_HTTP;
		}
	}
	/* The name may continue in the next call. */
	s->beginning.searched = bytes > 4 ? bytes - 4 : 0;
	return LOOKS_UNDECIDED;
}

#endif
