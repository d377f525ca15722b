// Lets the thread that reads the ring run only while no other thread wants the CPU, until much is waiting for it.
#pragma once

#include <sys/types.h>

#include <mutex>
#include <thread>

#include "ring_reader.h"

namespace tinytap {

class SpareTime {
 public:
  // `ring_fd` and `reader` stay the caller's and outlive this. Does nothing where a thread could not come back from
  // SCHED_IDLE (sched(7)): without CAP_SYS_NICE.
  SpareTime(int ring_fd, const RingReader& reader);
  ~SpareTime();
  SpareTime(const SpareTime&) = delete;
  SpareTime& operator=(const SpareTime&) = delete;

  // The calling thread takes what time is left over from now on. It is one among others again after End, or by itself when
  // as much waits in the ring as wakes its reader.
  void Begin();
  void End();

 private:
  void Watch();
  void Tell(uint64_t what);

  const int ring_fd_;
  const RingReader& reader_;
  int epoll_ = -1;
  int told_ = -1;
  std::mutex mutex_;
  bool possible_ = false;
  // 0: the thread is one among others.
  pid_t thread_ = 0;
  std::thread watcher_;
};

}  // namespace tinytap
