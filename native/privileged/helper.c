// The helper: keeps the BPF programs attached, which end with it, and answers the fixed requests of protocol.h, with
// only the privileges they need. It ends when tinytap does, however that happens, and then repairs the terminal if
// tinytap could not. It never sees a captured byte, and never touches a file or socket of another process, because that
// could block it (see looker.c).
//
// A static program that uses only small parts of the C library, so that a short list of system calls is enough.
//   tinytap-helper PARENT TERMINAL_SETTINGS TERMINAL_GROUP LINKS PROGRAMS ARRAYS
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <termios.h>
#include <unistd.h>

#include "allowed_calls.h"
#include "answers.h"

static const struct allowed_call kAllowedCalls[] = {
    // The socket. Without sendmsg, no descriptor can be sent.
    {SYS_recvfrom, HELPER_SOCKET},
    {SYS_sendto, HELPER_SOCKET},
    // HURRY, MISSES, and the maps.
    {SYS_setpriority, PRIO_PROCESS},
    {SYS_getpriority, PRIO_PROCESS},
    {SYS_tgkill, ANY_ARGUMENT},
    {SYS_bpf, BPF_MAP_LOOKUP_ELEM},
    {SYS_bpf, BPF_MAP_UPDATE_ELEM},
    {SYS_bpf, BPF_MAP_DELETE_ELEM},
    {SYS_bpf, BPF_MAP_GET_NEXT_KEY},
    {SYS_bpf, BPF_OBJ_GET_INFO_BY_FD},
#ifdef SYS_poll
    {SYS_poll, ANY_ARGUMENT},
#endif
    {SYS_ppoll, ANY_ARGUMENT},
    // For the end.
    {SYS_ioctl, HELPER_TERMINAL},
    {SYS_write, HELPER_TERMINAL},
    {SYS_close, ANY_ARGUMENT},
    {SYS_exit, ANY_ARGUMENT},
    {SYS_exit_group, ANY_ARGUMENT},
    {SYS_rt_sigreturn, ANY_ARGUMENT},
    {SYS_restart_syscall, ANY_ARGUMENT},
    {SYS_setitimer, ITIMER_REAL},
};

static int Digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

// Interrupts a write.
static void Interrupt(int signal) { (void)signal; }

// If tinytap was killed while it read keys, the terminal would not echo what is typed next. If another program (a shell
// that noticed first) has the terminal now, it has set it up itself.
static void RepairTerminal(const char* settings, pid_t group) {
  struct termios before, now;
  if (strlen(settings) != 2 * sizeof(before)) return;
  for (size_t i = 0; i < sizeof(before); i++)
    ((unsigned char*)&before)[i] = (unsigned char)(Digit(settings[2 * i]) << 4 | Digit(settings[2 * i + 1]));
  if (tcgetpgrp(HELPER_TERMINAL) != group || tcgetattr(HELPER_TERMINAL, &now) != 0) return;
  if (memcmp(&before, &now, offsetof(struct termios, c_cc)) == 0) return;
  tcsetattr(HELPER_TERMINAL, TCSANOW, &before);
  // The cursor, bracketed paste, colours; skipped if writing would block.
  struct pollfd room = {.fd = HELPER_TERMINAL, .events = POLLOUT};
  if (poll(&room, 1, 0) != 1 || (room.revents & POLLOUT) == 0) return;
  static const char kUsual[] = "\033[?25h\033[?2004l\033[0m\r\n";
  // There may be room for less than this. The descriptor must stay blocking, because others share it.
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
      .process = HELPER_TINYTAP,
      .skips = HELPER_SKIPS,
      .verdicts = HELPER_VERDICTS,
      .connections = HELPER_CONNECTIONS,
      .sockets = HELPER_SOCKETS,
      .chosen = HELPER_CHOSEN,
      .first_program = first_program,
      .programs = programs,
  };
  if (fcntl(HELPER_SKIPS, F_GETFD) >= 0) helper.writes_maps = 1;
  if (LimitCalls(kAllowedCalls, sizeof(kAllowedCalls) / sizeof(*kAllowedCalls)) != 0) return 1;
  int goodbye = Serve(&helper);
  // Before the seconds that the kernel takes for the links.
  if (!goodbye) RepairTerminal(argv[2], group);
  // Before the arrays, so that no program runs any more.
  for (int fd = HELPER_LINKS; fd < first_array; fd++) close(fd);
  // The kernel frees programs a little later, and until then goes through all that use an array.
  poll(NULL, 0, 1000);
  // Nothing may be left in them for the kernel to remove: see descriptor_keeper.cc.
  for (int i = 0; i < arrays; i++) EmptyArray(first_array + i);
  _exit(0);
}
