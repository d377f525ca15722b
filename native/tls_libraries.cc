// See tls_libraries.h.
#include "tls_libraries.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "capture_error.h"
#include "proc_numbers.h"
#include "text_file.h"

namespace tinytap {

// Files read at the same time. A hostile one delays others only if there are as many.
static const size_t kReadingsMax = 8;
static const uint64_t kReadingMs = 2000;
// Files remembered. When there are more, those without TLS are forgotten, and are read again when they are mapped again.
static const size_t kSeenMax = 65536;
// Files with TLS that are remembered.
static const size_t kLibrariesMax = 1024;
// A library that no process has mapped any more is detached after this time, because a probe keeps its file system from
// being unmounted. The next process may be about to start.
static const uint64_t kUnusedMs = 10000;

static uint64_t NowMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1000000;
}

static uint64_t BootNs() {
  timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

// By the mapping itself: this works for deleted files and in every mount namespace, and it asks no file system anything.
static int OpenMapped(int pid, uint64_t start, uint64_t end) {
  char link[96];
  snprintf(link, sizeof(link), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, pid, start, end);
  return open(link, O_PATH | O_CLOEXEC);
}

// Throws if this process may not look into /proc/PID/map_files: tries it with the code of this program.
static void RequireMappings() {
  std::optional<std::string> maps = ReadText("/proc/self/maps");
  for (size_t from = 0; maps.has_value() && from < maps->size(); from = maps->find('\n', from) + 1) {
    uint64_t start, end, inode;
    char permissions[5];
    int count = sscanf(maps->c_str() + from, "%" SCNx64 "-%" SCNx64 " %4s %*x %*x:%*x %" SCNu64, &start, &end,
                       permissions, &inode);
    if (count == 4 && permissions[2] == 'x' && inode != 0) {
      int path = OpenMapped(static_cast<int>(getpid()), start, end);
      if (path < 0 && (errno == EPERM || errno == EACCES))
        throw CaptureError("ERR_NO_PERMISSION", "finding TLS libraries needs CAP_SYS_ADMIN");
      if (path >= 0) close(path);
      return;
    }
    if (maps->find('\n', from) == std::string::npos) return;
  }
}

TlsLibraries::TlsLibraries(TlsProbes* probes) : probes_(probes) {
  struct stat root;
  if (stat("/", &root) == 0) root_device_ = static_cast<uint64_t>(major(root.st_dev)) << 20 | minor(root.st_dev);
  RequireMappings();
  ScanProcesses();
  StartReading();
}

TlsLibraries::~TlsLibraries() {
  AttachAll(false);
  for (auto& known : libraries_)
    if (known->path >= 0) close(known->path);
  for (Reading& reading : readings_) close(reading.path);
}

// ---- what is mapped ----------------------------------------------------------------------------------------------------

// Also after events were lost: then it finds again which processes there are.
void TlsLibraries::ScanProcesses() {
  std::vector<int> running = NumbersIn("/proc");
  std::set<int> is_running(running.begin(), running.end());
  std::vector<int> ended;
  for (auto& [pid, used] : processes_)
    if (is_running.count(pid) == 0) ended.push_back(pid);
  for (int pid : ended) EndProcess(pid);
  for (int pid : running) ScanProcess(pid, nullptr);
}

// Reads lines such as `7f1c1a200000-7f1c1a25c000 r-xp 0001d000 fd:01 1234   /usr/lib/libssl.so.3`.
void TlsLibraries::ScanProcess(int pid, const FileKey* only) {
  std::optional<std::string> maps = ReadText("/proc/" + std::to_string(pid) + "/maps");
  if (!maps.has_value()) return;
  for (size_t from = 0, to; from < maps->size(); from = to + 1) {
    to = std::min(maps->find('\n', from), maps->size());
    (*maps)[std::min(to, maps->size() - 1)] = '\0';
    Waiting file;
    char permissions[5];
    unsigned device_major, device_minor;
    int path_at = 0;
    const char* line = maps->data() + from;
    int count = sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*x %x:%x %" SCNu64 " %n", &file.start, &file.end,
                       permissions, &device_major, &device_minor, &file.key.second, &path_at);
    if (count < 6 || permissions[2] != 'x' || file.key.second == 0) continue;
    file.key.first = static_cast<uint64_t>(device_major) << 20 | device_minor;
    if (only != nullptr && file.key != *only) continue;
    file.pid = pid;
    file.path = line + path_at;
    SeeMapping(file, 0);
  }
}

