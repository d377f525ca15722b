/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* What the filters say about a process or a port. */
#ifndef TINYTAP_CHOICE_BPF_H
#define TINYTAP_CHOICE_BPF_H

#include "maps.bpf.h"

/* tinytap's own processes are never captured. */
static __always_inline bool is_own(__u32 pid)
{
	bool own = false;
	__u32 i;

#pragma unroll
	for (i = 0; i < CONTROL_OWN_PIDS; i++)
		own |= control.own_pids[i] == pid;
	return own;
}

/* The calling process's number in user space's pid namespace, as a key of `chosen`; 0 if it has none there. */
static __always_inline __u32 namespace_key(void)
{
	struct bpf_pidns_info numbers = {};

	if (!settings.namespace_inode ||
	    bpf_get_ns_current_pid_tgid(settings.namespace_device, settings.namespace_inode, &numbers, sizeof(numbers)))
		return 0;
	return numbers.tgid | CHOSEN_IN_NAMESPACE;
}

/* CHOSEN_* of the calling process `pid`; 0 if it was not chosen. */
static SHARED __u32 chosen_bits(__u32 pid)
{
	__u32 *bits = bpf_map_lookup_elem(&chosen, &pid), key, found;

	if (bits)
		return *bits;
	key = namespace_key();
	if (!key)
		return 0;
	bits = bpf_map_lookup_elem(&chosen, &key);
	if (!bits)
		return 0;
	found = *bits;
	bpf_map_update_elem(&chosen, &pid, &found, BPF_ANY);
	return found;
}

static __always_inline bool is_chosen_cgroup(__u64 cgroup)
{
	bool found = false;
	__u32 i;

	for (i = 0; i < CONTROL_CGROUPS; i++)
		found |= ((const volatile __u64 *)control.cgroups)[i] == cgroup;
	return found;
}

#ifdef TINYTAP_OLD_KERNELS
/* Before Linux 5.15, tracing programs may not ask for the cgroups above. */
static __always_inline bool in_chosen_cgroup(void)
{
	return is_chosen_cgroup(bpf_get_current_cgroup_id());
}
#else
/* Cgroups are nested less deeply than this; a chosen one must be among the outer ones. */
#define CGROUP_LEVELS 16

/* Is the calling process in a chosen cgroup, or below one? */
static SHARED bool in_chosen_cgroup(void)
{
	__u64 cgroup;
	__u32 level;

	for (level = 0; level < CGROUP_LEVELS; level++) {
		cgroup = bpf_get_current_ancestor_cgroup_id(level);
		if (!cgroup)
			break;
		if (is_chosen_cgroup(cgroup))
			return true;
	}
	return false;
}
#endif

static __always_inline bool has_port(__u32 port)
{
	/* The compiler knows that a port has 16 bits, but older verifiers lose that bound when the byte order
	 * changes. */
	FORGET(port);
	port &= CONTROL_PORT_MAX;
	return control.ports[port >> 5] >> (port & 31) & 1;
}

#endif
