// A looker: says what a descriptor or the executable of another process is (LOOKUP and EXECUTABLE of protocol.h). A
// hostile process decides how long that takes: closing a copy of its file waits for its file system in user space,
// which nothing can interrupt. So lookers hold nothing that matters, several of them share one socket, and a stuck one
// is abandoned.
//
// A static program with a short list of system calls, like the helper.
//   tinytap-looker
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../system_calls.h"
#include "allowed_calls.h"
#include "request_socket.h"

static const struct allowed_call kAllowedCalls[] = {
    // Only its own socket, although it briefly has copies of others.
    {SYS_recvfrom, HELPER_SOCKET},   {SYS_sendto, HELPER_SOCKET},
#ifdef SYS_epoll_wait
    {SYS_epoll_wait, ANY_ARGUMENT},
#endif
    {SYS_epoll_pwait, ANY_ARGUMENT}, {SYS_pidfd_open, ANY_ARGUMENT},   {SYS_pidfd_getfd, ANY_ARGUMENT},
    {SYS_getsockopt, ANY_ARGUMENT},  {SYS_getsockname, ANY_ARGUMENT},  {SYS_getpeername, ANY_ARGUMENT},
    {SYS_readlinkat, AT_FDCWD},
#ifdef SYS_readlink
    {SYS_readlink, ANY_ARGUMENT},
#endif
    {SYS_newfstatat, AT_FDCWD},      {SYS_close, ANY_ARGUMENT},        {SYS_exit, ANY_ARGUMENT},
    {SYS_exit_group, ANY_ARGUMENT},  {SYS_rt_sigreturn, ANY_ARGUMENT}, {SYS_restart_syscall, ANY_ARGUMENT},
};

static void Lookup(pid_t pid, int fd, struct answer* answer) {
  int process = (int)syscall(SYS_pidfd_open, pid, 0);
  answer->kind = DESCRIPTOR_IS_HIDDEN;
  if (process < 0) {
    // EINVAL: not the id of a process.
    if (errno == ESRCH || errno == EINVAL) answer->kind = DESCRIPTOR_IS_GONE;
    return;
  }
  int copy = (int)syscall(SYS_pidfd_getfd, process, fd, 0);
  if (copy < 0 && (errno == ESRCH || errno == EBADF)) answer->kind = DESCRIPTOR_IS_GONE;
  close(process);
  if (copy < 0) return;
  socklen_t length = sizeof(answer->socket_type);
  answer->kind = DESCRIPTOR_IS_FILE;
  if (getsockopt(copy, SOL_SOCKET, SO_TYPE, &answer->socket_type, &length) == 0) {
    answer->kind = DESCRIPTOR_IS_SOCKET;
    length = ANSWER_ADDRESS_BYTES;
    if (getsockname(copy, (struct sockaddr*)answer->local, &length) == 0) answer->local_length = length;
    length = ANSWER_ADDRESS_BYTES;
    if (getpeername(copy, (struct sockaddr*)answer->peer, &length) == 0) answer->peer_length = length;
  }
  close(copy);
}

// The path without the mark that the kernel adds when the file is gone.
static void Executable(pid_t pid, struct answer* answer) {
  static const char kMark[] = " (deleted)";
  char link[64];
  if (pid <= 0) return;
  snprintf(link, sizeof(link), "/proc/%d/exe", pid);
  ssize_t length = readlink(link, answer->text, ANSWER_TEXT_BYTES - 1);
  if (length <= 0) return;
  size_t mark = sizeof(kMark) - 1, bytes = (size_t)length;
  answer->text[bytes] = '\0';
  if (bytes > mark && memcmp(answer->text + bytes - mark, kMark, mark) == 0) {
    // A file's name may also end like this.
    struct stat executed, named;
    // Older C libraries have another system call for stat().
    int is_name = fstatat(AT_FDCWD, link, &executed, 0) == 0 && executed.st_nlink > 0 &&
                  fstatat(AT_FDCWD, answer->text, &named, 0) == 0 && named.st_ino == executed.st_ino &&
                  named.st_dev == executed.st_dev;
    if (!is_name) bytes -= mark;
  }
  answer->text_length = (__u32)bytes;
}

static void Answer(const struct request* request) {
  static struct answer answer;
  memset(&answer, 0, sizeof(answer));
  if (request->type == REQUEST_LOOKUP)
    Lookup(request->pid, request->fd, &answer);
  else if (request->type == REQUEST_EXECUTABLE)
    Executable(request->pid, &answer);
  else
    return;
  SendAnswer(HELPER_SOCKET, request, &answer);
}

// A request wakes one looker, the end wakes all of them.
static int Waits(void) {
  int waits = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event request = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.fd = HELPER_SOCKET};
  struct epoll_event end = {.events = EPOLLIN, .data.fd = HELPER_TINYTAP};
  if (epoll_ctl(waits, EPOLL_CTL_ADD, HELPER_SOCKET, &request) != 0) return -1;
  return epoll_ctl(waits, EPOLL_CTL_ADD, HELPER_TINYTAP, &end) == 0 ? waits : -1;
}

int main(void) {
  static struct request request;
  for (int number = 1; number < NSIG; number++) signal(number, SIG_IGN);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  prctl(PR_SET_NAME, "tinytap-looker", 0, 0, 0);
  // This also ends the wait for a socket with SO_LINGER, which has no other end.
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  int waits = Waits();
  if (waits < 0) return 1;
  if (LimitCalls(kAllowedCalls, sizeof(kAllowedCalls) / sizeof(*kAllowedCalls)) != 0) return 1;
  for (;;) {
    struct epoll_event event;
    if (epoll_wait(waits, &event, 1, -1) != 1) continue;
    if (event.data.fd == HELPER_TINYTAP) _exit(0);
    int taken = TakeRequest(HELPER_SOCKET, &request);
    if (taken == 0) _exit(0);
    if (taken == 1) Answer(&request);
  }
}
