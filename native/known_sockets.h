// The sockets that processes hold when capture begins: found in /proc, identified by the kernel's socket cookie.
#pragma once

#include <cstddef>

namespace tinytap {

class Capture;

// Tells the capture of every socket of every process that may be looked at; how many it was told. Before Attach.
size_t LearnSockets(Capture& capture);

}  // namespace tinytap
