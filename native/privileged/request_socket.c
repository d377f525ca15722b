// See request_socket.h.
#include "request_socket.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

/* More than fit into the socket. */
#define UNREAD_MAX 4096

int HasEnded(int process) {
  struct pollfd ended = {.fd = process, .events = POLLIN};
  return poll(&ended, 1, 0) == 1 && (ended.revents & POLLIN) != 0;
}

int TakeRequest(int socket, struct request* request) {
  ssize_t length;
  // ECONNRESET, once: the other side has left answers unread. Its requests can still be read.
  do length = recv(socket, request, sizeof(*request), MSG_TRUNC | MSG_DONTWAIT);
  while (length < 0 && (errno == EINTR || errno == ECONNRESET));
  if (length < 0 && errno == EAGAIN) return REQUEST_NONE;
  if (length <= 0) return 0;
  return length == (ssize_t)sizeof(*request) ? 1 : -1;
}

/* No request matters any more, only whether tinytap said goodbye. */
static int TakeGoodbye(int socket, struct request* request) {
  for (int i = 0; i < UNREAD_MAX; i++) {
    int taken = TakeRequest(socket, request);
    if (taken == 1 && request->type == REQUEST_GOODBYE) return 1;
    if (taken == 0 || taken == REQUEST_NONE) break;
  }
  return 0;
}

int WaitForRequest(int socket, int process, struct request* request) {
  for (;;) {
    struct pollfd ready[] = {{.fd = socket, .events = POLLIN}, {.fd = process, .events = POLLIN}};
    if (poll(ready, 2, -1) < 0) continue;
    if ((ready[1].revents & POLLIN) != 0) return TakeGoodbye(socket, request);
    int taken = TakeRequest(socket, request);
    if (taken != REQUEST_NONE) return taken;
  }
}

void SendAnswer(int socket, const struct request* request, struct answer* answer) {
  answer->type = request->type;
  answer->sequence = request->sequence;
  /* If the other side does not read, it gets no answer; later ones are as good. */
  send(socket, answer, sizeof(*answer), MSG_DONTWAIT | MSG_NOSIGNAL);
}
