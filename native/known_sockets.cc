// See known_sockets.h.
#include "known_sockets.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "capture.h"
#include "proc_numbers.h"
#include "socket_facts.h"
#include "text_file.h"

namespace tinytap {

// The inode number in `socket:[NUMBER]`; 0: something else.
static uint64_t SocketInode(const std::string& link) {
  char target[64];
  ssize_t bytes = readlink(link.c_str(), target, sizeof(target) - 1);
  if (bytes < 8 || std::strncmp(target, "socket:[", 8) != 0) return 0;
  target[bytes] = '\0';
  return std::strtoull(target + 8, nullptr, 10);
}

// fdinfo has `flags:	02000002`, octal.
static bool ClosesOnExec(const std::string& path) {
  static const std::string kName = "\nflags:";
  std::string text = ReadText(path).value_or("");
  size_t flags = text.find(kName);
  return flags != std::string::npos &&
         (std::strtoul(text.c_str() + flags + kName.size(), nullptr, 8) & SOCK_CLOEXEC) != 0;
}

static void CopyAddress(uint8_t* into, const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) std::memcpy(into, &address, 8);
  if (address.ss_family == AF_INET6) std::memcpy(into, &address, sizeof(sockaddr_in6));
  if (address.ss_family == AF_UNIX) std::memcpy(into, &address, sizeof(address.ss_family));
}

static int IntegerOption(int fd, int option) {
  int value = 0;
  socklen_t length = sizeof(value);
  getsockopt(fd, SOL_SOCKET, option, &value, &length);
  return value;
}

static bool Learn(Capture& capture, int pid, int fd, uint64_t inode) {
  std::string descriptor = std::to_string(pid) + "/fdinfo/" + std::to_string(fd);
  KnownDescriptor known;
  known.close_on_exec = ClosesOnExec("/proc/" + descriptor);
  known.socket = true;
  known.group = inode;
  int copy = CopyDescriptor(pid, fd);
  // Without the right to look inside, all we know is that it is a socket.
  if (copy >= 0) {
    sockaddr_storage local = {}, peer = {};
    socklen_t local_length = sizeof(local), peer_length = sizeof(peer);
    known.socket = IntegerOption(copy, SO_TYPE) == SOCK_STREAM;
    if (getpeername(copy, reinterpret_cast<sockaddr*>(&peer), &peer_length) != 0 ||
        IntegerOption(copy, SO_ACCEPTCONN) != 0)
      known.group = 0;
    getsockname(copy, reinterpret_cast<sockaddr*>(&local), &local_length);
    close(copy);
    CopyAddress(known.addresses, peer);
    CopyAddress(known.addresses + CAPTURE_ADDRESS_BYTES, local);
  }
  return capture.SetDescriptor(pid, fd, known);
}

size_t LearnSockets(Capture& capture) {
  size_t count = 0;
  if (!SeesKernelPids()) return count;
  for (int pid : NumbersIn("/proc")) {
    if (pid == getpid()) continue;
    std::string descriptors = "/proc/" + std::to_string(pid) + "/fd";
    for (int fd : NumbersIn(descriptors)) {
      uint64_t inode = SocketInode(descriptors + "/" + std::to_string(fd));
      if (inode == 0) continue;
      if (!Learn(capture, pid, fd, inode)) return count;
      count++;
    }
  }
  return count;
}

}  // namespace tinytap
