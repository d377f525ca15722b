// Who is whose child, from /proc.
#pragma once

#include <cstdint>
#include <set>

namespace tinytap {

// `pids` and all their descendants that there are now (those whose parent has ended are not found).
std::set<uint32_t> WithDescendants(std::set<uint32_t> pids);

}  // namespace tinytap
