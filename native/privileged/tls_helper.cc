// The TLS helper: finds the TLS libraries that processes use and attaches the TLS programs to them (requests REQUEST_TLS_…
// of protocol.h). It exists only in a session that was started with --tls, ends with it, and its end detaches everything.
// It never sees a captured byte: it writes no map and reads none. Libraries of other processes are hostile files: they are
// read in processes of their own, which have no privileges (native/tls_reader.cc).
//   tinytap-tls-helper MAP=DESCRIPTOR…     maps of the main programs
//   tinytap-tls-helper --places FILE…      without privileges: prints which places of these files would be probed
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../system_calls.h"
#include "../tls_libraries.h"
#include "../tls_places.h"
#include "../tls_probes.h"
#include "allowed_calls.h"
#include "request_socket.h"

namespace tinytap {

// How long TLS_ATTACH waits until all files that are mapped have been read.
static const int kSettleMs = 3000;

// What the loop needs, and the processes that read files before they give up what they need not. There is no ptrace, no
// access to the memory of processes, no program to execute, no socket to make.
static const allowed_call kAllowedCalls[] = {
    {SYS_recvfrom, HELPER_SOCKET},
    {SYS_sendto, HELPER_SOCKET},
#ifdef SYS_poll
    {SYS_poll, ANY_ARGUMENT},
#endif
    {SYS_ppoll, ANY_ARGUMENT},
    // Attaching.
    {SYS_bpf, ANY_ARGUMENT},
    {SYS_perf_event_open, ANY_ARGUMENT},
    {SYS_ioctl, ANY_ARGUMENT},
    // /proc, and what it refers to.
    {SYS_openat, AT_FDCWD},
#ifdef SYS_open
    {SYS_open, ANY_ARGUMENT},
#endif
    {SYS_read, ANY_ARGUMENT},
    {SYS_pread64, ANY_ARGUMENT},
    {SYS_lseek, ANY_ARGUMENT},
    {SYS_getdents64, ANY_ARGUMENT},
    {SYS_newfstatat, ANY_ARGUMENT},
    {SYS_fstat, ANY_ARGUMENT},
    {SYS_statfs, ANY_ARGUMENT},
    {SYS_fstatfs, ANY_ARGUMENT},
    {SYS_readlinkat, AT_FDCWD},
#ifdef SYS_readlink
    {SYS_readlink, ANY_ARGUMENT},
#endif
    {SYS_close, ANY_ARGUMENT},
    {SYS_fcntl, ANY_ARGUMENT},
    {SYS_uname, ANY_ARGUMENT},
    // Processes that read files.
    {SYS_pipe2, ANY_ARGUMENT},
    {SYS_clone, ANY_ARGUMENT},
    {SYS_wait4, ANY_ARGUMENT},
    {SYS_kill, ANY_ARGUMENT},
    {SYS_gettid, ANY_ARGUMENT},
    {SYS_set_robust_list, ANY_ARGUMENT},
    {SYS_rt_sigprocmask, ANY_ARGUMENT},
#ifdef SYS_dup2
    {SYS_dup2, ANY_ARGUMENT},
#endif
    {SYS_dup3, ANY_ARGUMENT},
    {SYS_close_range, ANY_ARGUMENT},
    {SYS_prlimit64, ANY_ARGUMENT},
    {SYS_setrlimit, ANY_ARGUMENT},
    {SYS_capset, ANY_ARGUMENT},
    {SYS_prctl, ANY_ARGUMENT},
    {SYS_write, ANY_ARGUMENT},
    // Memory, time, the end.
    {SYS_brk, ANY_ARGUMENT},
    {SYS_mmap, ANY_ARGUMENT},
    {SYS_munmap, ANY_ARGUMENT},
    {SYS_mremap, ANY_ARGUMENT},
    {SYS_mprotect, ANY_ARGUMENT},
    {SYS_madvise, ANY_ARGUMENT},
    {SYS_futex, ANY_ARGUMENT},
    {SYS_clock_gettime, ANY_ARGUMENT},
    {SYS_rt_sigreturn, ANY_ARGUMENT},
    {SYS_restart_syscall, ANY_ARGUMENT},
    {SYS_exit, ANY_ARGUMENT},
    {SYS_exit_group, ANY_ARGUMENT},
};

static int64_t NowMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

template <size_t bytes>
static void CopyText(char (&into)[bytes], const std::string& text) {
  size_t length = std::min(text.size(), bytes - 1);
  std::memcpy(into, text.data(), length);
  into[length] = '\0';
}

static tls_row RowOf(const TlsLibrary& library) {
  tls_row row = {};
  row.device = library.key.first;
  row.inode = library.key.second;
  row.first_seen_ns = library.first_seen_ns;
  row.library = library.file.library;
  row.slow = library.file.slow;
  row.attached = library.attached;
  row.processes = static_cast<__u32>(library.processes.size());
  CopyText(row.version, library.file.version);
  CopyText(row.place, library.file.place);
  CopyText(row.reason, library.refusal.empty() ? TlsUnreadWord(library.file.unread) : library.refusal);
  CopyText(row.path, library.path);
  return row;
}

class TlsHelper {
 public:
  explicit TlsHelper(const std::map<std::string, int>& maps);
  [[noreturn]] void Serve();

