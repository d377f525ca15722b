// The attacher: loads and attaches the BPF programs, as root or with file capabilities, when the unprivileged tinytap
// asks for it, and then becomes the helper with hardly any privileges left. See protocol.h.
//   tinytap-attacher TERMINAL_SETTINGS TERMINAL_GROUP early|late tls|plain
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "../capture.h"
#include "../known_sockets.h"
#include "../system_calls.h"
#include "answers.h"

namespace tinytap {

// The helper runs under an id of its own, so that no other process can signal or trace it. The id is from the range
// that systemd reserves for such users. nobody is the second choice, for a namespace without that id.
static const uid_t kHelperIds[] = {64873, 65534};

static bool HasCapability(int capability) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  return syscall(SYS_capget, &header, data) == 0 && (data[capability / 32].permitted >> capability % 32 & 1) != 0;
}

// Keeps at most the capabilities `wanted`, under the helper's id, also for what is executed next.
static void GiveUpRights(uint64_t wanted) {
  bool may_set = HasCapability(CAP_SETPCAP);
  for (int capability = 0; may_set && prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
    if ((wanted >> capability & 1) == 0) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) _exit(1);
  if (HasCapability(CAP_SETGID) && HasCapability(CAP_SETUID)) {
    bool changed = false;
    for (uid_t id : kHelperIds)
      changed = changed || (setgroups(0, nullptr) == 0 && setresgid(id, id, id) == 0 && setresuid(id, id, id) == 0);
    if (!changed) _exit(1);
  }
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, data) != 0) _exit(1);
  for (int word = 0; word < _LINUX_CAPABILITY_U32S_3; word++) {
    uint32_t kept_bits = data[word].permitted & static_cast<uint32_t>(wanted >> 32 * word);
    data[word] = {kept_bits, kept_bits, kept_bits};
  }
  if (syscall(SYS_capset, &header, data) != 0) _exit(1);
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  for (int capability = 0; capability < 64; capability++)
    if ((wanted >> capability & 1) != 0) prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
}

[[noreturn]] static void Execute(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  char* const environment[] = {nullptr};
  // What it becomes ignores all signals, also before it can say so itself.
  for (int number = 1; number < NSIG; number++) signal(number, SIG_IGN);
  execve(arguments[0], arguments.data(), environment);
  _exit(1);
}

// Starts the lookers as children, so that none outlives the helper. Returns the socket on which to ask them.
static int StartLookers(const std::string& directory) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) _exit(1);
  signal(SIGCHLD, SIG_IGN);
  for (int i = 0; i < LOOKERS; i++) {
    // Without lookers, only facts about other processes are missing.
    if (fork() != 0) continue;
    if (dup2(ends[1], HELPER_SOCKET) < 0 || dup2(0, HELPER_TERMINAL) < 0 || dup2(0, 2) < 0) _exit(1);
    syscall(SYS_close_range, HELPER_TINYTAP + 1U, ~0U, 0U);
    // From its directory, because an unprivileged process may not reach it by its path.
    if (chdir(directory.c_str()) != 0) _exit(1);
    GiveUpRights(1ULL << CAP_SYS_PTRACE);
    Execute({"./tinytap-looker"});
  }
  close(ends[1]);
  return ends[0];
}

// Renumbers `descriptors` from `first` on, in order, and closes all others from `first` on. Works with few free
// numbers: at most one more is in use at a time than there are descriptors.
static void Number(std::vector<int> descriptors, int first) {
  std::set<int> needed(descriptors.begin(), descriptors.end());
  int end = first + static_cast<int>(descriptors.size());
  unsigned from = static_cast<unsigned>(first);
  for (int fd : needed) {
    if (fd > static_cast<int>(from)) syscall(SYS_close_range, from, static_cast<unsigned>(fd) - 1, 0U);
    from = std::max(from, static_cast<unsigned>(fd) + 1);
  }
  syscall(SYS_close_range, from, ~0U, 0U);
  for (size_t i = 0; i < descriptors.size(); i++) {
    int number = first + static_cast<int>(i), fd = descriptors[i];
    if (fd == number) continue;
    auto holder = std::find(descriptors.begin() + static_cast<long>(i) + 1, descriptors.end(), number);
    if (holder != descriptors.end() && (*holder = fcntl(number, F_DUPFD, end)) < 0) _exit(1);
    if (dup2(fd, number) < 0) _exit(1);
    if (fd >= first) close(fd);
  }
  for (int number = first; number < end; number++) fcntl(number, F_SETFD, 0);
}

