// Lets another process be the last holder of descriptors whose closing takes long.
#pragma once

#include <vector>

namespace tinytap {

// Starts a process that holds `descriptors` and nothing else until the returned descriptor is closed, and then ends. It is
// nobody's child. -1: it could not be started.
// `last` (-1: none) is closed when all the others are.
int KeepDescriptors(std::vector<int> descriptors, int last);

}  // namespace tinytap
