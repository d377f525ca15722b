// How often the kernel did not run a program, because the same CPU was running another one.
#pragma once

#include <cstdint>
#include <vector>

namespace tinytap {

// The sum over these descriptors of programs. Needs no rights from Linux 5.19 on. Kernels before 5.12 do not count, and those
// before 6.7 only programs of raw tracepoints: 0.
uint64_t ProgramMisses(const std::vector<int>& programs);

}  // namespace tinytap
