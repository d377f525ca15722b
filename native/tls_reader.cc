// See tls_reader.h.
#include "tls_reader.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <vector>

#include "capture_error.h"
#include "elf_file.h"
#include "system_calls.h"

namespace tinytap {

// Older headers lack it.
#ifndef FUSE_SUPER_MAGIC
#define FUSE_SUPER_MAGIC 0x65735546
#endif

static const rlim_t kMemoryBytesMax = 1 << 30;
static const rlim_t kSecondsMax = 2;

// Descriptors of the reading process.
enum { READER_PIPE = 3, READER_FILE = 4 };

static void GiveUpEverything() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (syscall(SYS_capset, &header, none) != 0) _exit(1);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(1);
  // What reading needs, and memory.
  static const unsigned kAllowed[] = {SYS_pread64, SYS_read,  SYS_fstat,    SYS_fstatfs,   SYS_newfstatat, SYS_write,
                                      SYS_close,   SYS_brk,   SYS_mmap,     SYS_munmap,    SYS_mremap,     SYS_madvise,
                                      SYS_exit,    SYS_futex, SYS_mprotect, SYS_exit_group};
  std::vector<sock_filter> code;
#if defined(__x86_64__)
  const unsigned architecture = AUDIT_ARCH_X86_64;
#else
  const unsigned architecture = AUDIT_ARCH_AARCH64;
#endif
  code.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)));
  code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, architecture, 1, 0));
  code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
  code.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
  for (unsigned number : kAllowed) {
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
    code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  }
  code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
  sock_fprog program = {static_cast<unsigned short>(code.size()), code.data()};
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0) _exit(1);
}

// FNV-1a of the build id, or 0.
static uint64_t BuildHash(int file) {
  std::string note = ElfFile(file).Content(".note.gnu.build-id", 256);
  if (note.empty()) return 0;
  uint64_t hash = 0xcbf29ce484222325;
  for (char byte : note) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  return hash;
}

[[noreturn]] static void ReadFile(int path) {
  TlsReading reading = {};
  // With the privileges of the parent, because few files of other users can be read otherwise.
  char link[32];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", path);
  int file = open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file < 0) reading.error = errno;
  if (file >= 0 && dup2(file, READER_FILE) < 0) _exit(1);
  syscall(SYS_close_range, READER_FILE + 1U, ~0U, 0U);
  rlimit limit = {kMemoryBytesMax, kMemoryBytesMax};
  setrlimit(RLIMIT_AS, &limit);
  limit = {kSecondsMax, kSecondsMax};
  setrlimit(RLIMIT_CPU, &limit);
  GiveUpEverything();
  struct stat about;
  struct statfs system;
  if (reading.error == 0 && (fstat(READER_FILE, &about) != 0 || fstatfs(READER_FILE, &system) != 0))
    reading.error = errno;
  if (reading.error == 0) {
    auto type = static_cast<unsigned long>(system.f_type);
    reading.is_overlay = type == OVERLAYFS_SUPER_MAGIC;
    bool has_several = type == BTRFS_SUPER_MAGIC || type == OVERLAYFS_SUPER_MAGIC;
    reading.device = has_several ? 0 : static_cast<uint64_t>(major(about.st_dev)) << 20 | minor(about.st_dev);
    reading.inode = about.st_ino;
    // A process decides what this file system does. The kernel itself reads the file when a probe is attached.
    if (type == FUSE_SUPER_MAGIC) reading.error = EOPNOTSUPP;
  }
  if (reading.error == 0) {
    reading.build = BuildHash(READER_FILE);
    reading.file = FindTlsPlaces(READER_FILE);
  }
  ssize_t written = write(READER_PIPE, &reading, sizeof(reading));
  _exit(written == static_cast<ssize_t>(sizeof(reading)) ? 0 : 1);
}

TlsReader::TlsReader(int path) {
  // The result fits into a pipe, so the process need not wait.
  static_assert(sizeof(TlsReading) <= 4096, "fits into one page");
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw SystemError("ERR_TLS", "cannot make a pipe", errno);
  process_ = fork();
  if (process_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    // Both may have low numbers already.
    int pipe = fcntl(ends[1], F_DUPFD, 16), copy = fcntl(path, F_DUPFD, 16);
    if (pipe < 0 || copy < 0 || dup2(pipe, READER_PIPE) < 0) _exit(1);
    ReadFile(copy);
  }
  int error = errno;
  close(ends[1]);
  pipe_ = ends[0];
  if (process_ > 0) return;
  close(pipe_);
  throw SystemError("ERR_TLS", "cannot start a process", error);
}

// Processes that were killed and have not ended yet: a file system may keep them from it.
static std::vector<pid_t> ending;

static void Reap() {
  for (size_t i = 0; i < ending.size();)
    if (waitpid(ending[i], nullptr, WNOHANG) == 0)
      i++;
    else
      ending.erase(ending.begin() + static_cast<long>(i));
}

TlsReader::~TlsReader() {
  // Its number cannot have been reused, because nobody has waited for it.
  kill(process_, SIGKILL);
  close(pipe_);
  ending.push_back(process_);
  Reap();
}

bool TlsReader::IsReady() const {
  pollfd ready = {pipe_, POLLIN, 0};
  return poll(&ready, 1, 0) == 1;
}

std::optional<TlsReading> TlsReader::Result() {
  TlsReading reading;
  ssize_t length = read(pipe_, &reading, sizeof(reading));
  if (length != static_cast<ssize_t>(sizeof(reading))) return std::nullopt;
  return reading;
}

}  // namespace tinytap
