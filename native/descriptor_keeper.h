// Makes another process the last holder of descriptors that take long to close.
#pragma once

#include <vector>

namespace tinytap {

// Starts a process that holds `descriptors` and `arrays` (of programs) until the returned descriptor is closed. It then
// closes the former, empties the latter and ends. It is not a child of this process. Returns -1 if it could not be
// started.
int KeepDescriptors(std::vector<int> descriptors, const std::vector<int>& arrays);

}  // namespace tinytap
