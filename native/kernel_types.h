// What the kernel's own type information (BTF) says: the offsets of structure members, and the ids of types.
#pragma once

#include <linux/types.h>

#include <cstdint>

#include "../bpf/control.h"

namespace tinytap {

struct KernelTypes {
  // All 0 if the kernel has no BTF, or a required member was not found.
  kernel_offsets offsets = {};
  // The id of the type for the tracepoint of all calls' exits; 0: unknown.
  uint32_t exit_tracepoint = 0;
};

KernelTypes FindKernelTypes();

}  // namespace tinytap
