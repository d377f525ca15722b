// Returns memory to the kernel. Memory that Node and V8 have freed but the C library keeps counts as resident.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tinytap {

// Makes large pieces (buffers, segments, the compiler's zones) go back to the kernel as soon as they are freed. By
// default, glibc raises the threshold for this to the size of the largest piece freed so far.
void ReturnLargePieces();

// Returns free memory inside the heap to the kernel. Takes a few milliseconds.
void TrimMemory();

// Returns the whole pages of this memory, which stays usable. False if the kernel refused.
bool DiscardPages(uint8_t* memory, size_t bytes);

}  // namespace tinytap
