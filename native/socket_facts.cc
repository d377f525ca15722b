// See socket_facts.h.
#include "socket_facts.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "privileged/protocol.h"
#include "system_calls.h"

namespace tinytap {

static std::string FormatV4(const in_addr& address, uint16_t port) {
  char text[INET_ADDRSTRLEN];
  inet_ntop(AF_INET, &address, text, sizeof(text));
  return std::string(text) + ":" + std::to_string(ntohs(port));
}

static std::string FormatAddress(const sockaddr_storage& storage, socklen_t length) {
  if (storage.ss_family == AF_INET && length >= sizeof(sockaddr_in)) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    return FormatV4(v4.sin_addr, v4.sin_port);
  }
  if (storage.ss_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      in_addr v4;
      __builtin_memcpy(&v4, v6.sin6_addr.s6_addr + 12, sizeof(v4));
      return FormatV4(v4, v6.sin6_port);
    }
    char text[INET6_ADDRSTRLEN];
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof(text));
    std::string scope = v6.sin6_scope_id != 0 ? "%" + std::to_string(v6.sin6_scope_id) : "";
    return "[" + std::string(text) + scope + "]:" + std::to_string(ntohs(v6.sin6_port));
  }
  if (storage.ss_family == AF_UNIX && length > offsetof(sockaddr_un, sun_path)) {
    const auto& local = reinterpret_cast<const sockaddr_un&>(storage);
    size_t bytes = length - offsetof(sockaddr_un, sun_path);
    // A name in the abstract namespace begins with NUL and may contain more NULs.
    if (local.sun_path[0] == '\0') return "unix:@" + std::string(local.sun_path + 1, bytes - 1);
    return "unix:" + std::string(local.sun_path, strnlen(local.sun_path, bytes));
  }
  return "";
}

int CopyDescriptor(int pid, int fd) {
  int process = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (process < 0) {
    // EINVAL: not the id of a process.
    if (errno == EINVAL) errno = ESRCH;
    return -1;
  }
  int copy = static_cast<int>(syscall(SYS_pidfd_getfd, process, fd, 0));
  int error = errno;
  close(process);
  errno = error;
  return copy;
}

static void SetAddresses(SocketFacts* facts, const sockaddr_storage& local, socklen_t local_length,
                         const sockaddr_storage& remote, socklen_t remote_length) {
  if (local_length > 0) {
    facts->family = local.ss_family;
    facts->local = FormatAddress(local, local_length);
  }
  if (remote_length > 0) facts->remote = FormatAddress(remote, remote_length);
}

SocketFacts FactsOf(const answer& answer) {
  static_assert(ANSWER_ADDRESS_BYTES == sizeof(sockaddr_storage), "an address of any family fits");
  SocketFacts facts;
  if (answer.kind > DESCRIPTOR_IS_HIDDEN) return facts;
  facts.kind = static_cast<DescriptorKind>(answer.kind);
  if (facts.kind != DescriptorKind::kSocket) return facts;
  facts.type = static_cast<int>(answer.socket_type);
  sockaddr_storage local, remote;
  std::memcpy(&local, answer.local, sizeof(local));
  std::memcpy(&remote, answer.peer, sizeof(remote));
  const socklen_t most = sizeof(local);
  SetAddresses(&facts, local, std::min<socklen_t>(answer.local_length, most), remote,
               std::min<socklen_t>(answer.peer_length, most));
  return facts;
}

SocketFacts LookupSocket(int pid, int fd) {
  SocketFacts facts;
  int copy = CopyDescriptor(pid, fd);
  if (copy < 0) {
    if (errno == ESRCH || errno == EBADF) facts.kind = DescriptorKind::kGone;
    return facts;
  }
  sockaddr_storage local = {}, remote = {};
  socklen_t local_length = sizeof(local), remote_length = sizeof(remote), length = sizeof(facts.type);
  bool is_socket = getsockopt(copy, SOL_SOCKET, SO_TYPE, &facts.type, &length) == 0;
  bool has_local = is_socket && getsockname(copy, reinterpret_cast<sockaddr*>(&local), &local_length) == 0;
  bool has_remote = is_socket && getpeername(copy, reinterpret_cast<sockaddr*>(&remote), &remote_length) == 0;
  close(copy);
  facts.kind = is_socket ? DescriptorKind::kSocket : DescriptorKind::kFile;
  SetAddresses(&facts, local, has_local ? local_length : 0, remote, has_remote ? remote_length : 0);
  return facts;
}

}  // namespace tinytap
