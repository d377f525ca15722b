// Parents and children of processes, from /proc.
#pragma once

#include <cstdint>
#include <set>

namespace tinytap {

// `pids` and all their living descendants (except those whose parent has ended).
std::set<uint32_t> WithDescendants(std::set<uint32_t> pids);

}  // namespace tinytap
