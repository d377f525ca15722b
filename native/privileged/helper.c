// The helper: the only process with rights while tinytap runs. Answers the fixed requests of protocol.h, with no more rights than
// they need, and keeps the BPF programs attached: they end with it. It ends when tinytap does, however that happens, and then
// repairs the terminal if tinytap could not. It never sees a captured byte.
//
// A static program without the C library's bigger parts, so that a short list of system calls is enough for it.
//   tinytap-helper PARENT TERMINAL_SETTINGS TERMINAL_GROUP LINKS PROGRAMS ARRAYS
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <termios.h>
#include <unistd.h>

#include "answers.h"

#if defined(__x86_64__)
#define THIS_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

// Every other call ends the helper.
static const int kAllowedCalls[] = {
    // The socket. Without sendmsg no descriptor can leave.
    SYS_recvfrom,
    SYS_sendto,
    // Requests: LOOKUP, EXECUTABLE, HURRY.
    SYS_pidfd_open,
    SYS_pidfd_getfd,
    SYS_getsockopt,
    SYS_getsockname,
    SYS_getpeername,
    SYS_readlinkat,
    SYS_newfstatat,
    SYS_setpriority,
    SYS_getpriority,
    SYS_tgkill,
    SYS_bpf,
#ifdef SYS_readlink
    SYS_readlink,
    SYS_poll,
#endif
    // The end.
    SYS_ioctl,
    SYS_write,
    SYS_ppoll,
    SYS_close,
    SYS_exit,
    SYS_exit_group,
    SYS_rt_sigreturn,
    SYS_restart_syscall,
    SYS_setitimer,
};

enum { CALLS = sizeof(kAllowedCalls) / sizeof(*kAllowedCalls) };

static int LimitCalls(void) {
  struct sock_filter code[CALLS + 6];
  int at = 0;
  code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
  code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, THIS_ARCHITECTURE, 1, 0);
  code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (int i = 0; i < CALLS; i++)
    code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)kAllowedCalls[i],
                                              (unsigned char)(CALLS - i), 0);
  code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog program = {.len = (unsigned short)at, .filter = code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

static int Digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

// Interrupts a write.
static void Interrupt(int signal) { (void)signal; }

// If tinytap was killed while it read keys, the terminal would not echo what is typed next. Whoever else has the terminal now
// (a shell that noticed first) has set it up itself.
static void RepairTerminal(const char* settings, pid_t group) {
  struct termios before, now;
  if (strlen(settings) != 2 * sizeof(before)) return;
  for (size_t i = 0; i < sizeof(before); i++)
    ((unsigned char*)&before)[i] = (unsigned char)(Digit(settings[2 * i]) << 4 | Digit(settings[2 * i + 1]));
  if (tcgetpgrp(HELPER_TERMINAL) != group || tcgetattr(HELPER_TERMINAL, &now) != 0) return;
  if (memcmp(&before, &now, offsetof(struct termios, c_cc)) == 0) return;
  tcsetattr(HELPER_TERMINAL, TCSANOW, &before);
  // The cursor, bracketed paste, colours; not if that would wait for somebody to read.
  struct pollfd room = {.fd = HELPER_TERMINAL, .events = POLLOUT};
  if (poll(&room, 1, 0) != 1 || (room.revents & POLLOUT) == 0) return;
  static const char kUsual[] = "\033[?25h\033[?2004l\033[0m\r\n";
  // There may be room for less than this. The descriptor has to block, because others have it, too.
  static const struct itimerval kOften = {{0, 100000}, {0, 100000}}, kNever;
  setitimer(ITIMER_REAL, &kOften, NULL);
  ssize_t written = write(HELPER_TERMINAL, kUsual, sizeof(kUsual) - 1);
  (void)written;
  setitimer(ITIMER_REAL, &kNever, NULL);
}

int main(int argc, char** argv) {
  if (argc != 7) return 2;
  pid_t tinytap = atoi(argv[1]);
  pid_t group = atoi(argv[3]);
  int links = atoi(argv[4]), programs = atoi(argv[5]), arrays = atoi(argv[6]);
  int first_program = HELPER_LINKS + links, first_array = first_program + programs;
  for (int number = 1; number < NSIG; number++) signal(number, SIG_IGN);
  sigaction(SIGALRM, &(struct sigaction){.sa_handler = Interrupt}, NULL);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  prctl(PR_SET_NAME, "tinytap-helper", 0, 0, 0);
  struct helper helper = {
      .socket = HELPER_SOCKET,
      .tinytap = tinytap,
      .skips = HELPER_SKIPS,
      .verdicts = HELPER_VERDICTS,
      .connections = HELPER_CONNECTIONS,
      .sockets = HELPER_SOCKETS,
      .chosen = HELPER_CHOSEN,
      .first_program = first_program,
      .programs = programs,
  };
  if (fcntl(HELPER_SKIPS, F_GETFD) >= 0) helper.writes_maps = 1;
  if (LimitCalls() != 0) return 1;
  int goodbye = Serve(&helper);
  // Before the kernel takes its seconds for the links.
  if (!goodbye) RepairTerminal(argv[2], group);
  // Before the arrays, so that no program runs any more.
  for (int fd = HELPER_LINKS; fd < first_array; fd++) close(fd);
  // The kernel frees programs a little later, and until then looks through all that use an array.
  poll(NULL, 0, 1000);
  // Nothing may be left in them for the kernel to take out: see descriptor_keeper.cc.
  for (int i = 0; i < arrays; i++) EmptyArray(first_array + i);
  _exit(0);
}
