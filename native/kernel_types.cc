// See kernel_types.h.
#include "kernel_types.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace tinytap {

// The offset in bytes. Also searches unnamed members (unions, and whole structures if the layout is randomised).
static std::optional<uint32_t> OffsetIn(const btf* types, const btf_type* structure, const char* member) {
  const btf_member* members = btf_members(structure);
  for (int i = 0; i < btf_vlen(structure); i++) {
    const char* name = btf__name_by_offset(types, members[i].name_off);
    uint32_t bits = btf_member_bit_offset(structure, i);
    if (name != nullptr && std::strcmp(name, member) == 0) return bits / 8;
    const btf_type* type = btf__type_by_id(types, members[i].type);
    if (name == nullptr || name[0] != '\0' || type == nullptr || !btf_is_composite(type)) continue;
    if (auto offset = OffsetIn(types, type, member)) return bits / 8 + *offset;
  }
  return std::nullopt;
}

// Fills in the structures named in `structures`. Returns the type id of the tracepoint on exits of system calls, 0 if
// the kernel has none. One pass over all types: libbpf's own search would start again for each name.
static uint32_t FindStructures(const btf* types, std::map<std::string_view, const btf_type*>* structures) {
  // The kernel's name for the type of a tracepoint (include/trace/bpf_probe.h).
  const std::string_view tracepoint = "btf_trace_sys_exit";
  uint32_t exit_tracepoint = 0;
  for (uint32_t id = 1; id < btf__type_cnt(types); id++) {
    const btf_type* type = btf__type_by_id(types, id);
    const char* name = btf__name_by_offset(types, type->name_off);
    if (btf_is_typedef(type) && tracepoint == name) exit_tracepoint = id;
    if (!btf_is_struct(type)) continue;
    auto found = structures->find(name);
    if (found != structures->end() && found->second == nullptr) found->second = type;
  }
  return exit_tracepoint;
}

// Sets offsets to 0 that are useless because others are unknown. `queue_length`: where the length is within a queue.
static void DisableIncomplete(kernel_offsets* offsets, uint32_t queue_length) {
  if (offsets->memory_file == 0 || offsets->entry_name == 0) offsets->task_memory = 0;
  if (offsets->unix_address == 0 || offsets->unix_name == 0) offsets->unix_peer = 0;
  // The members used to measure streams are needed all together.
  const bool measurable = offsets->sock_protocol != 0 && offsets->sock_receive_queue_length != 0 && queue_length != 0 &&
                          offsets->tcp_bytes_received != 0 && offsets->tcp_bytes_sent != 0 &&
                          offsets->tcp_bytes_retransmitted != 0 && offsets->tcp_received_next != 0 &&
                          offsets->tcp_sent_next != 0 && offsets->tcp_written_next != 0 && offsets->sock_state != 0;
  if (!measurable) offsets->tcp_read_next = 0;
}

// A member whose offset is wanted, and where the offset goes.
struct Wanted {
  const char* structure;
  const char* member;
  uint32_t* offset;
  bool optional = false;
};