// Starts the TLS helper as a child, so that it does not outlive the helper. Returns the socket on which to ask it, or -1.
static int StartTlsHelper(const std::string& directory, const std::map<std::string, int>& maps) {
  // Uprobes need CAP_SYS_ADMIN (kernels since 2025) or CAP_PERFMON. Libraries of other users, which may be in directories
  // that only they may search, are found and read through /proc, with the last two.
  static const uint64_t kRights = 1ULL << CAP_SYS_ADMIN | 1ULL << CAP_BPF | 1ULL << CAP_PERFMON |
                                  1ULL << CAP_SYS_PTRACE | 1ULL << CAP_DAC_READ_SEARCH;
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return -1;
  pid_t child = fork();
  if (child != 0) {
    close(ends[1]);
    if (child > 0) return ends[0];
    close(ends[0]);
    return -1;
  }
  const std::vector<std::string>& arrays = ProgramArrays();
  std::vector<std::string> words = {"./tinytap-tls-helper"};
  std::vector<int> kept;
  for (auto& [name, fd] : maps) {
    if (std::find(arrays.begin(), arrays.end(), name) != arrays.end()) continue;
    words.push_back(name + '=' + std::to_string(HELPER_TINYTAP + 1 + static_cast<int>(kept.size())));
    kept.push_back(fd);
  }
  // stderr may be kept for libbpf's messages.
  if (dup2(ends[1], HELPER_SOCKET) < 0 || dup2(0, HELPER_TERMINAL) < 0) _exit(1);
  Number(kept, HELPER_TINYTAP + 1);
  if (chdir(directory.c_str()) != 0) _exit(1);
  GiveUpRights(kRights);
  Execute(words);
}

class Attacher {
 public:
  Attacher(std::string directory, const char* settings, const char* group, bool wants_tls)
      : directory_(std::move(directory)), settings_(settings), group_(group), wants_tls_(wants_tls) {
    helper_.socket = HELPER_SOCKET;
    helper_.tinytap = getppid();
    helper_.process = HELPER_TINYTAP;
    helper_.connections = helper_.sockets = -1;
    lookers_ = StartLookers(directory_);
  }

  // Loads the programs with the default sizes before anybody has asked, so that the kernel verifies them while Node
  // starts.
  void LoadEarly();
  // Serves until tinytap ends, or becomes the helper.
  int Run();

 private:
  CaptureOptions Usual() const;
  void Load(const request& request);
  void Attach(const request& request);
  void Rights(const request& request);
  void BecomeHelper(const CaptureHandles& handles);
  void Refuse(const request& request, const CaptureError& error);
  void EndTlsHelper();

  std::string directory_;
  const char* settings_;
  const char* group_;
  bool wants_tls_;
  // The socket on which tinytap asks the lookers.
  int lookers_;
  std::unique_ptr<Capture> capture_;
  // What LoadEarly() has loaded.
  std::unique_ptr<Capture> early_;
  // The socket on which tinytap asks the TLS helper, until tinytap has it.
  int tls_helper_ = -1;
  helper helper_ = {};
  answer answer_ = {};
};

