// See proc_numbers.h.
#include "proc_numbers.h"

#include <dirent.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace tinytap {

std::vector<int> NumbersIn(const std::string& path) {
  std::vector<int> numbers;
  DIR* directory = opendir(path.c_str());
  if (directory == nullptr) return numbers;
  while (dirent* entry = readdir(directory)) {
    char* end;
    long number = std::strtol(entry->d_name, &end, 10);
    if (*end == '\0' && end != entry->d_name) numbers.push_back(static_cast<int>(number));
  }
  closedir(directory);
  return numbers;
}

// The initial namespace's inode number is always the same.
bool SeesKernelPids() {
  char target[64] = {};
  return readlink("/proc/self/ns/pid", target, sizeof(target) - 1) > 0 && std::strcmp(target, "pid:[4026531836]") == 0;
}

}  // namespace tinytap
