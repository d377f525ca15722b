/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* Answers to the requests that the helper and the attacher share. None of them touches another process's files or
 * sockets, so none can be blocked by one. Plain C without allocation. */
#ifndef TINYTAP_ANSWERS_H
#define TINYTAP_ANSWERS_H

#include <sys/types.h>

#include "request_socket.h"

#ifdef __cplusplus
extern "C" {
#endif

struct helper {
  int socket;
  /* The asking process, the only one whose threads HURRY may touch, and its pidfd. */
  pid_t tinytap;
  int process;
  int connections;
  int sockets;
  /* The descriptors of the other maps are present, for a kernel that refuses tinytap itself every bpf(2) call. */
  int writes_maps;
  int skips;
  int verdicts;
  int chosen;
  /* Descriptors of the programs whose misses are counted. */
  int first_program;
  int programs;
};

/* Answers a request. 1: answered, or needs no answer; 0: the helper does not know it. */
int AnswerRequest(struct helper* helper, const struct request* request, struct answer* answer);

/* Removes all entries from a map of programs. */
void EmptyArray(int map);

/* Answers until the other side is gone. Returns 1 if it said goodbye. */
int Serve(struct helper* helper);

#ifdef __cplusplus
}
#endif
#endif
