// The sockets that processes hold when the capture begins, found in /proc and identified by inode number.
#pragma once

#include <cstddef>

namespace tinytap {

class Capture;

// Reports to the capture every socket of every process that may be examined; returns their number. Call before Attach.
size_t LearnSockets(Capture& capture);

}  // namespace tinytap
