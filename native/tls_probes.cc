// See tls_probes.h.
#include "tls_probes.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/perf_event.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "capture.h"
#include "libbpf_log.h"
#include "text_file.h"

namespace tinytap {

// enum bpf_attach_type and flags that <linux/bpf.h> may lack (Linux 6.6).
static const uint32_t kUprobeMulti = 48;
static const uint32_t kMultiReturn = 1;

// The members of union bpf_attr for BPF_LINK_CREATE with kUprobeMulti.
struct MultiLink {
  uint32_t program;
  uint32_t target;
  uint32_t attach_type;
  uint32_t flags;
  uint64_t path;
  uint64_t offsets;
  uint64_t reference_offsets;
  uint64_t cookies;
  uint32_t count;
  uint32_t multi_flags;
  // 0: every process.
  uint32_t pid;
  uint32_t pad;
};

// What to attach a program to.
struct Points {
  std::vector<uint64_t> offsets;
  std::vector<uint64_t> cookies;
};

static uint64_t Address(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

// Returns a descriptor, or -1 with errno.
static int CreateMultiLink(int program, const std::string& path, const Points& points, bool at_return) {
  MultiLink link = {};
  link.program = program;
  link.attach_type = kUprobeMulti;
  link.path = Address(path.c_str());
  link.offsets = Address(points.offsets.data());
  link.cookies = Address(points.cookies.data());
  link.count = points.offsets.size();
  link.multi_flags = at_return ? kMultiReturn : 0;
  return static_cast<int>(syscall(SYS_bpf, BPF_LINK_CREATE, &link, sizeof(link)));
}

// The kernel's number for events of uprobes, and the flag for those at returns; nullopt: it has none.
static std::optional<std::pair<uint32_t, uint64_t>> UprobeEvents() {
  const std::string directory = "/sys/bus/event_source/devices/uprobe/";
  std::optional<std::string> type = ReadText(directory + "type"), flag = ReadText(directory + "format/retprobe");
  unsigned number, bit;
  if (!type || !flag || sscanf(type->c_str(), "%u", &number) != 1 || sscanf(flag->c_str(), "config:%u", &bit) != 1)
    return std::nullopt;
  return std::make_pair(number, 1ULL << bit);
}

static void CloseAll(std::vector<int>* descriptors) {
  for (int fd : *descriptors) close(fd);
  descriptors->clear();
}

TlsProbes::TlsProbes(const std::string& object_path, const std::map<std::string, int>& main_maps) {
  KeepLibbpfLog();
  LastLogLines();
  // The programs for older kernels have no such map.
  if (main_maps.count("tls_threads") == 0) {
    int major, minor;
    KernelRelease(&major, &minor);
    throw CaptureError("ERR_TLS",
                       "reading the plaintext of TLS needs Linux 5.17 or newer with type information (BTF), " +
                           std::string("this is ") + std::to_string(major) + "." + std::to_string(minor));
  }
  object_ = bpf_object__open_file(object_path.c_str(), nullptr);
  if (object_ == nullptr)
    throw SystemError("ERR_OBJECT", "cannot open the BPF object " + object_path, errno, LastLogLines());
  try {
    Load(main_maps);
  } catch (...) {
    Close();
    throw;
  }
}

void TlsProbes::Load(const std::map<std::string, int>& main_maps) {
  bpf_map* map;
  bpf_object__for_each_map(map, object_) {
    std::string name = bpf_map__name(map);
    auto found = main_maps.find(name);
    if (found != main_maps.end()) {
      if (bpf_map__reuse_fd(map, found->second) != 0)
        throw SystemError("ERR_TLS", "cannot use the capture's map " + name, errno, LastLogLines());
    } else if (name.find("tls") == std::string::npos) {
      bpf_map__set_autocreate(map, false);
    }
  }
  bpf_program* program;
  bpf_object__for_each_program(program, object_) {
    // Kernels that do not know it ignore it.
    if (bpf_program__section_name(program) == std::string("uprobe"))
      bpf_program__set_expected_attach_type(program, static_cast<bpf_attach_type>(kUprobeMulti));
  }
  int error = -bpf_object__load(object_);
  if (error == EACCES) throw CaptureError("ERR_TLS", "the kernel refused the programs for TLS", LastLogLines());
  if (error != 0) throw SystemError("ERR_TLS", "the kernel refused the programs for TLS", error, LastLogLines());
  // A kernel with such links says that this is not a file.
  int link = CreateMultiLink(Program("tls_end"), "/", Points{{0}, {0}}, false);
  has_multi_links_ = link < 0 && errno == EBADF;
  if (link >= 0) close(link);
  if (!has_multi_links_ && !UprobeEvents())
    throw CaptureError("ERR_TLS", "this kernel cannot probe programs (CONFIG_UPROBE_EVENTS)");
  AttachThreadExit();
}

// Without it, threads that have ended would be kept.
void TlsProbes::AttachThreadExit() {
  bpf_program* program = bpf_object__find_program_by_name(object_, "tls_thread_exit");
  thread_exit_ = program == nullptr ? nullptr : bpf_program__attach(program);
  if (thread_exit_ == nullptr)
    throw SystemError("ERR_TLS", "cannot attach to the ends of threads", errno, LastLogLines());
}

int TlsProbes::Program(const char* name) const {
  bpf_program* program = bpf_object__find_program_by_name(object_, name);
  if (program == nullptr) throw CaptureError("ERR_OBJECT", std::string("the BPF object has no program ") + name);
  return bpf_program__fd(program);
}

int TlsProbes::AttachmentsMap() const { return bpf_map__fd(bpf_object__find_map_by_name(object_, "tls_attachments")); }

TlsProbes::~TlsProbes() { Close(); }

void TlsProbes::Close() {
  while (!attachments_.empty()) Detach(attachments_.begin()->first);
  if (thread_exit_ != nullptr) bpf_link__destroy(thread_exit_);
  thread_exit_ = nullptr;
  if (object_ != nullptr) bpf_object__close(object_);
  object_ = nullptr;
}

// The lowest number that no attachment has.
uint32_t TlsProbes::FreeSlot() const {
  uint32_t slot = 0;
  while (attachments_.count(static_cast<int>(slot)) != 0) slot++;
  if (slot >= TLS_ATTACHMENTS)
    throw CaptureError("ERR_TLS",
                       "expected at most " + std::to_string(TLS_ATTACHMENTS) + " files with TLS, got one more");
  return slot;
}

static uint64_t Cookie(const TlsPlace& place, uint32_t slot) {
  return place.library | static_cast<uint64_t>(place.function) << TLS_COOKIE_FUNCTION_SHIFT |
         static_cast<uint64_t>(place.length) << TLS_COOKIE_LENGTH_SHIFT |
         static_cast<uint64_t>(slot) << TLS_COOKIE_ATTACHMENT_SHIFT;
}

static void Add(Points* points, uint64_t offset, uint64_t cookie) {
  points->offsets.push_back(offset);
  points->cookies.push_back(cookie);
}

// Attaches a program to points of a file. Throws CaptureError; what is attached by then is in `attachment`.
void TlsProbes::AttachProgram(const char* name, const std::string& path, const Points& points, bool at_return,
                              Attachment* attachment) {
  if (points.offsets.empty()) return;
  int program = Program(name);
  if (has_multi_links_) {
    int link = CreateMultiLink(program, path, points, at_return);
    if (link < 0) throw SystemError("ERR_TLS", "cannot probe the library", errno);
    attachment->descriptors.push_back(link);
    return;
  }
  auto [type, return_flag] = *UprobeEvents();
  for (size_t i = 0; i < points.offsets.size(); i++) {
    perf_event_attr attributes = {};
    attributes.size = sizeof(attributes);
    attributes.type = type;
    attributes.config = at_return ? return_flag : 0;
    attributes.config1 = Address(path.c_str());
    attributes.config2 = points.offsets[i];
    int event = static_cast<int>(syscall(SYS_perf_event_open, &attributes, -1, 0, -1, PERF_FLAG_FD_CLOEXEC));
    if (event < 0) throw SystemError("ERR_TLS", "cannot probe the library", errno);
    attachment->descriptors.push_back(event);
    LIBBPF_OPTS(bpf_link_create_opts, options, .perf_event = {.bpf_cookie = points.cookies[i]});
    int link = bpf_link_create(program, event, BPF_PERF_EVENT, &options);
    if (link < 0) throw SystemError("ERR_TLS", "cannot probe the library", -link);
    attachment->descriptors.push_back(link);
  }
}

int TlsProbes::Attach(int file, const std::vector<TlsPlace>& places) {
  uint32_t slot = FreeSlot();
  uint64_t unknown = 0;
  Points entries, returns, ends;
  for (const TlsPlace& place : places) {
    uint64_t cookie = Cookie(place, slot);
    Add(place.function == TLS_FUNCTION_FREE ? &ends : &entries, place.entry_offset, cookie);
    if (place.return_offset != 0 && place.function != TLS_FUNCTION_FREE) Add(&returns, place.return_offset, cookie);
  }
  // Plaintext that moves from now on, before all probes are in place, counts as older than them.
  bpf_map_update_elem(AttachmentsMap(), &slot, &unknown, BPF_ANY);
  // Not by its name: by now another file may have it.
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  Attachment attachment;
  try {
    AttachProgram("tls_end", path, ends, false, &attachment);
    AttachProgram("tls_leave", path, returns, true, &attachment);
    AttachProgram("tls_enter", path, entries, false, &attachment);
  } catch (...) {
    CloseAll(&attachment.descriptors);
    throw;
  }
  uint64_t arguments[1] = {slot};
  LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = arguments, .ctx_size_in = sizeof(arguments));
  int error = -bpf_prog_test_run_opts(Program("tls_attached"), &run);
  if (error != 0) {
    CloseAll(&attachment.descriptors);
    throw SystemError("ERR_TLS", "cannot note when the library was probed", error);
  }
  attachments_[static_cast<int>(slot)] = attachment;
  return static_cast<int>(slot);
}

void TlsProbes::Detach(int id) {
  auto found = attachments_.find(id);
  if (found == attachments_.end()) return;
  // In the order of their creation, an entry without its return would be kept until the thread's next call.
  std::reverse(found->second.descriptors.begin(), found->second.descriptors.end());
  CloseAll(&found->second.descriptors);
  attachments_.erase(found);
}

}  // namespace tinytap
