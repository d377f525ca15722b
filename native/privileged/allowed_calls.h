/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* Seccomp: the few system calls that a program with rights may still make. */
#ifndef TINYTAP_ALLOWED_CALLS_H
#define TINYTAP_ALLOWED_CALLS_H

#include <stddef.h>

enum { ANY_ARGUMENT = -1 };

struct allowed_call {
  int number;
  /* What its first argument, an int, must be; ANY_ARGUMENT: it may be anything. A call may stand here several times. */
  int first_argument;
};

/* From here on, every other call ends this process. 0: done. */
int LimitCalls(const struct allowed_call* allowed, size_t count);

#endif
