// See tracefs.h.
#include "tracefs.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "capture_error.h"
#include "text_file.h"

namespace tinytap {

Tracefs::Tracefs(const std::string& root) {
  for (const std::string& candidate :
       {root, std::string("/sys/kernel/tracing"), std::string("/sys/kernel/debug/tracing")}) {
    if (candidate.empty()) continue;
    // Opened rather than checked: access() checks for the real user, and faccessat() of glibc before 2.33 computes the
    // answer from the mode, so capabilities would not count.
    int directory = open((candidate + "/events/syscalls").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory >= 0) {
      close(directory);
      events_ = candidate + "/events/";
      return;
    }
    if (errno != ENOENT && errno != ENOTDIR) {
      const char* code = errno == EACCES ? "ERR_NO_PERMISSION" : "ERR_ATTACH";
      throw SystemError(code, "cannot look into " + candidate, errno);
    }
    if (!root.empty()) break;
  }
  throw CaptureError("ERR_NO_TRACEFS", "no syscall tracepoints: tracefs is not mounted at /sys/kernel/tracing");
}

// Throws if the file exists but cannot be read: a tracepoint that merely cannot be examined now is not missing.
static std::string Read(const std::string& path) {
  std::optional<std::string> text = ReadText(path);
  if (!text && errno != ENOENT && errno != ENOTDIR) throw SystemError("ERR_ATTACH", "cannot open " + path, errno);
  return text.value_or("");
}

std::optional<uint64_t> Tracefs::TracepointId(const std::string& category, const std::string& name) const {
  std::string text = Read(events_ + category + "/" + name + "/id");
  char* end;
  uint64_t id = std::strtoull(text.c_str(), &end, 10);
  if (end == text.c_str()) return std::nullopt;
  return id;
}

// Lines look like `	field:pid_t child_pid;	offset:20;	size:4;	signed:1;`
uint32_t Tracefs::MemberOffset(const std::string& category, const std::string& name, const std::string& member) const {
  std::string text = Read(events_ + category + "/" + name + "/format");
  size_t field = text.find(" " + member + ";\toffset:");
  if (field == std::string::npos) return 0;
  return static_cast<uint32_t>(std::strtoul(text.c_str() + text.find(':', field) + 1, nullptr, 10));
}

}  // namespace tinytap