void TlsLibraries::Take(const MappingEvent& event) {
  if (event.pid <= 0) return;
  if (event.kind == MappingEvent::kMapped) {
    SeeMapping({{event.device, event.inode}, event.pid, event.start, event.end, event.path}, event.generation);
  } else if (event.kind == MappingEvent::kForked) {
    auto parent = processes_.find(event.parent);
    if (parent == processes_.end()) return;
    std::set<Known*> used = parent->second;
    for (Known* known : used) Use(known, event.pid);
  } else {
    EndProcess(event.pid);
  }
}

void TlsLibraries::SeeMapping(const Waiting& file, uint64_t generation) {
  auto found = seen_.find(file.key);
  // Another file, which has the number of one that was deleted.
  if (found != seen_.end() && generation != 0 && found->second.generation != 0 &&
      found->second.generation != generation) {
    seen_.erase(found);
    found = seen_.end();
  }
  if (found != seen_.end()) {
    if (generation != 0) found->second.generation = generation;
    if (found->second.known != nullptr)
      Use(found->second.known, file.pid);
    else if (!found->second.waiting.empty())
      found->second.waiting.insert(file.pid);
    return;
  }
  if (seen_.size() >= kSeenMax) {
    for (auto each = seen_.begin(); each != seen_.end();)
      each = each->second.known == nullptr && each->second.waiting.empty() ? seen_.erase(each) : std::next(each);
    if (seen_.size() >= kSeenMax) return;
  }
  Seen& seen = seen_[file.key];
  seen.generation = generation;
  seen.waiting.insert(file.pid);
  // Those with a likely name first.
  bool is_likely = false;
  for (const char* part : {"libssl", "libgnutls", "libnspr", "/node", "openssl", "boring"})
    is_likely = is_likely || file.path.find(part) != std::string::npos;
  if (is_likely)
    queue_.push_front(file);
  else
    queue_.push_back(file);
}

void TlsLibraries::EndProcess(int pid) {
  auto found = processes_.find(pid);
  if (found == processes_.end()) return;
  for (Known* known : found->second) {
    known->library.processes.erase(pid);
    if (known->library.processes.empty()) known->unused_since_ms = NowMs();
  }
  processes_.erase(found);
}

void TlsLibraries::Use(Known* known, int pid) {
  known->library.processes.insert(pid);
  processes_[pid].insert(known);
  known->unused_since_ms = 0;
  if (known->wanted && known->attachment < 0 && known->library.refusal.empty()) Switch(known, true);
}

// ---- reading files -----------------------------------------------------------------------------------------------------

// Finds the file in another of the processes that have mapped it. If there is none, the next one that maps it brings it
// back.
void TlsLibraries::LookElsewhere(const Waiting& file) {
  auto seen = seen_.find(file.key);
  std::set<int> others = std::move(seen->second.waiting);
  seen_.erase(seen);
  others.erase(file.pid);
  for (int pid : others) ScanProcess(pid, &file.key);
}

void TlsLibraries::StartReading() {
  while (!queue_.empty() && readings_.size() < kReadingsMax) {
    Waiting file = std::move(queue_.front());
    queue_.pop_front();
    auto seen = seen_.find(file.key);
    if (seen == seen_.end()) continue;
    // Any of the processes that have mapped it will do, but only of this one is the range known.
    int path = OpenMapped(file.pid, file.start, file.end);
    if (path < 0 && errno != ENOENT) {
      // There is no way to it.
      seen->second.waiting.clear();
      continue;
    }
    if (path < 0) {
      // The process has ended, or mapped something else there.
      LookElsewhere(file);
      continue;
    }
    try {
      readings_.push_back({file, path, std::make_unique<TlsReader>(path), NowMs() + kReadingMs});
    } catch (const CaptureError&) {
      // No process can be started now.
      close(path);
      queue_.push_front(std::move(file));
      return;
    }
  }
}

