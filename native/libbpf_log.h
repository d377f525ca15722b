// What libbpf says about its work.
#pragma once

#include <string>

namespace tinytap {

// Keeps libbpf's messages for the thread that caused them. Also prints them if TINYTAP_DEBUG is set.
void KeepLibbpfLog();
// The end of the messages kept for this thread, where a verifier log has its reason. Forgets them.
std::string LastLogLines();

}  // namespace tinytap