// `socket_place`: where struct socket is within struct socket_alloc. `queue_length`: as in DisableIncomplete().
static std::vector<Wanted> WantedMembers(kernel_offsets* offsets, uint32_t* socket_place, uint32_t* queue_length) {
  return {
      {"task_struct", "files", &offsets->task_files},
      {"files_struct", "fdt", &offsets->files_table},
      {"fdtable", "max_fds", &offsets->table_size},
      {"fdtable", "fd", &offsets->table_files},
      {"file", "f_inode", &offsets->file_inode},
      {"file", "private_data", &offsets->file_private},
      {"inode", "i_mode", &offsets->inode_mode},
      {"inode", "i_ino", &offsets->inode_number},
      {"socket", "type", &offsets->socket_type},
      {"socket", "sk", &offsets->socket_sock},
      // The first member of struct sock.
      {"sock_common", "skc_family", &offsets->sock_family},
      {"sock_common", "skc_bound_dev_if", &offsets->sock_interface},
      {"sock_common", "skc_dport", &offsets->sock_peer_port},
      {"sock_common", "skc_num", &offsets->sock_local_port},
      {"sock_common", "skc_daddr", &offsets->sock_peer},
      {"sock_common", "skc_rcv_saddr", &offsets->sock_local},
      {"sock_common", "skc_v6_daddr", &offsets->sock_peer_v6, true},
      {"sock_common", "skc_v6_rcv_saddr", &offsets->sock_local_v6, true},
      {"task_struct", "mm", &offsets->task_memory, true},
      {"mm_struct", "exe_file", &offsets->memory_file, true},
      {"file", "f_path", &offsets->file_path, true},
      {"path", "dentry", &offsets->path_entry, true},
      {"dentry", "d_name", &offsets->entry_name, true},
      {"qstr", "name", &offsets->name_text, true},
      {"sock", "sk_socket", &offsets->sock_socket},
      {"socket_alloc", "socket", socket_place},
      {"socket_alloc", "vfs_inode", &offsets->socket_inode},
      {"unix_sock", "peer", &offsets->unix_peer, true},
      {"unix_sock", "addr", &offsets->unix_address, true},
      {"unix_address", "len", &offsets->unix_length, true},
      {"unix_address", "name", &offsets->unix_name, true},
      // All of these or none: see DisableIncomplete().
      {"sock", "sk_protocol", &offsets->sock_protocol, true},
      {"sock", "sk_receive_queue", &offsets->sock_receive_queue_length, true},
      {"sk_buff_head", "qlen", queue_length, true},
      {"tcp_sock", "bytes_received", &offsets->tcp_bytes_received, true},
      {"tcp_sock", "bytes_sent", &offsets->tcp_bytes_sent, true},
      {"tcp_sock", "bytes_retrans", &offsets->tcp_bytes_retransmitted, true},
      {"tcp_sock", "rcv_nxt", &offsets->tcp_received_next, true},
      {"tcp_sock", "copied_seq", &offsets->tcp_read_next, true},
      {"tcp_sock", "snd_nxt", &offsets->tcp_sent_next, true},
      {"tcp_sock", "write_seq", &offsets->tcp_written_next, true},
      {"sock_common", "skc_state", &offsets->sock_state, true},
      // Used only if the others are known.
      {"tcp_sock", "urg_seq", &offsets->tcp_urgent, true},
      {"inet_connection_sock", "icsk_ulp_ops", &offsets->sock_upper, true},
      {"tcp_sock", "srtt_us", &offsets->tcp_round_trip, true},
      {"tcp_sock", "total_retrans", &offsets->tcp_retransmits, true},
  };
}

KernelTypes FindKernelTypes() {
  KernelTypes result;
  kernel_offsets offsets = {};
  uint32_t queue_length = 0;
  uint32_t socket_place = 0;
  std::unique_ptr<btf, void (*)(btf*)> types(btf__load_vmlinux_btf(), btf__free);
  if (libbpf_get_error(types.get()) != 0 || types == nullptr) return types.release(), result;
  const std::vector<Wanted> wanted = WantedMembers(&offsets, &socket_place, &queue_length);
  std::map<std::string_view, const btf_type*> structures;
  for (const Wanted& each : wanted) structures[each.structure] = nullptr;
  result.exit_tracepoint = FindStructures(types.get(), &structures);
  for (const auto& [structure, member, offset, optional] : wanted) {
    const btf_type* type = structures[structure];
    auto found = type != nullptr ? OffsetIn(types.get(), type, member) : std::nullopt;
    if (!found && !optional) return result;
    *offset = found.value_or(0);
  }
  offsets.socket_inode -= socket_place;
  DisableIncomplete(&offsets, queue_length);
  offsets.sock_receive_queue_length += queue_length;
  result.offsets = offsets;
  return result;
}

}  // namespace tinytap
