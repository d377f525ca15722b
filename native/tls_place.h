// A place in a library at which the TLS programs are attached.
#pragma once

#include <linux/types.h>

#include <cstdint>

#include "../bpf/tls_control.h"

namespace tinytap {

struct TlsPlace {
  // enum capture_tls_library.
  uint32_t library;
  // enum tls_function.
  uint32_t function;
  // enum tls_length.
  uint32_t length;
  // Offsets in the file. At the entry the arguments, the stack and the address to return to must still be as the caller
  // left them. The offset of the function's return probe may be the same; 0: it has none.
  uint64_t entry_offset;
  uint64_t return_offset;
  // The kernel has to step through the instruction.
  bool slow;
};

}  // namespace tinytap