// Allows as many descriptors as possible: a capture needs about a hundred.
static void RaiseDescriptorLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// The helpers and lookers of all sessions run under one id. They must not count against the limit of whoever started
// this session.
static void RaiseProcessLimit() {
  rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
  if (setrlimit(RLIMIT_NPROC, &limit) == 0 || getrlimit(RLIMIT_NPROC, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NPROC, &limit);
}

// Closes what was loaded. Nothing may be left in the arrays of programs for the kernel to remove: see
// descriptor_keeper.cc.
static void Discard(std::unique_ptr<Capture>* capture) {
  if (*capture == nullptr) return;
  bool was_attached = !(*capture)->Handles().links.empty();
  std::vector<int> arrays;
  for (const std::string& name : ProgramArrays()) {
    auto found = (*capture)->Handles().maps.find(name);
    if (found != (*capture)->Handles().maps.end()) arrays.push_back(fcntl(found->second, F_DUPFD_CLOEXEC, 0));
  }
  capture->reset();
  // The kernel frees programs a little later, and until then goes through all that use an array.
  if (was_attached) poll(nullptr, 0, 1000);
  for (int array : arrays) {
    EmptyArray(array);
    close(array);
  }
}

int Attacher::Run() {
  request request;
  for (;;) {
    int received = WaitForRequest(HELPER_SOCKET, HELPER_TINYTAP, &request);
    if (received == 0) break;
    if (received < 0) continue;
    if (request.type == REQUEST_LOAD)
      Load(request);
    else if (request.type == REQUEST_ATTACH)
      Attach(request);
    else if (request.type == REQUEST_RIGHTS)
      Rights(request);
    else
      AnswerRequest(&helper_, &request, &answer_);
  }
  Discard(&early_);
  Discard(&capture_);
  // Exit without waiting for the kernel: nothing is attached.
  _exit(0);
}

void Attacher::Refuse(const request& request, const CaptureError& error) {
  helper_.writes_maps = 0;
  helper_.connections = helper_.sockets = -1;
  answer_ = {};
  answer_.error = EIO;
  std::string text;
  for (const std::string& part : {error.code, std::string(error.what()), error.detail}) text += part + '\0';
  if (text.size() > ANSWER_TEXT_BYTES) text.resize(ANSWER_TEXT_BYTES - 1), text += '\0';
  answer_.text_length = static_cast<__u32>(text.size());
  std::memcpy(answer_.text, text.data(), text.size());
  SendAnswer(HELPER_SOCKET, &request, &answer_);
}

static bool HasTracefs() {
  // Opened with this process's capabilities, see tracefs.cc.
  for (const char* path : {"/sys/kernel/tracing/events/syscalls", "/sys/kernel/debug/tracing/events/syscalls"}) {
    int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) continue;
    close(directory);
    return true;
  }
  return false;
}

// Some systems do not mount tracefs at boot.
static void MountTracefs() {
  if (!HasTracefs()) mount("none", "/sys/kernel/tracing", "tracefs", 0, nullptr);
}

// These maps are not given to a process of the user: what the programs know of processes, descriptors and connections,
// and which program calls which. `connections` contains kernel addresses that the programs read.
static bool IsForTinytap(const std::string& map) {
  static const std::set<std::string> kForTinytap = {".data.control", "chosen", "losses", "ring", "skips", "verdicts"};
  return kForTinytap.count(map) != 0;
}

