// See capture.h.
#include "capture.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <set>

#include "descriptor_keeper.h"
#include "helper_client.h"
#include "kernel_types.h"
#include "libbpf_log.h"
#include "proc_numbers.h"
#include "process_tree.h"
#include "program_misses.h"
#include "tls_client.h"
#include "tracefs.h"

namespace tinytap {

// The maps used after loading.
static const char* const kMaps[] = {"ring",   "losses",   ".data.control", "descriptors", "processes",
                                    "chosen", "verdicts", "skips",         "connections", "sockets"};
// Those that the programs for TLS libraries use in addition. The programs for older kernels do not have the last one.
static const char* const kTlsMaps[] = {".rodata.settings", "shared_tables", "tls_threads"};
const std::vector<std::string>& ProgramArrays() {
  // The programs for older kernels do not have the last one.
  static const std::vector<std::string> names = {"stages", "sweeps", "exit_programs"};
  return names;
}

// How long to wait for room in the helper's socket.
static const int kRoomMs = 50;
// How long the helper may take to read earlier requests when none of them may be dropped.
static const int kHelperMs = 5000;

// The section of the programs on the tracepoint of all calls' exits, and the one that is attached: the others are
// reached from it.
static const char* const kExitSection = "tp_btf/sys_exit";
static const char* const kExitProgram = "handle_exit";

static const uint64_t kWakeBytes = 256 << 10;

CaptureError SystemError(const std::string& code, const std::string& message, int error, std::string detail) {
  bool permission = error == EPERM || error == EACCES;
  return CaptureError(permission ? "ERR_NO_PERMISSION" : code, message + ": " + std::strerror(error),
                      std::move(detail));
}

// The type id for the capture that this thread is loading, see FindKernelTypes.
static thread_local uint32_t exit_tracepoint = 0;

static int NameExitTracepoint(bpf_program*, bpf_prog_load_opts* options, long) {
  options->attach_btf_id = exit_tracepoint;
  return 0;
}

// Without this, libbpf would search all types of the kernel for each of the programs, although the id is known.
static void HandleExitSection() {
  static std::once_flag once;
  std::call_once(once, [] {
    libbpf_prog_handler_opts handler = {};
    handler.sz = sizeof(handler);
    handler.prog_prepare_load_fn = NameExitTracepoint;
    libbpf_register_prog_handler(kExitSection, BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, &handler);
  });
}

void KernelRelease(int* major, int* minor) {
  utsname name;
  *major = *minor = 0;
  uname(&name);
  sscanf(name.release, "%d.%d", major, minor);
}

static bool KernelAtLeast(int major, int minor) {
  int have_major, have_minor;
  KernelRelease(&have_major, &have_minor);
  return have_major > major || (have_major == major && have_minor >= minor);
}

static bpf_map* FindMap(bpf_object* object, const char* name) {
  bpf_map* map = bpf_object__find_map_by_name(object, name);
  if (map == nullptr) throw CaptureError("ERR_OBJECT", std::string("the BPF object has no map ") + name);
  return map;
}

static uint64_t RingBytes(uint64_t wanted) {
  uint64_t bytes = sysconf(_SC_PAGESIZE);
  while (bytes < wanted && bytes < (1ULL << 31)) bytes *= 2;
  return bytes;
}

Capture::Capture(const CaptureOptions& options) : tracefs_(options.tracefs) {
  KeepLibbpfLog();
  HandleExitSection();
  try {
    Load(options, options.object_path);
  } catch (const CaptureError& error) {
    if (error.code != "ERR_LOAD" || options.old_object_path.empty()) throw;
    try {
      Load(options, options.old_object_path);
      uses_old_programs_ = true;
    } catch (const CaptureError&) {
      // The reason why the first object was refused is more useful.
      throw CaptureError(error.code, std::string(error.what()) + " (and those for kernels before 5.17)", error.detail);
    }
  }
}

void Capture::Load(const CaptureOptions& options, const std::string& object_path) {
  LastLogLines();
  Tracefs tracefs(tracefs_);
  object_ = bpf_object__open_file(object_path.c_str(), nullptr);
  if (object_ == nullptr)
    throw SystemError("ERR_OBJECT", "cannot open the BPF object " + object_path, errno, LastLogLines());
  try {
    handles_.ring_bytes = RingBytes(options.ring_bytes);
    handles_.cpu_count = libbpf_num_possible_cpus();
    settings values = {};
    values.capture_limit = options.capture_limit;
    values.iovec_limit = options.iovec_limit;
    values.wake_bytes = std::min(kWakeBytes, handles_.ring_bytes / 8);
    values.fork_child_pid_offset = tracefs.MemberOffset("sched", "sched_process_fork", "child_pid");
    values.exit_group_dead_offset = tracefs.MemberOffset("sched", "sched_process_exit", "group_dead");
    values.cpu_count = handles_.cpu_count;
    auto receive = [&](const char* member) { return tracefs.MemberOffset("tcp", "tcp_rcv_space_adjust", member); };
    values.receive_family_offset = receive("family");
    values.receive_local_port_offset = receive("sport");
    values.receive_peer_port_offset = receive("dport");
    values.receive_local_offset = receive("saddr[4]");
    values.receive_peer_offset = receive("daddr[4]");
    values.receive_local_v6_offset = receive("saddr_v6[16]");
    values.receive_peer_v6_offset = receive("daddr_v6[16]");
    KernelTypes types = FindKernelTypes();
    exit_tracepoint = types.exit_tracepoint;
    if (options.kernel_types) values.kernel = types.offsets;
    // If sockets can be examined, they provide their addresses themselves.
    if (values.kernel.task_files != 0)
      bpf_program__set_autoload(bpf_object__find_program_by_name(object_, "handle_receive"), false);
    struct stat space = {};
    if (!SeesKernelPids() && stat("/proc/self/ns/pid", &space) == 0) {
      // Encoded as the kernel encodes device numbers.
      values.namespace_device = static_cast<uint64_t>(major(space.st_dev)) << 20 | minor(space.st_dev);
      values.namespace_inode = space.st_ino;
    }
    values.has_cgroups = stat("/proc/self/cgroup", &space) == 0 ? 1 : 0;
    if (bpf_map__set_initial_value(FindMap(object_, ".rodata.settings"), &values, sizeof(values)) != 0)
      throw CaptureError("ERR_OBJECT", "the BPF object and the addon were built from different sources");
    bpf_map__set_max_entries(FindMap(object_, "ring"), handles_.ring_bytes);
    bpf_map__set_max_entries(FindMap(object_, "scratches"), handles_.cpu_count);
    bpf_map__set_max_entries(FindMap(object_, "losses"), handles_.cpu_count);
    for (const char* name : {"descriptors", "processes", "connections", "sockets", "chosen", "shared_tables"}) {
      // From 6.1 on maps may allocate memory in a tracepoint. Before that they allocate all of it at the start, so they
      // are smaller.
      if (KernelAtLeast(6, 1))
        bpf_map__set_map_flags(FindMap(object_, name), BPF_F_NO_PREALLOC);
      else
        bpf_map__set_max_entries(FindMap(object_, name), 16384);
    }
    if (bpf_map* threads = bpf_object__find_map_by_name(object_, "tls_threads")) {
      if (KernelAtLeast(6, 1))
        bpf_map__set_map_flags(threads, BPF_F_NO_PREALLOC);
      else
        bpf_map__set_max_entries(threads, 4096);
    }
    if (options.connections != 0)
      for (const char* name : {"connections", "sockets"})
        bpf_map__set_max_entries(FindMap(object_, name), options.connections);
    if (options.processes != 0) bpf_map__set_max_entries(FindMap(object_, "processes"), options.processes);
    int error = -bpf_object__load(object_);
    // The verifier returns EACCES, which here has nothing to do with permissions.
    if (error == EACCES) throw CaptureError("ERR_LOAD", "the kernel refused the BPF programs", LastLogLines());
    if (error != 0) throw SystemError("ERR_LOAD", "the kernel refused the BPF programs", error, LastLogLines());
    for (const char* name : kMaps) handles_.maps[name] = bpf_map__fd(FindMap(object_, name));
    for (const char* name : kTlsMaps)
      if (bpf_map* map = bpf_object__find_map_by_name(object_, name)) handles_.maps[name] = bpf_map__fd(map);
    for (const std::string& name : ProgramArrays())
      if (bpf_map* map = bpf_object__find_map_by_name(object_, name.c_str())) handles_.maps[name] = bpf_map__fd(map);
    // The other half is for future connections.
    groups_limit_ = bpf_map__max_entries(FindMap(object_, "connections")) / 2;
    MapControl();
  } catch (...) {
    Close();
    throw;
  }
}

Capture::Capture(const CaptureHandles& handles) : handles_(handles) {
  try {
    for (auto& [name, fd] : handles_.maps) fcntl(fd, F_SETFD, FD_CLOEXEC);
    for (int fd : handles_.links) fcntl(fd, F_SETFD, FD_CLOEXEC);
    for (int fd : handles_.programs) fcntl(fd, F_SETFD, FD_CLOEXEC);
    MapControl();
    ExcludeSelf();
  } catch (...) {
    Close();
    throw;
  }
}

// Splits a text into parts that each end with `end`.
static std::vector<std::string> Parts(const answer& answer, char end) {
  std::vector<std::string> parts;
  std::string text(answer.text, std::min<size_t>(answer.text_length, ANSWER_TEXT_BYTES));
  for (size_t from = 0, to; (to = text.find(end, from)) != std::string::npos; from = to + 1)
    parts.push_back(text.substr(from, to - from));
  return parts;
}

static void RequireAnswer(bool answered, const answer& answer) {
  if (!answered)
    throw CaptureError("ERR_HELPER",
                       "the process that loads and attaches the BPF programs has ended or does not answer");
  if (answer.error == 0) return;
  std::vector<std::string> parts = Parts(answer, '\0');
  parts.resize(3);
  throw CaptureError(parts[0], parts[1], parts[2]);
}

Capture::Capture(int socket, const CaptureOptions& options) : helper_(std::make_unique<HelperClient>(socket)) {
  fcntl(socket, F_SETFD, FD_CLOEXEC);
  // This process belongs to the user, but no other process of the user may trace it: it will hold the maps.
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  request load = {};
  load.type = REQUEST_LOAD;
  load.ring_bytes = options.ring_bytes;
  load.capture_limit = options.capture_limit;
  load.iovec_limit = options.iovec_limit;
  load.connections = options.connections;
  load.kernel_types = options.kernel_types;
  load.only_check = options.only_check;
  auto loaded = std::make_unique<answer>();
  std::vector<int> descriptors;
  bool answered = helper_->Ask(load, loaded.get(), kAttacherMs, &descriptors);
  try {
    RequireAnswer(answered, *loaded);
    std::vector<std::string> names = Parts(*loaded, '\n');
    auto blank = std::find(names.begin(), names.end(), "");
    if (blank != names.end()) {
      tracepoints_.missing.assign(blank + 1, names.end());
      names.erase(blank, names.end());
    }
    tracepoints_.count = loaded->attached;
    if (names.size() + (loaded->has_tls_helper ? 2 : 1) != descriptors.size())
      throw CaptureError("ERR_HELPER", "the descriptors of the maps did not arrive");
    if (loaded->has_tls_helper) {
      tls_ = std::make_unique<TlsClient>(descriptors.back());
      descriptors.pop_back();
    }
    lookers_ = std::make_unique<HelperClient>(descriptors.back());
    descriptors.pop_back();
    for (size_t i = 0; i < names.size(); i++) handles_.maps[names[i]] = descriptors[i];
    descriptors.clear();
    handles_.ring_bytes = loaded->ring_bytes;
    handles_.cpu_count = loaded->cpu_count;
    uses_old_programs_ = loaded->old_programs != 0;
    found_sockets_ = loaded->value;
    skip_key nothing = {};
    uint64_t value;
    helper_writes_maps_ = bpf_map_lookup_elem(MapFd("skips"), &nothing, &value) != 0 && errno == EPERM;
    MapControl();
  } catch (...) {
    for (int fd : descriptors) close(fd);
    Close();
    throw;
  }
}

Capture::~Capture() { Close(); }

static CaptureError HelperEnded() {
  return CaptureError("ERR_HELPER", "the process that keeps the BPF programs attached has ended or does not answer");
}

SocketFacts Capture::Lookup(int pid, int fd) {
  if (lookers_ == nullptr) return LookupSocket(pid, fd);
  request question = {};
  question.type = REQUEST_LOOKUP;
  question.pid = pid;
  question.fd = fd;
  answer facts;
  if (!lookers_->AskBriefly(question, &facts)) return SocketFacts();
  return FactsOf(facts);
}

std::string Capture::Executable(int pid) {
  request question = {};
  question.type = REQUEST_EXECUTABLE;
  question.pid = pid;
  answer path;
  if (lookers_ == nullptr || !lookers_->AskBriefly(question, &path)) return "";
  return std::string(path.text, std::min<size_t>(path.text_length, ANSWER_TEXT_BYTES));
}

void Capture::Hurry(bool on) {
  if (helper_ == nullptr) return;
  request question = {};
  question.type = REQUEST_HURRY;
  question.pid = static_cast<int32_t>(syscall(SYS_gettid));
  question.fd = on;
  answer done;
  helper_->AskBriefly(question, &done);
}

Silence Capture::Silences() const {
  Silence silence;
  if (helper_ != nullptr) silence = {helper_->IsSilent(), false, helper_->Unanswered()};
  if (lookers_ != nullptr) silence.lookers = lookers_->IsSilent(), silence.unanswered += lookers_->Unanswered();
  return silence;
}

void Capture::MapControl() {
  void* memory = mmap(nullptr, sizeof(control), PROT_READ | PROT_WRITE, MAP_SHARED, MapFd(".data.control"), 0);
  if (memory == MAP_FAILED) throw SystemError("ERR_MAP", "cannot map the controls", errno);
  control_ = static_cast<control*>(memory);
  losses_bytes_ = sizeof(loss_counters) * handles_.cpu_count;
  memory = mmap(nullptr, losses_bytes_, PROT_READ, MAP_SHARED, MapFd("losses"), 0);
  if (memory == MAP_FAILED) throw SystemError("ERR_MAP", "cannot map the counters", errno);
  losses_ = static_cast<const uint8_t*>(memory);
  reader_ =
      std::make_unique<RingReader>(MapFd("ring"), handles_.ring_bytes, std::min(kWakeBytes, handles_.ring_bytes / 8));
}

int Capture::MapFd(const char* name) const {
  auto found = handles_.maps.find(name);
  if (found == handles_.maps.end()) throw CaptureError("ERR_CLOSED", "the capture is closed");
  return found->second;
}

// CATEGORY/NAME of the tracepoint that a program is for; empty if it is reached only from other programs.
static std::string TracepointOf(const bpf_program* program) {
  std::string section = bpf_program__section_name(program);
  if (section == kExitSection)
    return bpf_program__name(program) == std::string(kExitProgram) ? "raw_syscalls/sys_exit" : "";
  // tracepoint/CATEGORY/NAME; those of `tail-call` are reached only from other programs.
  std::string name = section.substr(section.find('/') + 1);
  return name.compare(0, 10, "tail-call/") == 0 ? "" : name;
}

AttachResult Capture::Tracepoints() const {
  if (helper_ != nullptr) return tracepoints_;
  if (object_ == nullptr) throw CaptureError("ERR_CLOSED", "the capture is closed");
  AttachResult result;
  Tracefs tracefs(tracefs_);
  bpf_program* program;
  bpf_object__for_each_program(program, object_) {
    std::string name = bpf_program__autoload(program) ? TracepointOf(program) : "";
    if (name.empty()) continue;
    bool is_there = bpf_program__section_name(program) == std::string(kExitSection) ||
                    tracefs.TracepointId(name.substr(0, name.find('/')), name.substr(name.find('/') + 1)).has_value();
    (is_there ? result.attached : result.missing).push_back(name);
  }
  result.count = result.attached.size();
  return result;
}

AttachResult Capture::Attach() {
  if (helper_ != nullptr) {
    if (SeesKernelPids()) ExcludePid(getpid());
    request attach = {};
    attach.type = REQUEST_ATTACH;
    auto attached = std::make_unique<answer>();
    RequireAnswer(helper_->Ask(attach, attached.get(), kAttacherMs), *attached);
    ExcludeSelf();
    AttachResult result;
    result.count = attached->attached;
    result.missing = Parts(*attached, '\n');
    return result;
  }
  if (object_ == nullptr) throw CaptureError("ERR_CLOSED", "the capture is closed");
  AttachResult result;
  Tracefs tracefs(tracefs_);
  LastLogLines();
  ExcludePid(getpid());
  __atomic_store_n(&control_->attaching, 1, __ATOMIC_RELEASE);
  bpf_program* program;
  bpf_object__for_each_program(program, object_) {
    if (!bpf_program__autoload(program)) continue;
    std::string point = TracepointOf(program);
    if (point.empty()) continue;
    if (bpf_program__section_name(program) == std::string(kExitSection)) {
      bpf_link* link = bpf_program__attach_trace(program);
      if (link == nullptr)
        throw SystemError("ERR_ATTACH", "cannot attach to the exits of system calls", errno, LastLogLines());
      Keep(link, program);
      result.attached.push_back(point);
      continue;
    }
    std::string category = point.substr(0, point.find('/')), name = point.substr(point.find('/') + 1);
    std::optional<uint64_t> id = tracefs.TracepointId(category, name);
    if (!id) {
      result.missing.push_back(category + "/" + name);
      continue;
    }
    perf_event_attr attributes = {};
    attributes.type = PERF_TYPE_TRACEPOINT;
    attributes.size = sizeof(attributes);
    attributes.config = *id;
    int event = static_cast<int>(syscall(SYS_perf_event_open, &attributes, -1, 0, -1, PERF_FLAG_FD_CLOEXEC));
    if (event < 0) throw SystemError("ERR_ATTACH", "cannot open tracepoint " + category + "/" + name, errno);
    bpf_link* link = bpf_program__attach_perf_event(program, event);
    if (link == nullptr) {
      int error = errno;
      close(event);
      throw SystemError("ERR_ATTACH", "cannot attach to tracepoint " + category + "/" + name, error, LastLogLines());
    }
    Keep(link, program);
    result.attached.push_back(category + "/" + name);
  }
  ExcludeSelf();
  __atomic_store_n(&control_->attaching, 0, __ATOMIC_RELEASE);
  result.count = result.attached.size();
  return result;
}

void Capture::Keep(bpf_link* link, bpf_program* program) {
  links_.push_back(link);
  handles_.links.push_back(bpf_link__fd(link));
  std::string name = bpf_program__name(program);
  // Without these, only an address is missing, and it is learned in other ways.
  if (name != "handle_socket_state" && name != "handle_receive") handles_.programs.push_back(bpf_program__fd(program));
}

void Capture::ExcludePid(uint32_t pid) {
  if (control_ == nullptr) throw CaptureError("ERR_CLOSED", "the capture is closed");
  for (uint32_t& slot : control_->own_pids) {
    uint32_t empty = 0;
    if (__atomic_load_n(&slot, __ATOMIC_RELAXED) == pid) return;
    if (__atomic_compare_exchange_n(&slot, &empty, pid, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) return;
  }
  throw CaptureError("ERR_FILTER",
                     "expected at most " + std::to_string(CONTROL_OWN_PIDS) + " processes to exclude, got one more");
}

static uint64_t Now(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000 + now.tv_nsec;
}

// Closing this number fails, and shows the programs who we are in the kernel's own numbers. They answer with their
// clock. /proc/self/timens_offsets is no substitute: it may be unreadable, and describes the namespace of future
// children.
void Capture::ExcludeSelf() {
  if (control_ == nullptr) throw CaptureError("ERR_CLOSED", "the capture is closed");
  uint64_t narrowest = UINT64_MAX;
  // The first round is slow; the narrowest bracket gives the best offset.
  for (int i = 0; i < 5; i++) {
    uint32_t token;
    if (getrandom(&token, sizeof(token), 0) != sizeof(token)) token = static_cast<uint32_t>(Now(CLOCK_BOOTTIME));
    token = 0x40000000 | (token & 0x3fffffff);
    __atomic_store_n(&control_->registered_ns, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&control_->registration, token, __ATOMIC_SEQ_CST);
    uint64_t before = Now(CLOCK_BOOTTIME);
    syscall(SYS_close, token);
    uint64_t after = Now(CLOCK_BOOTTIME);
    __atomic_store_n(&control_->registration, 0, __ATOMIC_SEQ_CST);
    uint64_t registered = __atomic_load_n(&control_->registered_ns, __ATOMIC_SEQ_CST);
    // 0: not attached yet.
    if (registered == 0 || after - before >= narrowest) continue;
    narrowest = after - before;
    bool same_clock = before <= registered && registered <= after;
    boot_offset_ns_ = same_clock ? 0 : static_cast<int64_t>(before + narrowest / 2 - registered);
  }
}

Clocks Capture::ReadClocks() const {
  return {Now(CLOCK_BOOTTIME) - static_cast<uint64_t>(boot_offset_ns_), Now(CLOCK_REALTIME)};
}

size_t Capture::Poll(uint8_t* into, size_t bytes, int timeout_ms, int interval_ms, const int32_t* signals,
                     size_t signal_count) {
  if (reader_ == nullptr) throw CaptureError("ERR_CLOSED", "the capture is closed");
  return reader_->Poll(into, bytes, timeout_ms, interval_ms, signals, signal_count);
}

uint64_t Capture::Waiting() const {
  if (reader_ == nullptr) throw CaptureError("ERR_CLOSED", "the capture is closed");
  return reader_->Waiting();
}

// The number of program runs that the kernel has skipped. Only the helper has descriptors of all the programs.
uint64_t Capture::Misses() const {
  if (helper_ == nullptr) return ProgramMisses(handles_.programs);
  request question = {};
  question.type = REQUEST_MISSES;
  answer misses;
  if (helper_->AskBriefly(question, &misses)) misses_ = misses.value;
  return misses_;
}

std::vector<uint64_t> Capture::Counters() const {
  if (losses_ == nullptr) throw CaptureError("ERR_CLOSED", "the capture is closed");
  if (helper_ != nullptr && helper_->IsGone())
    throw CaptureError("ERR_HELPER",
                       "the process that keeps the BPF programs attached has ended: nothing is captured any more");
  std::vector<uint64_t> sums(LOSS_MAX * 2);
  for (uint32_t cpu = 0; cpu < handles_.cpu_count; cpu++) {
    const auto* counters = reinterpret_cast<const loss_counters*>(losses_ + cpu * sizeof(loss_counters));
    for (int reason = 0; reason < LOSS_MAX; reason++) {
      sums[reason * 2] += __atomic_load_n(&counters->reasons[reason].events, __ATOMIC_RELAXED);
      sums[reason * 2 + 1] += __atomic_load_n(&counters->reasons[reason].bytes, __ATOMIC_RELAXED);
    }
  }
  sums[LOSS_MISSED * 2] += reader_->PassedRecords() + Misses();
  sums[LOSS_MISSED * 2 + 1] += reader_->PassedBytes();
  return sums;
}

void Capture::Update(const char* map, const void* key, const void* value, uint64_t flags) const {
  if (bpf_map_update_elem(MapFd(map), key, value, flags) != 0)
    throw SystemError("ERR_MAP", std::string("cannot write map ") + map, errno);
}

bool Capture::UpdateIfRoom(const char* map, const void* key, const void* value) const {
  if (bpf_map_update_elem(MapFd(map), key, value, BPF_ANY) == 0) return true;
  if (errno == E2BIG || errno == ENOMEM) return false;
  throw SystemError("ERR_MAP", std::string("cannot write map ") + map, errno);
}

bool Capture::SetDescriptor(uint32_t pid, int32_t fd, const KnownDescriptor& known) {
  descriptor_key key = {pid, static_cast<uint32_t>(fd) >> DESCRIPTOR_BLOCK_SHIFT};
  descriptor_block block = {};
  process owner = {};
  bpf_map_lookup_elem(MapFd("descriptors"), &key, &block);
  __u64& descriptor = block.descriptors[fd & (DESCRIPTOR_BLOCK - 1)];
  if (descriptor != DESCRIPTOR_UNKNOWN) return true;
  descriptor =
      (known.socket ? DESCRIPTOR_SOCKET : DESCRIPTOR_DISMISSED) | (known.close_on_exec ? DESCRIPTOR_CLOEXEC : 0);
  if (known.socket && known.group != 0) {
    if (groups_.size() >= groups_limit_ && groups_.count(known.group) == 0) return false;
    auto [conn, fresh] = groups_.try_emplace(known.group, 0);
    connection value = {};
    if (fresh) {
      conn->second = __atomic_fetch_add(&control_->next_conn, 1, __ATOMIC_RELAXED);
      value.flags = CONNECTION_MIDSTREAM;
      value.socket_number = known.group;
      std::memcpy(value.addresses, known.addresses, sizeof(value.addresses));
      uint16_t family;
      std::memcpy(&family, known.addresses, sizeof(family));
      if (family == 0) {
        value.nameless = 1;
        __atomic_fetch_add(&control_->unnamed, 1, __ATOMIC_RELAXED);
      }
    } else {
      bpf_map_lookup_elem(MapFd("connections"), &conn->second, &value);
    }
    value.holders++;
    if (!UpdateIfRoom("connections", &conn->second, &value)) return false;
    if (fresh && !UpdateIfRoom("sockets", &known.group, &conn->second)) return false;
    descriptor |= conn->second << DESCRIPTOR_CONN_SHIFT;
  }
  bpf_map_lookup_elem(MapFd("processes"), &pid, &owner);
  owner.last_block = std::max(owner.last_block, key.block);
  return UpdateIfRoom("processes", &pid, &owner) && UpdateIfRoom("descriptors", &key, &block);
}

void Capture::SendChoice(uint32_t pid, uint32_t bits) const {
  request choose = {};
  choose.type = REQUEST_CHOOSE;
  choose.pid = static_cast<int32_t>(pid);
  choose.fd = static_cast<int32_t>(bits);
  if (!helper_->Tell(choose, kHelperMs)) throw HelperEnded();
}

// Replaces the contents of `chosen`.
void Capture::WriteChoices(const std::map<uint32_t, uint32_t>& wanted) const {
  int chosen = MapFd("chosen");
  uint32_t key, next;
  std::vector<uint32_t> before;
  for (uint32_t* from = nullptr; bpf_map_get_next_key(chosen, from, &next) == 0; from = &key)
    before.push_back(key = next);
  for (auto& [pid, bits] : wanted) Update("chosen", &pid, &bits, BPF_ANY);
  for (uint32_t pid : before)
    if (wanted.count(pid) == 0) bpf_map_delete_elem(chosen, &pid);
}

void Capture::ChooseProcesses(const CaptureFilter& filter) {
  std::set<uint32_t> roots;
  for (auto& [pid, bits] : filter.pids)
    if ((bits & CHOSEN_BY_PID) != 0) roots.insert(pid);
  std::map<uint32_t, uint32_t> wanted = filter.pids;
  if (!roots.empty())
    for (uint32_t pid : WithDescendants(roots)) wanted[pid] |= CHOSEN_BY_PID;
  if (!SeesKernelPids()) {
    std::map<uint32_t, uint32_t> here;
    for (auto& [pid, bits] : wanted) here[pid | CHOSEN_IN_NAMESPACE] = bits;
    wanted = here;
  }
  if (helper_writes_maps_) {
    for (auto& [pid, bits] : wanted) SendChoice(pid, bits);
    request end = {};
    end.type = REQUEST_CHOSEN;
    answer written;
    // `choices` makes the programs look at `chosen` again, which must not happen before it is written.
    if (!helper_->Ask(end, &written, kHelperMs)) throw HelperEnded();
  } else {
    WriteChoices(wanted);
  }
  control_->comm_count = 0;
  for (size_t i = 0; i < filter.comms.size(); i++) {
    std::memset(control_->comms[i], 0, CONTROL_NAME_BYTES);
    std::memcpy(control_->comms[i], filter.comms[i].data(), filter.comms[i].size());
  }
  __atomic_store_n(&control_->comm_count, filter.comms.size(), __ATOMIC_RELEASE);
  __atomic_fetch_add(&control_->choices, 1, __ATOMIC_RELEASE);
}

// A port that is in the old and in the new ranges keeps its bit, so that none of its calls is missed in between.
void Capture::ChoosePorts(const std::vector<PortRange>& ranges) {
  std::vector<uint32_t> words(CONTROL_PORT_WORDS);
  for (const PortRange& range : ranges)
    for (uint32_t port = range.first; port <= range.last; port++) words[port / 32] |= 1u << port % 32;
  if (ranges.empty()) __atomic_store_n(&control_->port_filter, 0, __ATOMIC_RELEASE);
  for (size_t i = 0; i < words.size(); i++) __atomic_store_n(&control_->ports[i], words[i], __ATOMIC_RELEASE);
  if (!ranges.empty()) __atomic_store_n(&control_->port_filter, 1, __ATOMIC_RELEASE);
}

// Empty slots are 0, which is no cgroup's id.
void Capture::ChooseCgroups(const std::vector<uint64_t>& cgroups) {
  if (cgroups.empty()) __atomic_store_n(&control_->cgroup_count, 0, __ATOMIC_RELEASE);
  for (size_t i = 0; i < CONTROL_CGROUPS; i++)
    __atomic_store_n(&control_->cgroups[i], i < cgroups.size() ? cgroups[i] : 0, __ATOMIC_RELEASE);
  __atomic_store_n(&control_->cgroup_count, cgroups.size(), __ATOMIC_RELEASE);
  __atomic_fetch_add(&control_->choices, 1, __ATOMIC_RELEASE);
}

// The last line of defence: src/capture refuses this earlier, with a message for the user.
static void RequireRoom(const CaptureFilter& filter) {
  if (filter.cgroups.size() > CONTROL_CGROUPS)
    throw CaptureError("ERR_FILTER", "expected at most " + std::to_string(CONTROL_CGROUPS) + " cgroups, got " +
                                         std::to_string(filter.cgroups.size()));
  if (filter.comms.size() > CONTROL_NAMES)
    throw CaptureError("ERR_FILTER", "expected at most " + std::to_string(CONTROL_NAMES) + " names, got " +
                                         std::to_string(filter.comms.size()));
  for (const std::string& name : filter.comms)
    if (name.size() >= CONTROL_NAME_BYTES)
      throw CaptureError("ERR_FILTER", "expected a name of at most " + std::to_string(CONTROL_NAME_BYTES - 1) +
                                           " bytes, got " + std::to_string(name.size()));
}

void Capture::SetFilter(const CaptureFilter& filter) {
  RequireRoom(filter);
  if (filter.mask != filter_.mask || filter.pids != filter_.pids || filter.comms != filter_.comms)
    ChooseProcesses(filter);
  MapFd("chosen");
  ChoosePorts(filter.ports);
  if (filter.cgroups != filter_.cgroups) ChooseCgroups(filter.cgroups);
  __atomic_store_n(&control_->process_mask, filter.mask, __ATOMIC_RELEASE);
  filter_ = filter;
}

void Capture::SetPaused(bool paused) {
  if (control_ == nullptr) throw CaptureError("ERR_CLOSED", "the capture is closed");
  __atomic_store_n(&control_->paused, paused ? 1 : 0, __ATOMIC_RELEASE);
}

void Capture::SetSkip(uint64_t conn, uint32_t direction, uint64_t offset) {
  if (helper_writes_maps_) {
    request skip = {};
    skip.type = REQUEST_SKIP;
    skip.conn = conn;
    skip.direction = direction;
    skip.offset = offset;
    // If this fails, the bytes are copied.
    helper_->Tell(skip, 0);
  } else {
    skip_key key = {conn, direction, 0};
    Update("skips", &key, &offset, BPF_ANY);
  }
  __atomic_store_n(&control_->skipping, 1, __ATOMIC_RELEASE);
}

void Capture::ConfirmSocket(uint64_t conn) {
  if (helper_writes_maps_) {
    request confirm = {};
    confirm.type = REQUEST_CONFIRM;
    confirm.conn = conn;
    // If this fails, records keep their mark, but the answer in the stream has the same effect.
    helper_->Tell(confirm, helper_->IsSilent() ? 0 : kRoomMs);
    return;
  }
  uint32_t verdict = VERDICT_SOCKET;
  Update("verdicts", &conn, &verdict, BPF_ANY);
}

// Programs that do not find a descriptor's connection dismiss the descriptor.
void Capture::Dismiss(uint64_t conn) {
  if (helper_ != nullptr) {
    request dismiss = {};
    dismiss.type = REQUEST_DISMISS;
    dismiss.conn = conn;
    answer dismissed;
    // A stopped helper does this later.
    if (helper_->IsSilent()) {
      helper_->Tell(dismiss, 0);
      return;
    }
    // Late: the descriptor is dismissed all the same. The count of nameless connections stays too high, which only
    // costs time.
    if (helper_->AskBriefly(dismiss, &dismissed) && dismissed.value != 0)
      __atomic_fetch_sub(&control_->unnamed, 1, __ATOMIC_RELAXED);
    return;
  }
  connection value = {};
  if (bpf_map_lookup_elem(MapFd("connections"), &conn, &value) == 0) {
    if (value.nameless != 0) __atomic_fetch_sub(&control_->unnamed, 1, __ATOMIC_RELAXED);
    if (value.socket_number != 0) bpf_map_delete_elem(MapFd("sockets"), &value.socket_number);
  }
  if (bpf_map_delete_elem(MapFd("connections"), &conn) != 0 && errno != ENOENT)
    throw SystemError("ERR_MAP", "cannot dismiss a connection", errno);
}

CaptureHandles Capture::HandOver() const {
  CaptureHandles copies = handles_;
  for (auto& [name, fd] : copies.maps) fd = fcntl(fd, F_DUPFD, 3);
  for (int& fd : copies.links) fd = fcntl(fd, F_DUPFD, 3);
  for (int& fd : copies.programs) fd = fcntl(fd, F_DUPFD, 3);
  return copies;
}

void Capture::Close() {
  reader_.reset();
  if (helper_ != nullptr) helper_->Goodbye();
  helper_.reset();
  lookers_.reset();
  tls_.reset();
  if (control_ != nullptr) munmap(control_, sizeof(control));
  if (losses_ != nullptr) munmap(const_cast<uint8_t*>(losses_), losses_bytes_);
  control_ = nullptr;
  losses_ = nullptr;
  for (bpf_link* link : links_) bpf_link__destroy(link);
  links_.clear();
  if (object_ != nullptr) {
    bpf_object__close(object_);
    object_ = nullptr;
  } else {
    for (int fd : handles_.links) close(fd);
    for (int fd : handles_.programs) close(fd);
    for (auto& [name, fd] : handles_.maps) close(fd);
  }
  handles_ = CaptureHandles();
}

void Capture::CloseInBackground() {
  if (control_ != nullptr) SetPaused(true);
  if (helper_ != nullptr) {
    // The helper waits for the kernel.
    Close();
    return;
  }
  std::vector<int> kept = handles_.links;
  std::vector<int> arrays;
  for (const std::string& name : ProgramArrays())
    if (auto found = handles_.maps.find(name); found != handles_.maps.end()) arrays.push_back(found->second);
  int release = KeepDescriptors(kept, arrays);
  Close();
  // If there is no keeper, the links were closed above.
  if (release >= 0) close(release);
}

}  // namespace tinytap
