// The programs for TLS libraries, loaded beside a capture's, and the files that they are attached to.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "capture_error.h"
#include "tls_place.h"

struct bpf_object;
struct bpf_link;

namespace tinytap {

struct Points;

// Needs CAP_SYS_ADMIN, CAP_BPF and CAP_PERFMON.
class TlsProbes {
 public:
  // Loads the programs. `main_maps`: descriptors of the capture's maps, by name, as in CaptureHandles; they stay the
  // caller's and may be closed afterwards. Throws CaptureError, with the reason why this kernel cannot do it.
  TlsProbes(const std::string& object_path, const std::map<std::string, int>& main_maps);
  // Detaches everything.
  ~TlsProbes();
  TlsProbes(const TlsProbes&) = delete;
  TlsProbes& operator=(const TlsProbes&) = delete;

  // Attaches to every process that has mapped the file or will map it. `file`: a descriptor of it, not needed
  // afterwards. Returns a number for Detach. Throws CaptureError.
  int Attach(int file, const std::vector<TlsPlace>& places);
  void Detach(int id);

 private:
  struct Attachment {
    // Of links, and of the events that they belong to (kernels before 6.6).
    std::vector<int> descriptors;
  };

  void Load(const std::map<std::string, int>& main_maps);
  void AttachThreadExit();
  int Program(const char* name) const;
  int AttachmentsMap() const;
  uint32_t FreeSlot() const;
  void AttachProgram(const char* name, const std::string& path, const Points& points, bool at_return,
                     Attachment* attachment);
  void Close();

  bpf_object* object_ = nullptr;
  bpf_link* thread_exit_ = nullptr;
  // One link for all places of a file (Linux 6.6).
  bool has_multi_links_ = false;
  // By the number of the attachment.
  std::map<int, Attachment> attachments_;
};

}  // namespace tinytap
