// Small files of /proc and tracefs. (C++ streams would double the size of the addon, which contains the C++ library.)
#ifndef TINYTAP_TEXT_FILE_H
#define TINYTAP_TEXT_FILE_H

#include <optional>
#include <string>

namespace tinytap {

// The whole text; nothing, with errno set, if the file cannot be opened or read.
std::optional<std::string> ReadText(const std::string& path);

}  // namespace tinytap

#endif  // TINYTAP_TEXT_FILE_H
