// Makes another process the last holder of descriptors whose closing takes long.
#pragma once

#include <vector>

namespace tinytap {

// Starts a process that holds `descriptors` and `arrays` (of programs) until the returned descriptor is closed. It then
// closes the former, empties the latter and ends. It is nobody's child. -1: it could not be started.
int KeepDescriptors(std::vector<int> descriptors, const std::vector<int>& arrays);

}  // namespace tinytap
