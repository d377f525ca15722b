/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* Answers to the requests that the helper and the attacher share. None of them touches another process's files or sockets,
 * so none can be held up. Plain C without allocation. */
#ifndef TINYTAP_ANSWERS_H
#define TINYTAP_ANSWERS_H

#include <sys/types.h>

#include "request_socket.h"

#ifdef __cplusplus
extern "C" {
#endif

struct helper {
  int socket;
  /* The process that asks, the only one whose threads HURRY may touch, and its pidfd. */
  pid_t tinytap;
  int process;
  int connections;
  int sockets;
  /* The other maps are there, for a kernel that refuses tinytap itself all of bpf(2). */
  int writes_maps;
  int skips;
  int verdicts;
  int chosen;
  /* Descriptors of programs whose misses are asked for. */
  int first_program;
  int programs;
};

/* Answers a request. 1: answered, or needs no answer; 0: the helper does not know it. */
int AnswerRequest(struct helper* helper, const struct request* request, struct answer* answer);

/* Takes everything out of a map of programs. */
void EmptyArray(int map);

/* Answers until the other side is gone. 1 if it said goodbye. */
int Serve(struct helper* helper);

#ifdef __cplusplus
}
#endif
#endif
