/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* Seccomp: limits a privileged program to the few system calls that it needs. */
#ifndef TINYTAP_ALLOWED_CALLS_H
#define TINYTAP_ALLOWED_CALLS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { ANY_ARGUMENT = -1 };

struct allowed_call {
  int number;
  /* The required value of its first argument, an int; ANY_ARGUMENT: any value. A call may be listed several times. */
  int first_argument;
};

/* From here on, every other call ends this process. Returns 0 on success. */
int LimitCalls(const struct allowed_call* allowed, size_t count);

#ifdef __cplusplus
}
#endif

#endif
