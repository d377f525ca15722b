/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* Programs that do nothing: the minimum cost of any tracer on tracepoints. */
#define SEC(name) __attribute__((section(name), used))

char LICENSE[] SEC("license") = "Dual MIT/GPL";

SEC("tracepoint/empty")
int empty(void *context)
{
	return 0;
}

SEC("tp_btf/sys_exit")
int empty_exit(void *context)
{
	return 0;
}
