/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* The receiving end of the request socket. Plain C without allocation. */
#ifndef TINYTAP_REQUEST_SOCKET_H
#define TINYTAP_REQUEST_SOCKET_H

#include <sys/types.h>

#include "protocol.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { REQUEST_NONE = -2 };

/* Whether the process of this pidfd has ended. */
int HasEnded(int process);

/* Takes a request that has arrived. 1: taken; 0: the other side has closed the socket; -1: the message is not a
 * request; REQUEST_NONE: nothing has arrived. */
int TakeRequest(int socket, struct request* request);

/* Waits for a request from the process of pidfd `process`. 1: taken; 0: it has closed the socket, or has ended
 * without a goodbye, whoever else may hold the socket; -1: the message is not a request. */
int WaitForRequest(int socket, int process, struct request* request);

void SendAnswer(int socket, const struct request* request, struct answer* answer);

#ifdef __cplusplus
}
#endif
#endif
