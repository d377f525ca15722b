// Counts how often the kernel did not run a program because the same CPU was running another one.
#pragma once

#include <cstdint>
#include <vector>

namespace tinytap {

// The sum over these program descriptors. Needs no privileges from Linux 5.19 on. Kernels before 5.12 do not count at
// all, and those before 6.7 only programs of raw tracepoints: the result is 0 otherwise.
uint64_t ProgramMisses(const std::vector<int>& programs);

}  // namespace tinytap
