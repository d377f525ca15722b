// See tls_client.h.
#include "tls_client.h"

#include <algorithm>
#include <cstring>

#include "capture_error.h"

namespace tinytap {

uint64_t TlsClient::Switch(bool on) {
  request question = {};
  question.type = on ? REQUEST_TLS_ATTACH : REQUEST_TLS_DETACH;
  auto done = std::make_unique<answer>();
  if (!helper_.Ask(question, done.get(), kAttacherMs))
    throw CaptureError("ERR_TLS", "the process that attaches to TLS libraries has ended or does not answer");
  if (done->error == 0) return done->value;
  // Three texts, each followed by NUL.
  std::string text(done->text, std::min<size_t>(done->text_length, ANSWER_TEXT_BYTES)), parts[3];
  size_t from = 0;
  for (std::string& part : parts) {
    size_t to = std::min(text.find('\0', from), text.size());
    part = text.substr(std::min(from, text.size()), to - std::min(from, text.size()));
    from = to + 1;
  }
  throw CaptureError(parts[0], parts[1], parts[2]);
}

template <size_t bytes>
static std::string TextOf(const char (&text)[bytes]) {
  return std::string(text, strnlen(text, bytes));
}

std::optional<TlsLibraryRow> TlsClient::AskRow(uint32_t type, int number, uint64_t* count) {
  request question = {};
  question.type = type;
  question.pid = number;
  auto answered = std::make_unique<answer>();
  if (count != nullptr) *count = 0;
  if (!helper_.AskBriefly(question, answered.get()) || answered->error != 0) return std::nullopt;
  if (count != nullptr) *count = answered->value;
  tls_row row;
  if (answered->text_length != sizeof(row)) return std::nullopt;
  std::memcpy(&row, answered->text, sizeof(row));
  TlsLibraryRow library;
  library.path = TextOf(row.path);
  library.version = TextOf(row.version);
  library.place = TextOf(row.place);
  library.reason = TextOf(row.reason);
  library.device = row.device;
  library.inode = row.inode;
  library.first_seen_ns = row.first_seen_ns;
  library.library = row.library;
  library.processes = row.processes;
  library.slow = row.slow != 0;
  library.attached = row.attached != 0;
  return library;
}

std::vector<TlsLibraryRow> TlsClient::Libraries() {
  std::vector<TlsLibraryRow> libraries;
  uint64_t count = 1;
  for (uint64_t number = 0; number < count; number++) {
    std::optional<TlsLibraryRow> library = AskRow(REQUEST_TLS_LIBRARY, static_cast<int>(number), &count);
    if (library.has_value()) libraries.push_back(std::move(*library));
  }
  return libraries;
}

std::optional<TlsLibraryRow> TlsClient::LibraryOf(int pid) { return AskRow(REQUEST_TLS_OF_PROCESS, pid, nullptr); }

}  // namespace tinytap
