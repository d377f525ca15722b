// This end of the socket to the attacher, which becomes the helper, or to the lookers: requests and their answers, see
// privileged/protocol.h.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "privileged/protocol.h"

namespace tinytap {

// How long to wait for the attacher's answer: the kernel verifies the programs meanwhile.
constexpr int kAttacherMs = 120000;

class HelperClient {
 public:
  // Takes the socket over.
  explicit HelperClient(int socket);
  // Without Goodbye the helper takes this for a crash.
  ~HelperClient();
  HelperClient(const HelperClient&) = delete;
  HelperClient& operator=(const HelperClient&) = delete;

  // Sends `request` and waits for its answer, at most `timeout_ms`. Descriptors that come with it are put into `descriptors`.
  // False: no answer in this time, or the helper is gone. Any thread may call it.
  bool Ask(request request, answer* answer, int timeout_ms, std::vector<int>* descriptors = nullptr);
  // Asks what can be done without, and waits only briefly. When several answers in a row did not come, nothing is asked for a
  // while, or until one comes late: IsSilent().
  bool AskBriefly(const request& request, answer* answer);
  bool IsSilent();
  // How many questions of AskBriefly had no answer, also those that were not asked.
  uint64_t Unanswered();
  // Sends a request that has no answer. If the helper has many unread ones, waits for room, at most `timeout_ms`. False: it
  // was not sent.
  bool Tell(const request& request, int timeout_ms);
  void Goodbye();
  // The helper has ended, and with it the programs are detached.
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
