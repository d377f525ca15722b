// See mapping_events.h.
#include "mapping_events.h"

#include <linux/perf_event.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "capture_error.h"

namespace tinytap {

// For each CPU. 300 executions in a row, as a compilation has them, fit into it. If the user may lock no more memory,
// fewer have to do.
static const size_t kPagesMax = 32;

#ifndef PERF_RECORD_MISC_COMM_EXEC
#define PERF_RECORD_MISC_COMM_EXEC (1 << 13)
#endif

struct MappedRecord {
  perf_event_header header;
  uint32_t pid, tid;
  uint64_t start, length, page_offset;
  uint32_t device_major, device_minor;
  uint64_t inode, generation;
  uint32_t protection, flags;
  // Its name follows, which ends with NUL.
};

struct TaskRecord {
  perf_event_header header;
  uint32_t pid, parent, tid, parent_tid;
};

struct NameRecord {
  perf_event_header header;
  uint32_t pid, tid;
};

MappingEvents::MappingEvents() {
  waits_ = epoll_create1(EPOLL_CLOEXEC);
  if (waits_ < 0) throw SystemError("ERR_TLS", "cannot wait for events", errno);
  long cpus = sysconf(_SC_NPROCESSORS_CONF);
  for (int cpu = 0; cpu < cpus; cpu++) Open(cpu);
  if (buffers_.empty()) throw CaptureError("ERR_TLS", "no CPU tells which files are mapped");
}

void MappingEvents::Open(int cpu) {
  perf_event_attr attributes = {};
  attributes.size = sizeof(attributes);
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_DUMMY;
  attributes.mmap = 1;
  attributes.mmap2 = 1;
  attributes.comm = 1;
  attributes.comm_exec = 1;
  attributes.task = 1;
  // Each record ends with its time.
  attributes.sample_type = PERF_SAMPLE_TIME;
  attributes.sample_id_all = 1;
  attributes.watermark = 1;
  attributes.wakeup_watermark = 1;
  int event = static_cast<int>(syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC));
  // ENODEV: the CPU is offline.
  if (event < 0 && errno == ENODEV) return;
  if (event < 0) throw SystemError("ERR_TLS", "cannot watch which files are mapped", errno);
  size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* memory = MAP_FAILED;
  // All buffers have the same size.
  size_t pages = buffers_.empty() ? kPagesMax : buffer_bytes_ / page;
  while (memory == MAP_FAILED && pages > 0) {
    memory = mmap(nullptr, (pages + 1) * page, PROT_READ | PROT_WRITE, MAP_SHARED, event, 0);
    if (memory != MAP_FAILED || !buffers_.empty()) break;
    pages /= 2;
  }
  if (memory == MAP_FAILED) {
    int error = errno;
    close(event);
    throw SystemError("ERR_TLS", "cannot map the events of mapped files", error);
  }
  buffer_bytes_ = pages * page;
  epoll_event wait = {};
  wait.events = EPOLLIN;
  epoll_ctl(waits_, EPOLL_CTL_ADD, event, &wait);
  buffers_.push_back({event, static_cast<uint8_t*>(memory)});
}

MappingEvents::~MappingEvents() {
  size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  for (const Buffer& buffer : buffers_) {
    munmap(buffer.memory, buffer_bytes_ + page);
    close(buffer.event);
  }
  if (waits_ >= 0) close(waits_);
}

// The record whose bytes are at `bytes`; `size` of them. False: it is of no interest.
static bool EventOf(const uint8_t* bytes, size_t size, MappingEvent* event) {
  perf_event_header header;
  std::memcpy(&header, bytes, sizeof(header));
  if (size < sizeof(header) + sizeof(event->time)) return false;
  std::memcpy(&event->time, bytes + size - sizeof(event->time), sizeof(event->time));
  if (header.type == PERF_RECORD_MMAP2 && size > sizeof(MappedRecord)) {
    MappedRecord record;
    std::memcpy(&record, bytes, sizeof(record));
    event->kind = MappingEvent::kMapped;
    event->pid = static_cast<int>(record.pid);
    event->start = record.start;
    event->end = record.start + record.length;
    event->device = static_cast<uint64_t>(record.device_major) << 20 | record.device_minor;
    event->inode = record.inode;
    event->generation = record.generation;
    const char* name = reinterpret_cast<const char*>(bytes + sizeof(record));
    event->path.assign(name, strnlen(name, size - sizeof(record)));
    return record.inode != 0;
  }
  if ((header.type == PERF_RECORD_FORK || header.type == PERF_RECORD_EXIT) && size >= sizeof(TaskRecord)) {
    TaskRecord record;
    std::memcpy(&record, bytes, sizeof(record));
    event->pid = static_cast<int>(record.pid);
    event->parent = static_cast<int>(record.parent);
    event->kind = header.type == PERF_RECORD_FORK ? MappingEvent::kForked : MappingEvent::kEnded;
    // A further thread of a process.
    return record.pid == record.tid;
  }
  if (header.type == PERF_RECORD_COMM && size >= sizeof(NameRecord)) {
    NameRecord record;
    std::memcpy(&record, bytes, sizeof(record));
    event->pid = static_cast<int>(record.pid);
    event->kind = MappingEvent::kExecuted;
    return (header.misc & PERF_RECORD_MISC_COMM_EXEC) != 0;
  }
  return false;
}

bool MappingEvents::ReadBuffer(const Buffer& buffer, std::vector<MappingEvent>* events) {
  auto* page = reinterpret_cast<perf_event_mmap_page*>(buffer.memory);
  const uint8_t* data = buffer.memory + sysconf(_SC_PAGESIZE);
  uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE), tail = page->data_tail;
  bool complete = true;
  std::vector<uint8_t> record;
  auto copy = [&](uint64_t from, size_t bytes) {
    record.resize(bytes);
    for (size_t i = 0; i < bytes; i++) record[i] = data[(from + i) % buffer_bytes_];
  };
  while (tail < head) {
    copy(tail, sizeof(perf_event_header));
    perf_event_header header;
    std::memcpy(&header, record.data(), sizeof(header));
    if (header.size < sizeof(header)) break;
    copy(tail, header.size);
    tail += header.size;
    if (header.type == PERF_RECORD_LOST) complete = false;
    MappingEvent event = {};
    if (EventOf(record.data(), record.size(), &event)) events->push_back(std::move(event));
  }
  __atomic_store_n(&page->data_tail, tail, __ATOMIC_RELEASE);
  return complete;
}

bool MappingEvents::Read(const std::function<void(const MappingEvent&)>& visit) {
  bool complete = true;
  std::vector<MappingEvent> events;
  for (const Buffer& buffer : buffers_) complete = ReadBuffer(buffer, &events) && complete;
  // A process may have changed its CPU after it executed a program and before it mapped a library.
  std::stable_sort(events.begin(), events.end(),
                   [](const MappingEvent& one, const MappingEvent& other) { return one.time < other.time; });
  for (const MappingEvent& event : events) visit(event);
  return complete;
}

}  // namespace tinytap
