// See allowed_calls.h.
#include "allowed_calls.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <sys/prctl.h>

#if defined(__x86_64__)
#define THIS_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

enum { ALLOWED_MAX = 64, STATEMENTS_FOR_EACH = 5 };

int LimitCalls(const struct allowed_call* allowed, size_t count) {
  static const struct sock_filter kKill = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  static const struct sock_filter kAllow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_filter code[STATEMENTS_FOR_EACH * ALLOWED_MAX + 4];
  int at = 0;
  if (count > ALLOWED_MAX) {
    errno = E2BIG;
    return -1;
  }
  code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
  code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, THIS_ARCHITECTURE, 1, 0);
  code[at++] = kKill;
  for (size_t i = 0; i < count; i++) {
    unsigned number = (unsigned)allowed[i].number, first = (unsigned)allowed[i].first_argument;
    bool any = allowed[i].first_argument == ANY_ARGUMENT;
    code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, any ? 1 : 3);
    if (!any) {
      // The kernel uses only the lower half of an int, which comes first on these architectures.
      code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args));
      code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, first, 0, 1);
    }
    code[at++] = kAllow;
  }
  code[at++] = kKill;
  struct sock_fprog program = {.len = (unsigned short)at, .filter = code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}