// Throws if this process may not have this many more descriptors.
static void RequireDescriptors(size_t count) {
  std::vector<int> copies;
  int error = 0;
  for (size_t i = 0; i < count && error == 0; i++) {
    int fd = fcntl(HELPER_SOCKET, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
      error = errno;
    else
      copies.push_back(fd);
  }
  for (int fd : copies) close(fd);
  if (error != 0) throw SystemError("ERR_ATTACH", "cannot attach to all tracepoints", error);
}

// Whether the kernel refuses an unprivileged process every bpf(2) call, even on descriptors it was given (before 5.19).
static bool MapsNeedRights() {
  int major, minor;
  KernelRelease(&major, &minor);
  return major < 5 || (major == 5 && minor < 19);
}

CaptureOptions Attacher::Usual() const {
  CaptureOptions options;
  options.object_path = directory_ + "/tinytap.bpf.o";
  options.old_object_path = directory_ + "/tinytap-old.bpf.o";
  return options;
}

void Attacher::LoadEarly() {
  if (!HasTracefs()) return;
  try {
    early_ = std::make_unique<Capture>(Usual());
    if (wants_tls_) tls_helper_ = StartTlsHelper(directory_, early_->Handles().maps);
  } catch (const CaptureError&) {
    // Loading them again will report the reason.
  }
}

// Closes the socket to it, which ends it if nobody else has a copy.
void Attacher::EndTlsHelper() {
  if (tls_helper_ >= 0) close(tls_helper_);
  tls_helper_ = -1;
}

void Attacher::Load(const request& request) {
  answer_ = {};
  std::string missing;
  try {
    if (capture_ != nullptr) throw CaptureError("ERR_CLOSED", "the programs are loaded already");
    if (request.only_check == 0) MountTracefs();
    CaptureOptions options = Usual(), usual = Usual();
    options.ring_bytes = std::min<uint64_t>(request.ring_bytes, 1ULL << 31);
    options.capture_limit = request.capture_limit;
    options.iovec_limit = std::min<uint32_t>(std::max<uint32_t>(request.iovec_limit, 1), CONTROL_IOVECS);
    options.connections = std::min<uint32_t>(request.connections, 1 << 20);
    options.kernel_types = request.kernel_types != 0;
    bool is_usual = options.ring_bytes == usual.ring_bytes && options.capture_limit == usual.capture_limit &&
                    options.iovec_limit == usual.iovec_limit && options.connections == usual.connections &&
                    options.kernel_types == usual.kernel_types;
    capture_ = is_usual ? std::move(early_) : nullptr;
    // The TLS helper uses the maps of the early programs.
    if (capture_ == nullptr) EndTlsHelper();
    Discard(&early_);
    if (capture_ == nullptr) capture_ = std::make_unique<Capture>(options);
    if (request.only_check == 0) answer_.value = LearnSockets(*capture_);
    AttachResult tracepoints = capture_->Tracepoints();
    // A link and a perf event for each, and a few files.
    if (request.only_check != 0) RequireDescriptors(2 * tracepoints.count + 4);
    answer_.attached = static_cast<__u32>(tracepoints.attached.size());
    for (const std::string& name : tracepoints.missing) missing += name + '\n';
  } catch (const CaptureError& error) {
    Refuse(request, error);
    Discard(&capture_);
    return;
  }
  const CaptureHandles& handles = capture_->Handles();
  // The first filters arrive before REQUEST_ATTACH.
  helper_.writes_maps = MapsNeedRights();
  helper_.skips = handles.maps.at("skips");
  helper_.verdicts = handles.maps.at("verdicts");
  helper_.connections = handles.maps.at("connections");
  helper_.sockets = handles.maps.at("sockets");
  helper_.chosen = handles.maps.at("chosen");
  std::string names;
  int descriptors[ANSWER_MAPS + 2];
  size_t count = 0;
  for (auto& [name, fd] : handles.maps) {
    if (!IsForTinytap(name)) continue;
    if (count == ANSWER_MAPS) _exit(1);
    names += name + '\n';
    descriptors[count++] = fd;
  }
  descriptors[count++] = lookers_;
  if (wants_tls_ && tls_helper_ < 0) tls_helper_ = StartTlsHelper(directory_, handles.maps);
  if (tls_helper_ >= 0) descriptors[count++] = tls_helper_;
  answer_.type = request.type;
  answer_.sequence = request.sequence;
  answer_.old_programs = capture_->UsesOldPrograms();
  answer_.has_tls_helper = tls_helper_ >= 0;
  answer_.cpu_count = handles.cpu_count;
  answer_.ring_bytes = handles.ring_bytes;
  names += '\n' + missing;
  answer_.text_length = static_cast<__u32>(std::min<size_t>(names.size(), ANSWER_TEXT_BYTES));
  std::memcpy(answer_.text, names.data(), answer_.text_length);
  char control[CMSG_SPACE(sizeof(descriptors))] = {};
  iovec vector = {&answer_, sizeof(answer_)};
  msghdr message = {};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = CMSG_SPACE(count * sizeof(int));
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(count * sizeof(int));
  std::memcpy(CMSG_DATA(header), descriptors, count * sizeof(int));
  if (sendmsg(HELPER_SOCKET, &message, MSG_NOSIGNAL) < 0) _exit(1);
  // Node's copy is the only one: when Node ends, so does the helper.
  EndTlsHelper();
}

void Attacher::Attach(const request& request) {
  answer_ = {};
  try {
    if (capture_ == nullptr) throw CaptureError("ERR_CLOSED", "the programs are not loaded");
    AttachResult result = capture_->Attach();
    std::string names;
    for (const std::string& name : result.missing) names += name + '\n';
    answer_.attached = static_cast<__u32>(result.attached.size());
    answer_.text_length = static_cast<__u32>(std::min<size_t>(names.size(), ANSWER_TEXT_BYTES));
    std::memcpy(answer_.text, names.data(), answer_.text_length);
  } catch (const CaptureError& error) {
    Refuse(request, error);
    Discard(&capture_);
    return;
  }
  SendAnswer(HELPER_SOCKET, &request, &answer_);
  BecomeHelper(capture_->Handles());
}

void Attacher::Rights(const request& request) {
  answer_ = {};
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  syscall(SYS_capget, &header, data);
  answer_.value = static_cast<__u64>(data[1].effective) << 32 | data[0].effective;
  SendAnswer(HELPER_SOCKET, &request, &answer_);
}

// If anything fails here, there is no point in continuing: the programs end with this process, and tinytap reports
// that.
void Attacher::BecomeHelper(const CaptureHandles& handles) {
  static const char* const kMaps[] = {"connections", "sockets", "skips", "verdicts", "chosen"};
  static_assert(HELPER_LINKS - HELPER_CONNECTIONS == sizeof(kMaps) / sizeof(*kMaps), "a number for each");
  bool writes_maps = helper_.writes_maps != 0;
  // stderr was at most kept for libbpf's messages.
  if (dup2(0, 2) < 0) _exit(1);
  std::vector<int> kept;
  for (const char* name : kMaps) kept.push_back(handles.maps.at(name));
  for (int fd : handles.links) kept.push_back(fd);
  for (int fd : handles.programs) kept.push_back(fd);
  size_t arrays = 0;
  for (const std::string& name : ProgramArrays()) {
    auto found = handles.maps.find(name);
    if (found == handles.maps.end()) continue;
    kept.push_back(found->second);
    arrays++;
  }
  Number(kept, HELPER_CONNECTIONS);
  for (int number = HELPER_SKIPS; !writes_maps && number < HELPER_LINKS; number++) close(number);

  std::string links = std::to_string(handles.links.size()), programs = std::to_string(handles.programs.size());
  uint64_t maps_right = !writes_maps ? 0 : HasCapability(CAP_BPF) ? 1ULL << CAP_BPF : 1ULL << CAP_SYS_ADMIN;
  if (chdir(directory_.c_str()) != 0) _exit(1);
  GiveUpRights(1ULL << CAP_SYS_NICE | maps_right);
  Execute({"./tinytap-helper", std::to_string(helper_.tinytap), settings_, group_, links, programs,
           std::to_string(arrays)});
}

}  // namespace tinytap

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  char path[4096];
  ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
  if (length <= 0) return 1;
  std::string program(path, static_cast<size_t>(length));
  tinytap::RaiseDescriptorLimit();
  tinytap::RaiseProcessLimit();
  tinytap::Attacher attacher(program.substr(0, program.rfind('/')), argv[1], argv[2], std::string(argv[4]) == "tls");
  if (std::string(argv[3]) == "early") attacher.LoadEarly();
  return attacher.Run();
}
