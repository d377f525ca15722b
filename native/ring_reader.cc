// See ring_reader.h.
#include "ring_reader.h"

#include <linux/bpf.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "../bpf/capture_event.h"
#include "capture_error.h"

namespace tinytap {

static uint64_t NowMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

static size_t RoundUp8(size_t value) { return (value + 7) & ~size_t{7}; }

// A program writes a record in a fraction of a microsecond, unless it is preempted.
static const uint64_t kUnfinishedMs = 500;

// All mapped memory counts as resident, so only this much of the data is mapped, whatever the size of the ring.
static const size_t kWindowBytes = 1 << 20;
// More than the longest record, in whole pages.
static const size_t kRecordRoom = 64 << 10;
static_assert(kRecordRoom > BPF_RINGBUF_HDR_SZ + sizeof(capture_event) + CAPTURE_EVENT_PAYLOAD_MAX);

// The kernel offers three things to map: a page with the reader's position, a page with the writer's, and the data
// twice in a row, so that a record that wraps around is contiguous.
RingReader::RingReader(int ring_fd, size_t ring_bytes, size_t wake_bytes)
    : ring_fd_(ring_fd),
      mask_(ring_bytes - 1),
      wake_bytes_(wake_bytes),
      page_(sysconf(_SC_PAGESIZE)),
      window_bytes_(std::min(ring_bytes, kWindowBytes + kRecordRoom)) {
  void* consumer = mmap(nullptr, page_, PROT_READ | PROT_WRITE, MAP_SHARED, ring_fd, 0);
  if (consumer == MAP_FAILED) throw SystemError("ERR_RING", "cannot map the ring buffer", errno);
  consumer_ = static_cast<uint8_t*>(consumer);
  void* producer = mmap(nullptr, page_, PROT_READ, MAP_SHARED, ring_fd, page_);
  if (producer == MAP_FAILED) {
    int error = errno;
    Close();
    throw SystemError("ERR_RING", "cannot map the ring buffer's position", error);
  }
  producer_ = static_cast<uint8_t*>(producer);
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event = {};
  // Edge-triggered: sleeps until the kernel forces a wake-up, even if data is there already.
  event.events = EPOLLIN | EPOLLET;
  if (epoll_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, ring_fd, &event) != 0) {
    int error = errno;
    Close();
    throw SystemError("ERR_RING", "cannot wait for the ring buffer", error);
  }
}

RingReader::~RingReader() { Close(); }

void RingReader::Close() {
  if (consumer_ != nullptr) munmap(consumer_, page_);
  if (producer_ != nullptr) munmap(producer_, page_);
  if (window_ != nullptr) munmap(window_, window_bytes_);
  if (epoll_ >= 0) close(epoll_);
  consumer_ = producer_ = window_ = nullptr;
  epoll_ = -1;
}

uint64_t RingReader::Waiting() const {
  uint64_t read = *reinterpret_cast<uint64_t*>(consumer_);
  return __atomic_load_n(reinterpret_cast<uint64_t*>(producer_), __ATOMIC_ACQUIRE) - read;
}

// The record at this position, as one piece of memory.
const uint8_t* RingReader::At(uint64_t position) {
  size_t at = position & mask_, needed = std::min(kRecordRoom, window_bytes_);
  if (window_ == nullptr || at < window_start_ || at + needed > window_start_ + window_bytes_) {
    size_t start = at & ~(page_ - 1);
    int fixed = window_ == nullptr ? 0 : MAP_FIXED;
    void* window = mmap(window_, window_bytes_, PROT_READ, MAP_SHARED | fixed, ring_fd_, 2 * page_ + start);
    if (window == MAP_FAILED) throw SystemError("ERR_RING", "cannot map the ring buffer's data", errno);
    window_ = static_cast<uint8_t*>(window);
    window_start_ = start;
  }
  return window_ + (at - window_start_);
}

size_t RingReader::Take(uint8_t* into, size_t bytes, bool pass_unfinished) {
  auto* position = reinterpret_cast<uint64_t*>(consumer_);
  uint64_t read = *position;
  uint64_t written = __atomic_load_n(reinterpret_cast<uint64_t*>(producer_), __ATOMIC_ACQUIRE);
  size_t filled = 0;
  while (read < written) {
    const uint8_t* header = At(read);
    uint32_t length = __atomic_load_n(reinterpret_cast<const uint32_t*>(header), __ATOMIC_ACQUIRE);
    size_t payload = length & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
    if (length & BPF_RINGBUF_BUSY_BIT) {
      if (!pass_unfinished) break;
      passed_records_++;
      passed_bytes_ += payload - std::min(payload, sizeof(capture_event));
    } else if (!(length & BPF_RINGBUF_DISCARD_BIT)) {
      // Some programs reserve more than they use.
      const size_t used =
          std::min<size_t>(payload, reinterpret_cast<const capture_event*>(header + BPF_RINGBUF_HDR_SZ)->size);
      size_t padded = RoundUp8(used);
      if (filled + padded > bytes) break;
      std::memcpy(into + filled, header + BPF_RINGBUF_HDR_SZ, used);
      std::memset(into + filled + used, 0, padded - used);
      filled += padded;
    }
    read += RoundUp8(payload + BPF_RINGBUF_HDR_SZ);
    // Release the room of each record at once, because a writer may be waiting for it.
    __atomic_store_n(position, read, __ATOMIC_RELEASE);
  }
  return filled;
}

static bool AnySet(const int32_t* words, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (__atomic_load_n(words + i, __ATOMIC_ACQUIRE) != 0) return true;
  return false;
}

size_t RingReader::Poll(uint8_t* into, size_t bytes, int timeout_ms, int interval_ms, const int32_t* signals,
                        size_t signal_count) {
  const uint64_t start = NowMs();
  const uint64_t end = start + std::max(timeout_ms, 0);
  const uint64_t give_up = start + kUnfinishedMs;
  uint64_t due = std::min(end, last_poll_ms_ + interval_ms);
  for (;;) {
    uint64_t now = NowMs();
    if (now >= due || Waiting() >= wake_bytes_) {
      size_t filled = Take(into, bytes, timeout_ms == 0 && now >= give_up);
      bool unfinished = timeout_ms == 0 && now < give_up && Waiting() > 0;
      if (filled == 0 && unfinished) {
        usleep(1000);
        continue;
      }
      if (filled > 0 || now >= end || AnySet(signals, signal_count)) {
        last_poll_ms_ = now;
        return filled;
      }
      due = std::min(end, now + interval_ms);
    }
    epoll_event event;
    if (epoll_wait(epoll_, &event, 1, static_cast<int>(due - std::min(due, now))) < 0 && errno != EINTR)
      throw SystemError("ERR_RING", "cannot wait for the ring buffer", errno);
  }
}

}  // namespace tinytap