 private:
  void TakeRequests();
  void Answer(const request& request);
  void AnswerAttach(const request& request);
  void AnswerRow(const request& request, const TlsLibrary* library);
  void Refuse(const request& request);
  uint64_t AttachedCount() const;

  std::unique_ptr<TlsProbes> probes_;
  std::unique_ptr<TlsLibraries> libraries_;
  // Why nothing can be attached.
  std::optional<CaptureError> failure_;
  // Attaching to everything: answered when everything has been read.
  struct Pending {
    request asked;
    int64_t deadline_ms;
  };
  std::vector<Pending> pending_;
  answer answer_ = {};
};

TlsHelper::TlsHelper(const std::map<std::string, int>& maps) {
  try {
    probes_ = std::make_unique<TlsProbes>("tinytap-tls.bpf.o", maps);
  } catch (const CaptureError& error) {
    failure_.emplace(error);
  }
  // The programs hold what they need of these.
  for (auto& [name, fd] : maps) close(fd);
  try {
    libraries_ = std::make_unique<TlsLibraries>(probes_.get());
  } catch (const CaptureError& error) {
    if (!failure_.has_value()) failure_.emplace(error);
  }
  if (LimitCalls(kAllowedCalls, sizeof(kAllowedCalls) / sizeof(*kAllowedCalls)) != 0) _exit(1);
}

void TlsHelper::Refuse(const request& request) {
  answer_ = {};
  answer_.error = EIO;
  std::string text;
  for (const std::string& part : {failure_->code, std::string(failure_->what()), failure_->detail}) text += part + '\0';
  if (text.size() > ANSWER_TEXT_BYTES) text.resize(ANSWER_TEXT_BYTES - 1), text += '\0';
  answer_.text_length = static_cast<__u32>(text.size());
  std::memcpy(answer_.text, text.data(), text.size());
  SendAnswer(HELPER_SOCKET, &request, &answer_);
}

uint64_t TlsHelper::AttachedCount() const {
  uint64_t count = 0;
  for (size_t i = 0; i < libraries_->Count(); i++) count += libraries_->At(i).attached;
  return count;
}

void TlsHelper::AnswerAttach(const request& request) {
  answer_ = {};
  answer_.value = AttachedCount();
  SendAnswer(HELPER_SOCKET, &request, &answer_);
}

void TlsHelper::AnswerRow(const request& request, const TlsLibrary* library) {
  static_assert(sizeof(tls_row) <= ANSWER_TEXT_BYTES, "fits into an answer");
  answer_ = {};
  answer_.value = libraries_->Count();
  if (library != nullptr) {
    tls_row row = RowOf(*library);
    std::memcpy(answer_.text, &row, sizeof(row));
    answer_.text_length = sizeof(row);
  }
  SendAnswer(HELPER_SOCKET, &request, &answer_);
}

// Everything in a request may be hostile: it is used only as a number, and only where any number is harmless.
void TlsHelper::Answer(const request& request) {
  FileKey key = {request.conn, request.offset};
  bool is_all = request.conn == 0 && request.offset == 0, attaches = request.type == REQUEST_TLS_ATTACH;
  if (request.type < REQUEST_TLS_ATTACH || request.type > REQUEST_TLS_OF_PROCESS) return;
  // Detaching, too: `tinytap doctor` asks for it in order to hear whether attaching would work.
  bool needs_programs = attaches || request.type == REQUEST_TLS_DETACH;
  if (libraries_ == nullptr || (needs_programs && failure_.has_value())) return Refuse(request);
  if (request.type == REQUEST_TLS_LIBRARY) {
    bool exists = request.pid >= 0 && static_cast<size_t>(request.pid) < libraries_->Count();
    AnswerRow(request, exists ? &libraries_->At(static_cast<size_t>(request.pid)) : nullptr);
  } else if (request.type == REQUEST_TLS_OF_PROCESS) {
    std::vector<const TlsLibrary*> found = libraries_->Of(request.pid);
    AnswerRow(request, found.empty() ? nullptr : found[0]);
  } else if (is_all) {
    libraries_->AttachAll(attaches);
    if (attaches)
      pending_.push_back({request, NowMs() + kSettleMs});
    else
      AnswerAttach(request);
  } else if (libraries_->Attach(key, attaches)) {
    AnswerAttach(request);
  } else {
    answer_ = {};
    answer_.error = ENOENT;
    SendAnswer(HELPER_SOCKET, &request, &answer_);
  }
}

void TlsHelper::TakeRequests() {
  request request;
  for (;;) {
    int taken = TakeRequest(HELPER_SOCKET, &request);
    // Ending closes the probes: the kernel detaches them.
    if (taken == 0) _exit(0);
    if (taken == REQUEST_NONE) return;
    if (taken == 1) Answer(request);
  }
}

void TlsHelper::Serve() {
  for (;;) {
    std::vector<pollfd> ready = {{HELPER_SOCKET, POLLIN, 0}, {HELPER_TINYTAP, POLLIN, 0}};
    int timeout = -1;
    if (libraries_ != nullptr) {
      for (int fd : libraries_->Descriptors()) ready.push_back({fd, POLLIN, 0});
      timeout = libraries_->TimeoutMs();
      if (!pending_.empty()) timeout = timeout < 0 ? kSettleMs : std::min(timeout, kSettleMs);
    }
    int count = poll(ready.data(), ready.size(), timeout);
    if (count < 0 && errno != EINTR) _exit(1);
    if (HasEnded(HELPER_TINYTAP)) _exit(0);
    if (libraries_ != nullptr) libraries_->Work();
    TakeRequests();
    for (size_t i = 0; i < pending_.size();) {
      if (!libraries_->IsSettled() && NowMs() < pending_[i].deadline_ms) {
        i++;
        continue;
      }
      AnswerAttach(pending_[i].asked);
      pending_.erase(pending_.begin() + static_cast<long>(i));
    }
  }
}

static int PrintPlaces(int count, char** paths) {
  static const char* const kFunctions[] = {"?", "read", "write", "handshake", "free", "sendfile"};
  for (int i = 0; i < count; i++) {
    int file = open(paths[i], O_RDONLY | O_CLOEXEC);
    if (file < 0) {
      fprintf(stderr, "%s: %s\n", paths[i], strerror(errno));
      return 1;
    }
    TlsFile found = FindTlsPlaces(file);
    close(file);
    printf("%s: library %u, version '%s', unread '%s', slow %u, place '%s'\n", paths[i], found.library, found.version,
           TlsUnreadWord(found.unread), found.slow, found.place);
    for (uint32_t at = 0; at < found.place_count; at++) {
      const TlsPlace& place = found.places[at];
      printf("  %s: length %u, entry %#llx, return %#llx%s\n",
             place.function < sizeof(kFunctions) / sizeof(*kFunctions) ? kFunctions[place.function] : "?", place.length,
             static_cast<unsigned long long>(place.entry_offset), static_cast<unsigned long long>(place.return_offset),
             place.slow ? ", slow" : "");
    }
  }
  return 0;
}

}  // namespace tinytap

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "--places") == 0) return tinytap::PrintPlaces(argc - 2, argv + 2);
  for (int number = 1; number < NSIG; number++) signal(number, number == SIGCHLD ? SIG_DFL : SIG_IGN);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  prctl(PR_SET_NAME, "tinytap-tls", 0, 0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  std::map<std::string, int> maps;
  for (int i = 1; i < argc; i++) {
    const char* sign = strchr(argv[i], '=');
    if (sign == nullptr) return 2;
    maps[std::string(argv[i], static_cast<size_t>(sign - argv[i]))] = atoi(sign + 1);
  }
  tinytap::TlsHelper helper(maps);
  helper.Serve();
}
