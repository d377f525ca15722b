// Reads the kernel's ring buffer into the caller's memory: whole records, each at a multiple of 8 bytes. libbpf's own reader
// passes one record per callback, and cannot leave one in the ring if it does not fit.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tinytap {

class RingReader {
 public:
  // `ring_fd` still belongs to the caller. `wake_bytes`: the kernel wakes a waiting reader when this much data is
  // there.
  RingReader(int ring_fd, size_t ring_bytes, size_t wake_bytes);
  ~RingReader();
  RingReader(const RingReader&) = delete;
  RingReader& operator=(const RingReader&) = delete;

  // Fills `into` (8-aligned) and returns the number of bytes written. Gathers records for up to `interval_ms` after the
  // last call, so that a trickle of records does not cost one round each. Returns 0 if there was nothing for
  // `timeout_ms`, or earlier if one of the words `signals` (set by another thread) is not 0, which it checks once per
  // interval.
  //
  // A record that is still being written blocks those after it. With timeout 0, which means that the capture has ended,
  // Poll waits for it, but not forever: after a while it is skipped and counted.
  size_t Poll(uint8_t* into, size_t bytes, int timeout_ms, int interval_ms, const int32_t* signals,
              size_t signal_count);

  // Records skipped, and the bytes reserved for them.
  uint64_t PassedRecords() const { return passed_records_; }
  uint64_t PassedBytes() const { return passed_bytes_; }

  // Bytes in the ring that have not been read yet.
  uint64_t Waiting() const;

 private:
  size_t Take(uint8_t* into, size_t bytes, bool pass_unfinished);
  const uint8_t* At(uint64_t position);
  void Close();

  int ring_fd_;
  size_t mask_;
  size_t wake_bytes_;
  size_t page_;
  int epoll_ = -1;
  uint8_t* consumer_ = nullptr;
  uint8_t* producer_ = nullptr;
  // The mapped part of the data, and where in the data it begins.
  uint8_t* window_ = nullptr;
  size_t window_bytes_;
  size_t window_start_ = 0;
  uint64_t last_poll_ms_ = 0;
  uint64_t passed_records_ = 0;
  uint64_t passed_bytes_ = 0;
};

}  // namespace tinytap
