/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* Decides which processes and connections are captured, and remembers it in working memory. */
#ifndef TINYTAP_FILTERS_BPF_H
#define TINYTAP_FILTERS_BPF_H

#include "choice.bpf.h"
#include "identity.bpf.h"

static __always_inline bool cgroup_passes(struct scratch *s)
{
	__u32 choices = *(volatile __u32 *)&control.choices;
	__u64 cgroup = bpf_get_current_cgroup_id();

	if (s->cgroup != cgroup || s->cgroup_choices != choices) {
		s->cgroup_passes = in_chosen_cgroup();
		s->cgroup = cgroup;
		s->cgroup_choices = choices;
	}
	return s->cgroup_passes;
}

static __always_inline bool process_passes(__u32 pid)
{
	__u32 mask = control.process_mask, choices = *(volatile __u32 *)&control.choices;
	bool by_cgroup = settings.has_cgroups && control.cgroup_count;
	struct considered *considered;
	struct scratch *s;

	if (control.paused)
		return false;
	if (!mask && !by_cgroup)
		return true;
	s = working_memory();
	if (!s)
		return false;
	if (by_cgroup && !cgroup_passes(s))
		return false;
	if (!mask)
		return true;
	considered = &s->considered[pid & (CONSIDERED_SLOTS - 1)];
	if (considered->pid != pid || considered->choices != choices || considered->mask != mask) {
		considered->passes = (chosen_bits(pid) & mask) == mask;
		considered->pid = pid;
		considered->choices = choices;
		considered->mask = mask;
	}
	return considered->passes;
}

/* Does one of the connection's ports match? An unknown port does not, except on kernels that cannot provide
 * ports. */
static __always_inline bool ports_pass(struct scratch *s, struct connection *connection)
{
	__u16 peer, local;

	if (!control.port_filter)
		return true;
	if (*(__u16 *)connection->addresses == AF_UNIX)
		return false;
	if (!*(__u16 *)connection->addresses || !*(__u16 *)(connection->addresses + CAPTURE_ADDRESS_BYTES))
		complete_addresses(connection, s->call.fd);
	peer = __builtin_bswap16(*(__u16 *)(connection->addresses + 2));
	local = __builtin_bswap16(*(__u16 *)(connection->addresses + CAPTURE_ADDRESS_BYTES + 2));
	if (has_port(peer) || has_port(local))
		return true;
	return (!peer || !local) && !settings.kernel.task_files;
}

/* Skips tinytap's own processes. The other slots of the block are empty or belong to other processes. */
static __always_inline struct scratch *own_memory(__u32 pid)
{
	return is_own(pid) ? NULL : take_memory();
}

#endif
