// What the kernel tells about processes while they run: which files they map in order to execute them, and that they
// begin, execute another program, and end. Nothing is polled, and no program runs in the kernel.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace tinytap {

struct MappingEvent {
  enum Kind { kMapped, kForked, kExecuted, kEnded } kind;
  uint64_t time;
  int pid;
  // kForked.
  int parent;
  // kMapped: the range of addresses, and the file: its device as makedev() in the kernel encodes it, its inode, and the
  // number that tells it from earlier files with the same inode.
  uint64_t start, end;
  uint64_t device, inode, generation;
  std::string path;
};

class MappingEvents {
 public:
  // Throws CaptureError.
  MappingEvents();
  ~MappingEvents();
  MappingEvents(const MappingEvents&) = delete;
  MappingEvents& operator=(const MappingEvents&) = delete;

  // Readable when there are events: an epoll descriptor.
  int Descriptor() const { return waits_; }
  // Calls `visit` for each, in the order of time. False: some were lost, because nobody read them in time.
  bool Read(const std::function<void(const MappingEvent&)>& visit);

 private:
  struct Buffer {
    int event;
    uint8_t* memory;
  };
  void Open(int cpu);
  bool ReadBuffer(const Buffer& buffer, std::vector<MappingEvent>* events);

  std::vector<Buffer> buffers_;
  size_t buffer_bytes_ = 0;
  int waits_ = -1;
};

}  // namespace tinytap
