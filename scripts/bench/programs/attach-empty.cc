// Attaches an empty program to each named tracepoint: attach-empty OBJECT CATEGORY/NAME…. raw_syscalls/sys_exit, which
// runs for every call, is attached without perf. Prints `attached N` and waits for a signal.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>

#include "../../../native/tracefs.h"

int main(int count, char** arguments) {
  bpf_object* object = count > 1 ? bpf_object__open_file(arguments[1], nullptr) : nullptr;
  if (object == nullptr || bpf_object__load(object) != 0) {
    std::fprintf(stderr, "attach-empty: cannot load the object\n");
    return 1;
  }
  bpf_program* program = bpf_object__find_program_by_name(object, "empty");
  tinytap::Tracefs tracefs("");
  int attached = 0;
  for (int i = 2; i < count; i++) {
    std::string name = arguments[i];
    if (name == "raw_syscalls/sys_exit") {
      if (bpf_program__attach_trace(bpf_object__find_program_by_name(object, "empty_exit")) == nullptr) {
        std::fprintf(stderr, "attach-empty: cannot attach to %s\n", name.c_str());
        return 1;
      }
      attached++;
      continue;
    }
    size_t slash = name.find('/');
    auto id = tracefs.TracepointId(name.substr(0, slash), name.substr(slash + 1));
    if (!id) continue;
    perf_event_attr attributes = {};
    attributes.type = PERF_TYPE_TRACEPOINT;
    attributes.size = sizeof(attributes);
    attributes.config = *id;
    int event = static_cast<int>(syscall(SYS_perf_event_open, &attributes, -1, 0, -1, PERF_FLAG_FD_CLOEXEC));
    if (event < 0 || bpf_program__attach_perf_event(program, event) == nullptr) {
      std::fprintf(stderr, "attach-empty: cannot attach to %s\n", name.c_str());
      return 1;
    }
    attached++;
  }
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  std::printf("attached %d\n", attached);
  std::fflush(stdout);
  int received;
  sigwait(&signals, &received);
  return 0;
}
