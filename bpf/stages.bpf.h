/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* Programs that others go on to by tail call: what they share is verified and compiled once. They find what they need in
 * working memory. */
#ifndef TINYTAP_STAGES_BPF_H
#define TINYTAP_STAGES_BPF_H

#include "maps.bpf.h"

int carry_call(void *context);
int end_call(void *context);
int sweep_on(void *context);

enum { STAGE_CARRY = 0, STAGE_END = 1, STAGE_SWEEP = 2, STAGE_MAX = 3 };

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, STAGE_MAX);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} stages SEC(".maps") = {
	.values = {
		[STAGE_CARRY] = (void *)&carry_call,
		[STAGE_END] = (void *)&end_call,
		[STAGE_SWEEP] = (void *)&sweep_on,
	},
};

#endif
