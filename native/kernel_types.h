// What the kernel's own type information (BTF) says: where its structures have their members, what its types are called.
#pragma once

#include <linux/types.h>

#include <cstdint>

#include "../bpf/control.h"

namespace tinytap {

struct KernelTypes {
  // All 0 when the kernel has no BTF, or one of the members is not where it was always.
  kernel_offsets offsets = {};
  // The id of the type that stands for the tracepoint of all calls' exits; 0: not known.
  uint32_t exit_tracepoint = 0;
};

KernelTypes FindKernelTypes();

}  // namespace tinytap
