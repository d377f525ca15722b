// This end of the socket to the attacher, which becomes the helper: requests and their answers, see privileged/protocol.h.
#pragma once

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
  // Sends a request that has no answer. If the helper has many unread ones, waits for room, at most `timeout_ms`. False: it
  // was not sent.
  bool Tell(const request& request, int timeout_ms);
  void Goodbye();
  // The helper has ended, and with it the programs are detached.
  bool IsGone() const;

 private:
  bool Receive(answer* answer, std::vector<int>* descriptors);

  int socket_;
  std::mutex mutex_;
};

}  // namespace tinytap
