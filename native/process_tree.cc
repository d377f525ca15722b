// See process_tree.h.
#include "process_tree.h"

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "proc_numbers.h"
#include "text_file.h"

namespace tinytap {

// `PID (NAME) STATE PPID …`, where NAME may contain anything; 0 if the process is gone.
static uint32_t ParentOf(int pid) {
  std::string text = ReadText("/proc/" + std::to_string(pid) + "/stat").value_or("");
  size_t end = text.rfind(") ");
  if (end == std::string::npos || end + 4 >= text.size()) return 0;
  return static_cast<uint32_t>(std::strtoul(text.c_str() + end + 4, nullptr, 10));
}

std::set<uint32_t> WithDescendants(std::set<uint32_t> pids) {
  std::map<uint32_t, std::vector<uint32_t>> children;
  for (int pid : NumbersIn("/proc")) children[ParentOf(pid)].push_back(pid);
  std::vector<uint32_t> open(pids.begin(), pids.end());
  while (!open.empty()) {
    uint32_t pid = open.back();
    open.pop_back();
    for (uint32_t child : children[pid])
      if (pids.insert(child).second) open.push_back(child);
  }
  return pids;
}

}  // namespace tinytap
