// Giving memory back to the kernel. What the C library keeps of what Node and V8 have freed counts as resident.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tinytap {

// Large pieces (buffers, segments, the compiler's zones) go back to the kernel as soon as they are freed. By default glibc
// raises the size from which it does that to that of the largest piece freed so far.
void ReturnLargePieces();

// Returns to the kernel what is free inside the heap. Takes a few milliseconds.
void TrimMemory();

// Returns the whole pages of this memory, which stays usable. False: the kernel did not take them.
bool DiscardPages(uint8_t* memory, size_t bytes);

}  // namespace tinytap
