// What tinytap asks the TLS helper (privileged/tls_helper.cc), which exists if the session was started with --tls.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "helper_client.h"

namespace tinytap {

// A file with TLS that processes have mapped.
struct TlsLibraryRow {
  std::string path;
  // Of the library; '' if the file does not say.
  std::string version;
  // The functions that are probed for reading and writing.
  std::string place;
  // Why its plaintext is not read: `java`, `go` …, or a sentence; '' if it is, or could be.
  std::string reason;
  uint64_t device, inode;
  // CLOCK_BOOTTIME.
  uint64_t first_seen_ns;
  // enum capture_tls_library; 0: one whose plaintext cannot be read.
  uint32_t library;
  // How many processes have mapped it now.
  uint32_t processes;
  // A probe on a reading or writing function has the kernel step through an instruction.
  bool slow;
  bool attached;
};

class TlsClient {
 public:
  // Takes ownership of the socket.
  explicit TlsClient(int socket) : helper_(socket) {}

  // Attaches the TLS programs to every TLS library, also to those that processes map later, or detaches them. Returns how
  // many are attached. Waits until the kernel has verified the programs. Throws CaptureError with the reason if it refuses
  // them (also when detaching), or if the helper has ended.
  uint64_t Switch(bool on);
  // The TLS libraries that processes have mapped; none if the helper does not answer in time.
  std::vector<TlsLibraryRow> Libraries();
  // The one of a process, if it is known to have mapped any.
  std::optional<TlsLibraryRow> LibraryOf(int pid);

 private:
  std::optional<TlsLibraryRow> AskRow(uint32_t type, int number, uint64_t* count);

  HelperClient helper_;
};

}  // namespace tinytap
