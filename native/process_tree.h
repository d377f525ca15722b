// Parents and children of processes, from /proc.
#pragma once

#include <cstdint>
#include <set>

namespace tinytap {

// `pids` and all their present descendants (those whose parent has ended are not found).
std::set<uint32_t> WithDescendants(std::set<uint32_t> pids);

}  // namespace tinytap