void TlsLibraries::TakeResults() {
  for (size_t i = 0; i < readings_.size();) {
    std::optional<TlsReading> result;
    bool is_late = NowMs() >= readings_[i].deadline_ms;
    bool is_ready = readings_[i].reader->IsReady();
    if (!is_ready && !is_late) {
      i++;
      continue;
    }
    if (is_ready) result = readings_[i].reader->Result();
    Reading reading = std::move(readings_[i]);
    readings_.erase(readings_.begin() + static_cast<long>(i));
    Add(reading, result.value_or(TlsReading()));
  }
}

void TlsLibraries::Add(const Reading& reading, const TlsReading& result) {
  auto found = seen_.find(reading.file.key);
  if (found == seen_.end()) {
    close(reading.path);
    return;
  }
  Seen& seen = found->second;
  std::set<int> users = std::move(seen.waiting);
  seen.waiting.clear();
  const TlsFile& file = result.file;
  // A process may have replaced the mapping by one of another file.
  bool is_same = result.is_overlay != 0 || (result.inode == reading.file.key.second &&
                                            (result.device == 0 || result.device == reading.file.key.first));
  if (!is_same && result.error == 0) {
    close(reading.path);
    seen.waiting = std::move(users);
    LookElsewhere(reading.file);
    return;
  }
  bool has_tls = result.error == 0 && (file.library != 0 || file.unread != TLS_UNREAD_NOT);
  if (has_tls && libraries_.size() >= kLibrariesMax) DropUnused();
  if (!has_tls || libraries_.size() >= kLibrariesMax) {
    close(reading.path);
    return;
  }
  auto known = std::make_unique<Known>();
  known->library.key = reading.file.key;
  known->library.path = reading.file.path;
  known->library.file = file;
  known->library.first_seen_ns = BootNs();
  known->build = result.build;
  known->is_overlay = result.is_overlay != 0;
  known->wanted = attach_all_;
  if (file.place_count > 0 && file.place_count <= kTlsPlacesMax)
    known->path = reading.path;
  else
    close(reading.path);
  seen.known = known.get();
  libraries_.push_back(std::move(known));
  for (int pid : users) Use(seen.known, pid);
}

// Makes room for one more.
void TlsLibraries::DropUnused() {
  for (auto& known : libraries_)
    if (known->library.processes.empty() && known->attachment < 0) return Drop(known.get());
}

void TlsLibraries::Drop(Known* known) {
  Switch(known, false);
  if (known->path >= 0) close(known->path);
  // When it is mapped again, it is read again.
  auto found = seen_.find(known->library.key);
  if (found != seen_.end() && found->second.known == known) seen_.erase(found);
  auto is_known = [&](const std::unique_ptr<Known>& each) { return each.get() == known; };
  libraries_.erase(std::find_if(libraries_.begin(), libraries_.end(), is_known));
}

// ---- attaching ---------------------------------------------------------------------------------------------------------

// Whether another name of the same file is attached. Each overlay file system has an inode of its own for a file, with
// the number of the one beneath, whose probes are those of all.
bool TlsLibraries::HasTwin(const Known& known) const {
  static const uint64_t kFileBits = 0xffffffff;
  for (const auto& other : libraries_) {
    bool is_overlay = known.is_overlay || other->is_overlay;
    bool same_number = ((known.library.key.second ^ other->library.key.second) & kFileBits) == 0;
    if (is_overlay && same_number && other->attachment >= 0 && other->build != 0 && other->build == known.build)
      return true;
  }
  return false;
}

