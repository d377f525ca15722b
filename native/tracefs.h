// Reads from tracefs whether tracepoints exist, their ids, and where their members are.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace tinytap {

class Tracefs {
 public:
  // `root`: where tracefs is mounted; empty: the usual places. Throws ERR_NO_TRACEFS.
  explicit Tracefs(const std::string& root);

  // The number that perf_event_open needs for `category/name`; empty if this kernel does not have it.
  std::optional<uint64_t> TracepointId(const std::string& category, const std::string& name) const;

  // The offset of `member` in the tracepoint's context; 0 if there is no such member (the common header is at offset
  // 0).
  uint32_t MemberOffset(const std::string& category, const std::string& name, const std::string& member) const;

 private:
  std::string events_;
};

}  // namespace tinytap
