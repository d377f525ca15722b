// The client end of the socket to the attacher, which becomes the helper, or to the lookers: requests and answers, see
// privileged/protocol.h.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "privileged/protocol.h"

namespace tinytap {

// How long to wait for the attacher's answer while the kernel verifies the programs.
constexpr int kAttacherMs = 120000;

class HelperClient {
 public:
  // Takes ownership of the socket.
  explicit HelperClient(int socket);
  // Without a goodbye the helper assumes a crash.
  ~HelperClient();
  HelperClient(const HelperClient&) = delete;
  HelperClient& operator=(const HelperClient&) = delete;

  // Sends `request` and waits at most `timeout_ms` for its answer. Descriptors that arrive with it are put into
  // `descriptors`. False: no answer in this time, or the helper is gone. May be called from any thread.
  bool Ask(request request, answer* answer, int timeout_ms, std::vector<int>* descriptors = nullptr);
  // Asks a question that is not essential, and waits only briefly. After several unanswered questions in a row, nothing
  // is asked for a while, or until a late answer arrives: see IsSilent().
  bool AskBriefly(const request& request, answer* answer);
  bool IsSilent();
  // How many questions of AskBriefly had no answer, including those that were not sent.
  uint64_t Unanswered();
  // Sends a request that has no answer. If the helper has many unread ones, waits at most `timeout_ms` for room. False:
  // it was not sent.
  bool Tell(const request& request, int timeout_ms);
  void Goodbye();
  // The helper has ended, and so the programs are detached.
  bool IsGone() const;

 private:
  bool AskLocked(request request, answer* answer, int timeout_ms, std::vector<int>* descriptors);
  void HearLateAnswers();
  void Answered();
  bool Receive(answer* answer, std::vector<int>* descriptors);

  int socket_;
  std::mutex mutex_;
  int unanswered_in_a_row_ = 0;
  int64_t ask_again_at_ms_ = 0;
  // 0: it is not silent.
  int pause_ms_ = 0;
  uint64_t unanswered_ = 0;
};

}  // namespace tinytap
