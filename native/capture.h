// A capture: the BPF object loaded and attached, its ring buffer, and what can be changed while it runs. It does not
// depend on JavaScript; addon.cc has the part that JavaScript sees.
#pragma once

#include <linux/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../bpf/control.h"
#include "capture_error.h"
#include "ring_reader.h"
#include "socket_facts.h"

struct bpf_object;
struct bpf_link;
struct request;
struct bpf_program;

namespace tinytap {

struct CaptureOptions {
  std::string object_path;
  // Loaded if the kernel is too old for the first object. Empty: there is no second one.
  std::string old_object_path;
  // Mount point of tracefs; empty: the usual places.
  std::string tracefs;
  uint64_t ring_bytes = CONTROL_RING_BYTES;
  uint32_t capture_limit = CONTROL_CAPTURE_LIMIT;
  uint32_t iovec_limit = CONTROL_IOVECS;
  // Use the kernel's type information, if any, to find out what a descriptor is.
  bool kernel_types = true;
  // Maximum number of connections followed; 0: the object's own limit.
  uint32_t connections = 0;
  // Load only to see whether that works. An attacher then changes nothing on this machine.
  bool only_check = false;
  // Maximum number of processes followed; 0: the object's own limit.
  uint32_t processes = 0;
};

struct AttachResult {
  // Names of tracepoints; an attacher reports only how many there are.
  std::vector<std::string> attached;
  size_t count = 0;
  // Tracepoints that this kernel lacks or refuses: `category/name`.
  std::vector<std::string> missing;
};

// What another process needs to continue a capture that this one opened: inherited descriptors, and sizes.
struct CaptureHandles {
  uint64_t ring_bytes = 0;
  uint32_t cpu_count = 0;
  std::map<std::string, int> maps;
  std::vector<int> links;
  // The programs whose misses count as loss.
  std::vector<int> programs;
};

// Ports from the first to the last, both included.
struct PortRange {
  uint16_t first;
  uint16_t last;
};

struct CaptureFilter {
  // CHOSEN_BY_*: a process must have all of these bits; 0: every process passes.
  uint32_t mask = 0;
  // pid → CHOSEN_*. CHOSEN_BY_PID includes its descendants.
  std::map<uint32_t, uint32_t> pids;
  std::vector<std::string> comms;
  // A connection passes if one of its ports is in one of these ranges. If there are none, every connection passes.
  std::vector<PortRange> ports;
  // Ids of cgroups (v2). A process passes if it is in or below one of them. If there are none, every process passes.
  std::vector<uint64_t> cgroups;
};

struct Clocks {
  // CLOCK_BOOTTIME as the kernel counts it, whatever time namespace this process is in.
  uint64_t boot_ns;
  // Since the epoch.
  uint64_t wall_ns;
};

// What is known about a descriptor that is older than the capture.
struct KnownDescriptor {
  // A stream socket; anything else is of no interest.
  bool socket = false;
  bool close_on_exec = false;
  // The inode number of the connection's socket; 0: no connection yet (a listening socket), or unknown.
  uint64_t group = 0;
  // Peer and local, as in CAPTURE_OPEN.
  uint8_t addresses[CAPTURE_ADDRESSES_BYTES] = {};
};

// Which of the privileged processes do not answer, because they are stopped or stuck.
struct Silence {
  bool helper = false;
  bool lookers = false;
  // Questions left unanswered since the start.
  uint64_t unanswered = 0;
};

class HelperClient;
class TlsClient;

// The version of this kernel; 0 and 0 if it cannot be read.
void KernelRelease(int* major, int* minor);

// Names of the maps that hold programs. Their last descriptors must be closed after the programs are detached. If an
// array goes while programs still use it, the kernel empties it then, and again each time somebody else (bpftool) opens
// and closes it in the meantime; kernels up to at least 6.18 can lose count of that and never free it.
const std::vector<std::string>& ProgramArrays();

class Capture {
 public:
  // Loads the object and attaches nothing yet. Throws CaptureError.
  explicit Capture(const CaptureOptions& options);
  // The same in an unprivileged process: the attacher at the other end of `socket` does it (see privileged/protocol.h).
  // Takes ownership of the socket. The attacher ignores `object_path` and `tracefs` of the options and uses its own.
  Capture(int socket, const CaptureOptions& options);
  // Continues a capture whose descriptors were inherited, and takes ownership of them.
  explicit Capture(const CaptureHandles& handles);
  ~Capture();
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  // Were the programs refused, and those for older kernels loaded instead?
  bool UsesOldPrograms() const { return uses_old_programs_; }

