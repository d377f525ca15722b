// Asks the kernel what a descriptor of another process is, and for a socket's addresses. Needs CAP_SYS_PTRACE over it.
#pragma once

#include <cstdint>
#include <string>

struct answer;

namespace tinytap {

enum class DescriptorKind {
  kSocket,
  kFile,
  // The process or descriptor does not exist (any more).
  kGone,
  // The kernel gave no answer.
  kUnknown,
};

struct SocketFacts {
  DescriptorKind kind = DescriptorKind::kUnknown;
  // SOCK_*, AF_*; 0 unless it is a socket.
  int type = 0;
  int family = 0;
  // `ip:port`, `[v6]:port`, `unix:/path`, or empty. An IPv4 address in IPv6 form is given as IPv4.
  std::string local;
  std::string remote;
};

// A duplicate of descriptor `fd` of process `pid`, or -1 with errno. The caller closes it at once: while the duplicate
// exists, a close in the other process does not send the FIN.
int CopyDescriptor(int pid, int fd);

// From the helper's answer to REQUEST_LOOKUP.
SocketFacts FactsOf(const answer& answer);

// This takes a few microseconds.
SocketFacts LookupSocket(int pid, int fd);

}  // namespace tinytap
