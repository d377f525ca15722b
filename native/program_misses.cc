// See program_misses.h.
#include "program_misses.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

namespace tinytap {

uint64_t ProgramMisses(const std::vector<int>& programs) {
  uint64_t misses = 0;
  for (int program : programs) {
    bpf_prog_info info;
    bpf_attr attributes;
    std::memset(&info, 0, sizeof(info));
    std::memset(&attributes, 0, sizeof(attributes));
    attributes.info.bpf_fd = program;
    attributes.info.info_len = sizeof(info);
    attributes.info.info = reinterpret_cast<uintptr_t>(&info);
    if (syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &attributes, sizeof(attributes.info)) == 0)
      misses += info.recursion_misses;
  }
  return misses;
}

}  // namespace tinytap
