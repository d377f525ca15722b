// Header blocks through libnghttp2's inflater: inflate FILE ROUNDS. The file has blocks, each after its length. Prints the
// nanoseconds, fields, and bytes of names and values of each round.
#include <nghttp2/nghttp2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/** Returns whether the block is valid. */
static int read_block(nghttp2_hd_inflater *inflater, const uint8_t *at, size_t length, uint64_t *fields,
		      uint64_t *bytes)
{
	for (;;) {
		nghttp2_nv field;
		int flags = 0;
		ssize_t taken = nghttp2_hd_inflate_hd2(inflater, &field, &flags, at, length, 1);

		if (taken < 0)
			return 0;
		at += taken;
		length -= taken;
		if (flags & NGHTTP2_HD_INFLATE_EMIT) {
			(*fields)++;
			*bytes += field.namelen + field.valuelen;
		}
		if (flags & NGHTTP2_HD_INFLATE_FINAL) {
			nghttp2_hd_inflate_end_headers(inflater);
			return 1;
		}
		if (!(flags & NGHTTP2_HD_INFLATE_EMIT) && length == 0)
			return 0;
	}
}

int main(int count, char **words)
{
	FILE *file = count == 3 ? fopen(words[1], "rb") : NULL;
	long size;
	uint8_t *blocks;

	if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0)
		return 2;
	rewind(file);
	blocks = malloc(size);
	if (blocks == NULL || fread(blocks, 1, size, file) != (size_t)size)
		return 2;
	for (int round = atoi(words[2]); round > 0; round--) {
		uint64_t fields = 0, bytes = 0, start = now();
		nghttp2_hd_inflater *inflater;

		if (nghttp2_hd_inflate_new(&inflater) != 0)
			return 1;
		for (long at = 0; at < size;) {
			uint32_t length;

			memcpy(&length, blocks + at, sizeof(length));
			if (!read_block(inflater, blocks + at + 4, length, &fields, &bytes))
				return 1;
			at += 4 + length;
		}
		nghttp2_hd_inflate_del(inflater);
		printf("%llu %llu %llu\n", (unsigned long long)(now() - start), (unsigned long long)fields,
		       (unsigned long long)bytes);
	}
	return 0;
}
