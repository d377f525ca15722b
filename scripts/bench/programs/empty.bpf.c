/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* A program that does nothing: what any tracer that uses tracepoints costs at the least. */
#define SEC(name) __attribute__((section(name), used))

char LICENSE[] SEC("license") = "Dual MIT/GPL";

SEC("tracepoint/empty")
int empty(void *context)
{
	return 0;
}
