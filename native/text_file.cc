// See text_file.h.
#include "text_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace tinytap {

std::optional<std::string> ReadText(const std::string& path) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::string text;
  char part[4096];
  ssize_t length;
  while ((length = read(fd, part, sizeof(part))) > 0 || (length < 0 && errno == EINTR))
    if (length > 0) text.append(part, static_cast<size_t>(length));
  int error = errno;
  close(fd);
  errno = error;
  if (length < 0) return std::nullopt;
  return text;
}

}  // namespace tinytap
