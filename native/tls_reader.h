// Reads files of other processes in processes without any privileges, because the files may be hostile, and their file
// systems may take as long as they like.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "tls_places.h"

namespace tinytap {

// What such a process has found. Of a fixed size; texts end with NUL.
struct TlsReading {
  // errno of opening it, 0: it was read.
  int32_t error;
  // The file has an inode number of its own, which need not be that of the mapping: overlayfs.
  uint32_t is_overlay;
  // The device, unless the file system has several, as btrfs does; then 0.
  uint64_t device;
  uint64_t inode;
  // Hash of the file's build id; 0: it has none.
  uint64_t build;
  TlsFile file;
};

// A process that reads one file. Killed when this object goes.
class TlsReader {
 public:
  // Begins to read the file whose O_PATH descriptor is `path`. Throws CaptureError if there can be no further process.
  explicit TlsReader(int path);
  ~TlsReader();
  TlsReader(const TlsReader&) = delete;
  TlsReader& operator=(const TlsReader&) = delete;

  // Becomes readable when the process has finished, one way or another.
  int Pipe() const { return pipe_; }
  bool IsReady() const;
  // Call when it is ready. Nothing: the process ended without a result.
  std::optional<TlsReading> Result();

 private:
  pid_t process_ = -1;
  int pipe_ = -1;
};

}  // namespace tinytap
