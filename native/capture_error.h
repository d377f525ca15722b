// Errors of a capture as JavaScript sees them: one sentence, a code to act on, and libbpf's last messages.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace tinytap {

class CaptureError : public std::runtime_error {
 public:
  CaptureError(std::string code, const std::string& message, std::string detail = "")
      : std::runtime_error(message), code(std::move(code)), detail(std::move(detail)) {}

  // One of src/base/error-codes.ts.
  std::string code;
  std::string detail;
};

// `message: strerror(error)`, with ERR_NO_PERMISSION instead of `code` if errno says so.
CaptureError SystemError(const std::string& code, const std::string& message, int error, std::string detail = "");

}  // namespace tinytap
