// The entries of /proc's directories that are numbers: processes, descriptors.
#pragma once

#include <string>
#include <vector>

namespace tinytap {

// Empty when the directory cannot be read (the process ended, or may not be looked at).
std::vector<int> NumbersIn(const std::string& path);

// False in a pid namespace of its own: /proc then has other numbers than the kernel's records.
bool SeesKernelPids();

}  // namespace tinytap
