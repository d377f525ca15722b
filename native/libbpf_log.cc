// See libbpf_log.h.
#include "libbpf_log.h"

#include <bpf/libbpf.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

namespace tinytap {

// libbpf logs through one function for the whole process; its messages are kept for the thread that caused them.
static thread_local std::vector<std::string> log_lines;

static int KeepLog(libbpf_print_level level, const char* format, va_list arguments) {
  static const bool print = std::getenv("TINYTAP_DEBUG") != nullptr;
  va_list again;
  if (print) {
    va_copy(again, arguments);
    vfprintf(stderr, format, again);
    va_end(again);
  }
  if (level == LIBBPF_DEBUG) return 0;
  // One line may be a verifier log of megabytes.
  va_copy(again, arguments);
  std::string line(std::max(vsnprintf(nullptr, 0, format, arguments), 0), '\0');
  vsnprintf(line.data(), line.size() + 1, format, again);
  va_end(again);
  log_lines.push_back(std::move(line));
  return 0;
}

void KeepLibbpfLog() { libbpf_set_print(KeepLog); }

std::string LastLogLines() {
  std::string all;
  for (const std::string& line : log_lines) all += line;
  log_lines.clear();
  // The reason is at the end of a verifier log.
  return all.size() > 4000 ? all.substr(all.size() - 4000) : all;
}

}  // namespace tinytap