  // The tracepoints that the programs need, present or missing, without attaching anything.
  AttachResult Tracepoints() const;
  AttachResult Attach();
  // Excludes the calling process from capture. Attach calls this itself.
  void ExcludeSelf();
  void ExcludePid(uint32_t pid);

  size_t Poll(uint8_t* into, size_t bytes, int timeout_ms, int interval_ms, const int32_t* signals = nullptr,
              size_t signal_count = 0);
  uint64_t Waiting() const;
  // LOSS_MAX pairs: events, bytes.
  std::vector<uint64_t> Counters() const;
  // The clock of the records and the wall clock, in nanoseconds, at the same instant.
  Clocks ReadClocks() const;

  // Call before Attach. Never overwrites what is already known. False: there is no room left for descriptors older than
  // the capture; the others are discovered when they are used.
  bool SetDescriptor(uint32_t pid, int32_t fd, const KnownDescriptor& known);
  // Takes effect at once. Throws ERR_FILTER if struct control has no room for it. If processes and names stay the same,
  // what the programs have learned about them is kept.
  void SetFilter(const CaptureFilter& filter);
  void SetPaused(bool paused);
  // The bytes of the stream below `offset` are unwanted body.
  void SetSkip(uint64_t conn, uint32_t direction, uint64_t offset);
  // Tells the programs that a connection of unknown kind is a socket.
  void ConfirmSocket(uint64_t conn);
  // A connection is of no interest (not a socket, not HTTP); its descriptors are ignored until they are closed.
  void Dismiss(uint64_t conn);

  // Sockets found when the programs were loaded by an attacher.
  bool HasHelper() const { return helper_ != nullptr; }
  uint64_t FoundSockets() const { return found_sockets_; }
  Silence Silences() const;
  // What a descriptor of a process is. The answer is "unknown" if no looker answers in time.
  SocketFacts Lookup(int pid, int fd);
  // Path of a process's executable; empty if unknown.
  std::string Executable(int pid);
  // Raises the calling thread's priority, or lowers it again.
  void Hurry(bool on);

  // Asks the TLS helper; NULL if there is none, because the session was started without --tls.
  TlsClient* Tls() const { return tls_.get(); }

  // All descriptors of the capture, and its sizes.
  const CaptureHandles& Handles() const { return handles_; }
  // Duplicates of all descriptors that another process needs, inheritable. The caller closes them (or executes).
  CaptureHandles HandOver() const;

  // Detaches and frees everything. A second call does nothing; other members then throw ERR_CLOSED.
  void Close();

  // Like Close, but a separate process waits for the seconds that the kernel takes, and then ends.
  void CloseInBackground();

 private:
  void Load(const CaptureOptions& options, const std::string& object_path);
  void Keep(bpf_link* link, bpf_program* program);
  void MapControl();
  uint64_t Misses() const;
  int MapFd(const char* name) const;
  void ChooseProcesses(const CaptureFilter& filter);
  void SendChoice(uint32_t pid, uint32_t bits) const;
  void WriteChoices(const std::map<uint32_t, uint32_t>& wanted) const;
  void ChoosePorts(const std::vector<PortRange>& ranges);
  void ChooseCgroups(const std::vector<uint64_t>& cgroups);
  void Update(const char* map, const void* key, const void* value, uint64_t flags) const;
  bool UpdateIfRoom(const char* map, const void* key, const void* value) const;

  bpf_object* object_ = nullptr;
  bool uses_old_programs_ = false;
  std::vector<bpf_link*> links_;
  CaptureHandles handles_;
  std::unique_ptr<RingReader> reader_;
  control* control_ = nullptr;
  const uint8_t* losses_ = nullptr;
  size_t losses_bytes_ = 0;
  // The helper's most recent answer.
  mutable uint64_t misses_ = 0;
  // CLOCK_BOOTTIME here minus that of the records; not 0 in a time namespace.
  int64_t boot_offset_ns_ = 0;
  std::string tracefs_;
  std::unique_ptr<HelperClient> helper_;
  std::unique_ptr<HelperClient> lookers_;
  std::unique_ptr<TlsClient> tls_;
  // The kernel refuses this process every bpf(2) call, even on descriptors it was given (Linux before 5.19, if
  // unprivileged BPF is off), so the helper writes maps.
  bool helper_writes_maps_ = false;
  uint64_t found_sockets_ = 0;
  AttachResult tracepoints_;
  CaptureFilter filter_;
  // Connections created for SetDescriptor, by group.
  std::map<uint64_t, uint64_t> groups_;
  size_t groups_limit_ = 0;
};

}  // namespace tinytap