// After some were detached: their probes may have been those of others.
void TlsLibraries::AttachTwins() {
  for (auto& known : libraries_)
    if (known->wanted && known->library.attached && known->attachment < 0 && !HasTwin(*known)) {
      known->library.attached = false;
      Switch(known.get(), true);
    }
}

void TlsLibraries::Switch(Known* known, bool on) {
  if (known->path < 0 || probes_ == nullptr || on == (known->attachment >= 0)) return;
  if (!on) {
    probes_->Detach(known->attachment);
    known->attachment = -1;
    known->library.attached = false;
    return;
  }
  if (HasTwin(*known)) {
    known->library.attached = true;
    return;
  }
  try {
    const TlsFile& file = known->library.file;
    known->attachment = probes_->Attach(known->path, {file.places, file.places + file.place_count});
    known->library.attached = true;
  } catch (const CaptureError& error) {
    known->library.refusal = error.what();
  }
}

void TlsLibraries::AttachAll(bool on) {
  attach_all_ = on;
  for (auto& known : libraries_) {
    known->wanted = on;
    if (on) known->library.refusal.clear();
    // One that nobody uses any more is attached when somebody does again.
    if (!on || !known->library.processes.empty()) Switch(known.get(), on);
    if (!on) known->library.attached = false;
  }
}

bool TlsLibraries::Attach(const FileKey& key, bool on) {
  auto found = seen_.find(key);
  if (found == seen_.end() || found->second.known == nullptr) return false;
  Known* known = found->second.known;
  known->wanted = on;
  if (on) known->library.refusal.clear();
  Switch(known, on);
  if (!on) {
    known->library.attached = false;
    AttachTwins();
  }
  return true;
}

void TlsLibraries::DetachUnused() {
  uint64_t now = NowMs();
  std::vector<Known*> unused;
  for (auto& known : libraries_) {
    bool is_unused = known->unused_since_ms != 0 && now - known->unused_since_ms >= kUnusedMs;
    // This one cannot be unmounted anyway.
    bool may_stay = known->library.key.first == root_device_;
    if (is_unused && known->path >= 0 && !may_stay) unused.push_back(known.get());
  }
  if (unused.empty()) return;
  // Events tell only that a thread of a process has ended.
  ScanProcesses();
  for (Known* known : unused)
    if (known->library.processes.empty()) Drop(known);
  AttachTwins();
}

// ---- the loop ----------------------------------------------------------------------------------------------------------

std::vector<int> TlsLibraries::Descriptors() const {
  std::vector<int> descriptors = {events_.Descriptor()};
  for (const Reading& reading : readings_) descriptors.push_back(reading.reader->Pipe());
  return descriptors;
}

int TlsLibraries::TimeoutMs() const {
  uint64_t now = NowMs(), next = UINT64_MAX;
  for (const Reading& reading : readings_) next = std::min(next, reading.deadline_ms);
  for (auto& known : libraries_)
    if (known->unused_since_ms != 0 && known->path >= 0 && known->library.key.first != root_device_)
      next = std::min(next, known->unused_since_ms + kUnusedMs);
  if (!queue_.empty() && readings_.empty()) next = std::min(next, now + 100);
  if (next == UINT64_MAX) return -1;
  return next <= now ? 0 : static_cast<int>(std::min<uint64_t>(next - now, 60000));
}

void TlsLibraries::Work() {
  if (!events_.Read([this](const MappingEvent& event) { Take(event); })) ScanProcesses();
  TakeResults();
  DetachUnused();
  StartReading();
}

std::vector<const TlsLibrary*> TlsLibraries::Of(int pid) const {
  std::vector<const TlsLibrary*> found;
  auto process = processes_.find(pid);
  if (process == processes_.end()) return found;
  for (Known* known : process->second) found.push_back(&known->library);
  std::stable_sort(found.begin(), found.end(), [](const TlsLibrary* one, const TlsLibrary* other) {
    return (one->file.place_count > 0) > (other->file.place_count > 0);
  });
  return found;
}

}  // namespace tinytap
