// See descriptor_keeper.h.
#include "descriptor_keeper.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "system_calls.h"

namespace tinytap {

static void CloseRange(unsigned first, unsigned last) {
  if (syscall(SYS_close_range, first, last, 0) == 0) return;
  // For kernels before 5.9.
  for (unsigned fd = first; fd <= last && fd < 65536; fd++) close(static_cast<int>(fd));
}

static void EmptyArray(int array) {
  uint32_t key = 0, next;
  for (const uint32_t* at = nullptr; bpf_map_get_next_key(array, at, &next) == 0; at = &key) {
    bpf_map_delete_elem(array, &next);
    key = next;
  }
}

// The keeper's work. It uses only calls that are allowed after a fork in a multi-threaded process.
[[noreturn]] static void Keep(const std::vector<int>& kept, int wait_for, const std::vector<int>& arrays) {
  // Node's handler is still installed, but it belongs to another process.
  signal(SIGUSR1, SIG_IGN);
  unsigned next = 0;
  for (int fd : kept) {
    if (static_cast<unsigned>(fd) > next) CloseRange(next, static_cast<unsigned>(fd) - 1);
    next = static_cast<unsigned>(fd) + 1;
  }
  CloseRange(next, ~0U);
  char byte;
  while (read(wait_for, &byte, 1) > 0) {
  }
  for (int fd : kept) {
    if (std::find(arrays.begin(), arrays.end(), fd) == arrays.end()) close(fd);
  }
  // No program runs any more. When the last descriptor of an array is closed, the kernel schedules work that empties
  // it, and does so again each time somebody else (bpftool) opens and closes it. Kernels up to at least 6.18 take a
  // reference each time and drop only one if the work has not run yet. So nothing must be left for this work to do.
  for (int array : arrays) EmptyArray(array);
  // Programs are freed a little later, and until then the kernel's work goes through all programs that use the array.
  sleep(1);
  _exit(0);
}

int KeepDescriptors(std::vector<int> descriptors, const std::vector<int>& arrays) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  descriptors.push_back(ends[0]);
  descriptors.insert(descriptors.end(), arrays.begin(), arrays.end());
  std::sort(descriptors.begin(), descriptors.end());
  pid_t child = fork();
  if (child == 0) {
    // In its own session, so that a Ctrl-C at the terminal does not reach it, and as a grandchild, so that nobody has
    // to wait for it.
    setsid();
    if (fork() == 0) Keep(descriptors, ends[0], arrays);
    _exit(0);
  }
  close(ends[0]);
  if (child < 0) {
    close(ends[1]);
    return -1;
  }
  waitpid(child, nullptr, 0);
  return ends[1];
}

}  // namespace tinytap
