// The numeric entries of directories in /proc: processes, descriptors.
#pragma once

#include <string>
#include <vector>

namespace tinytap {

// Empty if the directory cannot be read (the process has ended, or may not be examined).
std::vector<int> NumbersIn(const std::string& path);

// False in a separate pid namespace: there, the numbers in /proc differ from those in the kernel's records.
bool SeesKernelPids();

}  // namespace tinytap
