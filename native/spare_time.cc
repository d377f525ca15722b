#include "spare_time.h"

#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

#include "capture_error.h"

namespace tinytap {

// What the watcher is told through the eventfd: the sum of what was written.
static const uint64_t kWatch = 1;
static const uint64_t kStop = uint64_t{1} << 32;

static bool SetPolicy(pid_t thread, int policy) {
  sched_param none = {};
  return sched_setscheduler(thread, policy, &none) == 0;
}

SpareTime::SpareTime(int ring_fd, const RingReader& reader) : ring_fd_(ring_fd), reader_(reader) {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  told_ = eventfd(0, EFD_CLOEXEC);
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.fd = told_;
  if (epoll_ < 0 || told_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, told_, &event) != 0) {
    int error = errno;
    if (epoll_ >= 0) close(epoll_);
    if (told_ >= 0) close(told_);
    throw SystemError("ERR_RING", "cannot watch the ring buffer", error);
  }
  // Tried out by a thread that nobody will miss.
  std::thread([this] { possible_ = SetPolicy(0, SCHED_IDLE) && SetPolicy(0, SCHED_OTHER); }).join();
  if (possible_) watcher_ = std::thread([this] { Watch(); });
}

SpareTime::~SpareTime() {
  if (possible_) {
    Tell(kStop);
    watcher_.join();
  }
  close(epoll_);
  close(told_);
}

void SpareTime::Begin() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!possible_ || thread_ != 0) return;
  if (!SetPolicy(0, SCHED_IDLE)) return;
  thread_ = gettid();
  Tell(kWatch);
}

void SpareTime::End() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (thread_ != 0 && SetPolicy(thread_, SCHED_OTHER)) thread_ = 0;
}

void SpareTime::Tell(uint64_t what) {
  // Fails only when the sum would overflow.
  if (write(told_, &what, sizeof(what)) < 0) return;
}

// A thread of SCHED_IDLE is not run because the ring fills: this one, which is like others, sees to it that it is. The ring
// is looked at only while that is wanted, so that a busy reader does not wake two threads each time.
void SpareTime::Watch() {
  for (;;) {
    epoll_event event;
    int count = epoll_wait(epoll_, &event, 1, -1);
    if (count < 0 && errno != EINTR) return;
    if (count <= 0) continue;
    if (event.data.fd == told_) {
      uint64_t told = 0;
      if (read(told_, &told, sizeof(told)) < 0) continue;
      if (told >= kStop) return;
      epoll_event ring = {};
      // Edge-triggered: by the kernel's forced wake-ups, and now if there is something already.
      ring.events = EPOLLIN | EPOLLET;
      ring.data.fd = ring_fd_;
      if (epoll_ctl(epoll_, EPOLL_CTL_ADD, ring_fd_, &ring) != 0) epoll_ctl(epoll_, EPOLL_CTL_MOD, ring_fd_, &ring);
    } else if (reader_.IsMuchWaiting()) {
      epoll_ctl(epoll_, EPOLL_CTL_DEL, ring_fd_, nullptr);
      End();
    }
  }
}

}  // namespace tinytap
