// See tracefs.h.
#include "tracefs.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "capture_error.h"

namespace tinytap {

Tracefs::Tracefs(const std::string& root) {
  for (const std::string& candidate :
       {root, std::string("/sys/kernel/tracing"), std::string("/sys/kernel/debug/tracing")}) {
    if (candidate.empty()) continue;
    // Checks with the privileges that opening a file has: access() checks for the real user, whose file capabilities do
    // not count.
    if (faccessat(AT_FDCWD, (candidate + "/events/syscalls").c_str(), R_OK | X_OK, AT_EACCESS) == 0) {
      events_ = candidate + "/events/";
      return;
    }
    if (errno == EACCES) throw SystemError("ERR_NO_PERMISSION", "cannot look into " + candidate, EACCES);
    if (!root.empty()) break;
  }
  throw CaptureError("ERR_NO_TRACEFS", "no syscall tracepoints: tracefs is not mounted at /sys/kernel/tracing");
}

// Throws if the file exists but cannot be opened: a tracepoint that merely cannot be examined now is not missing.
static std::ifstream Open(const std::string& path) {
  errno = 0;
  std::ifstream file(path);
  if (!file && errno != ENOENT && errno != ENOTDIR) throw SystemError("ERR_ATTACH", "cannot open " + path, errno);
  return file;
}

std::optional<uint64_t> Tracefs::TracepointId(const std::string& category, const std::string& name) const {
  std::ifstream file = Open(events_ + category + "/" + name + "/id");
  uint64_t id;
  if (file >> id) return id;
  return std::nullopt;
}

// Lines look like `	field:pid_t child_pid;	offset:20;	size:4;	signed:1;`
uint32_t Tracefs::MemberOffset(const std::string& category, const std::string& name, const std::string& member) const {
  std::ifstream file = Open(events_ + category + "/" + name + "/format");
  for (std::string line; std::getline(file, line);) {
    size_t offset = line.find("\toffset:");
    if (line.find(" " + member + ";") == std::string::npos || offset == std::string::npos) continue;
    return static_cast<uint32_t>(std::stoul(line.substr(offset + 8)));
  }
  return 0;
}

}  // namespace tinytap
