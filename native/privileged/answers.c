// See answers.h. Everything in a request may be hostile: it is used only as a number, and only where any number is
// harmless.
#include "answers.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../bpf/control.h"

/* Niceness of a hurried thread. */
#define HURRIED_NICE (-14)

/* Keys of map `chosen` that tinytap has sent since the last REQUEST_CHOSEN. Before Linux 6.1 the map has as many
 * entries. */
#define CHOSEN_MAX 16384

/* Signal 0 only checks: ESRCH unless the thread belongs to this process. If tinytap has ended, the number may be
 * reused. */
static int IsThreadOfTinytap(const struct helper* helper, pid_t thread) {
  if (thread <= 0 || (syscall(SYS_tgkill, helper->tinytap, thread, 0) != 0 && errno == ESRCH)) return 0;
  return !HasEnded(helper->process);
}

static void Hurry(const struct helper* helper, pid_t thread, int on, struct answer* answer) {
  static int usual;

  if (!IsThreadOfTinytap(helper, thread)) {
    answer->error = ESRCH;
    return;
  }
  int now = getpriority(PRIO_PROCESS, (id_t)thread);
  if (on && now != HURRIED_NICE) usual = now;
  int wanted = on && HURRIED_NICE < usual ? HURRIED_NICE : usual;
  if (setpriority(PRIO_PROCESS, (id_t)thread, wanted) != 0) answer->error = errno;
}

static long Bpf(int command, union bpf_attr* attributes) {
  return syscall(SYS_bpf, command, attributes, sizeof(*attributes));
}

static uint64_t Pointer(const void* memory) { return (uint64_t)(uintptr_t)memory; }

static void Update(int map, const void* key, const void* value) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof(attributes));
  attributes.map_fd = (__u32)map;
  attributes.key = Pointer(key);
  attributes.value = Pointer(value);
  Bpf(BPF_MAP_UPDATE_ELEM, &attributes);
}

static long Element(int command, int map, const void* key, void* value) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof(attributes));
  attributes.map_fd = (__u32)map;
  attributes.key = Pointer(key);
  attributes.value = Pointer(value);
  return Bpf(command, &attributes);
}

static void Dismiss(const struct helper* helper, __u64 conn, struct answer* answer) {
  struct connection value;
  memset(&value, 0, sizeof(value));
  if (Element(BPF_MAP_LOOKUP_ELEM, helper->connections, &conn, &value) == 0) {
    answer->value = value.nameless;
    if (value.socket_number != 0) Element(BPF_MAP_DELETE_ELEM, helper->sockets, &value.socket_number, NULL);
  }
  if (Element(BPF_MAP_DELETE_ELEM, helper->connections, &conn, NULL) != 0 && errno != ENOENT) answer->error = errno;
}

static __u32 chosen[CHOSEN_MAX];
static size_t chosen_count;

static void Choose(const struct helper* helper, __u32 key, __u32 bits) {
  if (chosen_count == CHOSEN_MAX) return;
  chosen[chosen_count++] = key;
  Update(helper->chosen, &key, &bits);
}

static int IsChosen(__u32 key) {
  for (size_t i = 0; i < chosen_count; i++)
    if (chosen[i] == key) return 1;
  return 0;
}

/* Deletes the keys that are no longer chosen. */
static void EndChoice(const struct helper* helper) {
  static __u32 others[CHOSEN_MAX];
  size_t count = 0;
  __u32 key = 0, next = 0;
  for (const __u32* from = NULL; count < CHOSEN_MAX; from = &key) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof(attributes));
    attributes.map_fd = helper->chosen;
    attributes.key = Pointer(from);
    attributes.next_key = Pointer(&next);
    if (Bpf(BPF_MAP_GET_NEXT_KEY, &attributes) != 0) break;
    key = next;
    if (!IsChosen(key)) others[count++] = key;
  }
  for (size_t i = 0; i < count; i++) Element(BPF_MAP_DELETE_ELEM, helper->chosen, &others[i], NULL);
  chosen_count = 0;
}

void EmptyArray(int map) {
  __u32 key = 0, next = 0;
  for (const __u32* from = NULL;; from = &key) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof(attributes));
    attributes.map_fd = (__u32)map;
    attributes.key = Pointer(from);
    attributes.next_key = Pointer(&next);
    if (Bpf(BPF_MAP_GET_NEXT_KEY, &attributes) != 0) return;
    key = next;
    Element(BPF_MAP_DELETE_ELEM, map, &key, NULL);
  }
}

/* How often the kernel did not run a program because it, or another of its kind, was already running. */
static __u64 Misses(const struct helper* helper) {
  __u64 sum = 0;
  for (int i = 0; i < helper->programs; i++) {
    struct bpf_prog_info program;
    union bpf_attr attributes;
    memset(&program, 0, sizeof(program));
    memset(&attributes, 0, sizeof(attributes));
    attributes.info.bpf_fd = (__u32)(helper->first_program + i);
    attributes.info.info_len = sizeof(program);
    attributes.info.info = Pointer(&program);
    if (Bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes) == 0) sum += program.recursion_misses;
  }
  return sum;
}

static int WritesMap(const struct helper* helper, const struct request* request, struct answer* answer) {
  if (!helper->writes_maps) return 0;
  if (request->type == REQUEST_SKIP) {
    struct skip_key key = {request->conn, request->direction, 0};
    Update(helper->skips, &key, &request->offset);
  } else if (request->type == REQUEST_CONFIRM) {
    __u32 verdict = VERDICT_SOCKET;
    Update(helper->verdicts, &request->conn, &verdict);
  } else if (request->type == REQUEST_CHOOSE) {
    Choose(helper, (__u32)request->pid, (__u32)request->fd);
  } else if (request->type == REQUEST_CHOSEN) {
    EndChoice(helper);
    SendAnswer(helper->socket, request, answer);
  } else {
    return 0;
  }
  return 1;
}

int AnswerRequest(struct helper* helper, const struct request* request, struct answer* answer) {
  memset(answer, 0, sizeof(*answer));
  if (request->type == REQUEST_HURRY) {
    Hurry(helper, request->pid, request->fd, answer);
  } else if (request->type == REQUEST_MISSES) {
    answer->value = Misses(helper);
  } else if (request->type == REQUEST_DISMISS) {
    Dismiss(helper, request->conn, answer);
  } else {
    return WritesMap(helper, request, answer);
  }
  SendAnswer(helper->socket, request, answer);
  return 1;
}

int Serve(struct helper* helper) {
  static struct request request;
  static struct answer answer;
  for (;;) {
    int received = WaitForRequest(helper->socket, helper->process, &request);
    if (received == 0) return 0;
    if (received < 0) continue;
    if (request.type == REQUEST_GOODBYE) return 1;
    AnswerRequest(helper, &request, &answer);
  }
}
