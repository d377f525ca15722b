// See process_memory.h.
#include "process_memory.h"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

namespace tinytap {

#ifdef __GLIBC__

static const int kLargePiece = 128 << 10;

void ReturnLargePieces() { mallopt(M_MMAP_THRESHOLD, kLargePiece); }

void TrimMemory() { malloc_trim(0); }

#else

void ReturnLargePieces() {}

void TrimMemory() {}

#endif

bool DiscardPages(uint8_t* memory, size_t bytes) {
  const uintptr_t page = sysconf(_SC_PAGESIZE);
  const uintptr_t start = (reinterpret_cast<uintptr_t>(memory) + page - 1) & ~(page - 1);
  const uintptr_t end = (reinterpret_cast<uintptr_t>(memory) + bytes) & ~(page - 1);
  return start < end && madvise(reinterpret_cast<void*>(start), end - start, MADV_DONTNEED) == 0;
}

}  // namespace tinytap
