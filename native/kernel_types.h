// Where this kernel's structures have their members, as its own type information (BTF) says.
#pragma once

#include <linux/types.h>

#include "../bpf/control.h"

namespace tinytap {

// All 0 when the kernel has no BTF, or one of the members is not where it was always.
kernel_offsets FindKernelOffsets();

}  // namespace tinytap
