// Memory that is going to be written soon, and never was.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tinytap {

// Has the kernel put pages behind it in one go (Linux 5.14), which takes half of what a fault for each page does. No
// error when it does not.
void TouchPages(uint8_t* memory, size_t bytes);

}  // namespace tinytap
