// What the kernel's own type information (BTF) provides: offsets of structure members, and type ids.
#pragma once

#include <linux/types.h>

#include <cstdint>

#include "../bpf/control.h"

namespace tinytap {

struct KernelTypes {
  // All 0 if the kernel has no BTF or a required member was not found.
  kernel_offsets offsets = {};
  // The type id of the tracepoint of all calls' exits; 0: unknown.
  uint32_t exit_tracepoint = 0;
};

KernelTypes FindKernelTypes();

}  // namespace tinytap
