/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* Programs that other programs continue in by tail call, so that shared work is verified and compiled once. Their
 * input is in working memory. */
#ifndef TINYTAP_STAGES_BPF_H
#define TINYTAP_STAGES_BPF_H

#include "maps.bpf.h"

/* Programs that run when a call returns. Newer kernels have one tracepoint for all calls (tinytap.bpf.c), older
 * ones a tracepoint for each call. */
#ifdef TINYTAP_OLD_KERNELS
#define EXIT_SECTION(name) SEC("tracepoint/syscalls/sys_exit_" #name)
#define EXIT_STAGE_SECTION(name) SEC("tracepoint/tail-call/" #name)
#else
#define EXIT_SECTION(name) SEC("tp_btf/sys_exit")
#define EXIT_STAGE_SECTION(name) SEC("tp_btf/sys_exit")
#endif
#define EXIT_PROGRAM(name) EXIT_SECTION(name) int handle_##name##_exit(struct exit_context *context)
#define EXIT_STAGE(name) EXIT_STAGE_SECTION(name) int name(struct exit_context *context)

int carry_call(struct exit_context *context);
int end_call(struct exit_context *context);
int sweep_on(void *context);

enum { STAGE_CARRY, STAGE_END, STAGE_MAX };
enum { SWEEP_ON, SWEEP_STAGES };

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, STAGE_MAX);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} stages SEC(".maps") = {
	.values = {
		[STAGE_CARRY] = (void *)&carry_call,
		[STAGE_END] = (void *)&end_call,
	},
};

/* The stages of programs on other tracepoints: the kernel does not let one array hold programs of two types. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, SWEEP_STAGES);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} sweeps SEC(".maps") = {
	.values = {
		[SWEEP_ON] = (void *)&sweep_on,
	},
};

#endif
