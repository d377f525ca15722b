// See helper_client.h.
#include "helper_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

namespace tinytap {

// How long to wait for an answer that is not essential; usually it takes some 20 µs.
static const int kBriefMs = 50;
// This many unanswered questions in a row mean that the other side is stopped or stuck.
static const int kUnansweredMax = 3;
static const int kFirstPauseMs = 1000;
static const int kLongestPauseMs = 30000;

static int64_t NowMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

HelperClient::HelperClient(int socket) : socket_(socket) {}

HelperClient::~HelperClient() { close(socket_); }

bool HelperClient::Receive(answer* answer, std::vector<int>* descriptors) {
  int received[ANSWER_MAPS + 2];
  char control[CMSG_SPACE(sizeof(received))];
  iovec vector = {answer, sizeof(*answer)};
  msghdr message = {};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ssize_t length = recvmsg(socket_, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (length != static_cast<ssize_t>(sizeof(*answer))) {
    // 0: the other side is gone, which sets no errno.
    if (length >= 0) errno = EPIPE;
    return false;
  }
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    std::memcpy(received, CMSG_DATA(header), count * sizeof(int));
    for (size_t i = 0; i < count; i++) {
      if (descriptors != nullptr)
        descriptors->push_back(received[i]);
      else
        close(received[i]);
    }
  }
  return true;
}

bool HelperClient::Ask(request request, answer* answer, int timeout_ms, std::vector<int>* descriptors) {
  std::lock_guard<std::mutex> lock(mutex_);
  return AskLocked(request, answer, timeout_ms, descriptors);
}

bool HelperClient::AskLocked(request request, answer* answer, int timeout_ms, std::vector<int>* descriptors) {
  // Shared by all clients: a late answer to another client on the same socket must not pass for an answer to this one.
  static std::atomic<uint32_t> sequence{0};
  request.sequence = ++sequence;
  if (send(socket_, &request, sizeof(request), MSG_NOSIGNAL | MSG_DONTWAIT) != static_cast<ssize_t>(sizeof(request)))
    return false;
  int64_t deadline = NowMs() + timeout_ms;
  for (;;) {
    int64_t left = deadline - NowMs();
    if (left < 0) return false;
    pollfd ready = {socket_, POLLIN, 0};
    int count = poll(&ready, 1, static_cast<int>(left));
    if (count < 0 && errno != EINTR) return false;
    if (count <= 0) continue;
    if (!Receive(answer, descriptors)) {
      if (errno == EAGAIN || errno == EINTR) continue;
      return false;
    }
    // Otherwise this is a late answer to an earlier request.
    if (answer->sequence == request.sequence) return true;
  }
}

void HelperClient::Answered() {
  unanswered_in_a_row_ = 0;
  pause_ms_ = 0;
}

// A late answer to any question shows that the other side continues.
void HelperClient::HearLateAnswers() {
  auto late = std::make_unique<answer>();
  while (pause_ms_ != 0 && Receive(late.get(), nullptr)) Answered();
}

bool HelperClient::AskBriefly(const request& request, answer* answer) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (pause_ms_ != 0) HearLateAnswers();
  if (pause_ms_ == 0 || NowMs() >= ask_again_at_ms_) {
    if (AskLocked(request, answer, kBriefMs, nullptr)) {
      Answered();
      return true;
    }
    if (++unanswered_in_a_row_ >= kUnansweredMax) {
      pause_ms_ = pause_ms_ == 0 ? kFirstPauseMs : std::min(2 * pause_ms_, kLongestPauseMs);
      ask_again_at_ms_ = NowMs() + pause_ms_;
    }
  }
  unanswered_++;
  return false;
}

bool HelperClient::IsSilent() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (pause_ms_ != 0) HearLateAnswers();
  return pause_ms_ != 0;
}

uint64_t HelperClient::Unanswered() {
  std::lock_guard<std::mutex> lock(mutex_);
  return unanswered_;
}

bool HelperClient::Tell(const request& request, int timeout_ms) {
  std::lock_guard<std::mutex> lock(mutex_);
  int64_t deadline = NowMs() + timeout_ms;
  while (send(socket_, &request, sizeof(request), MSG_NOSIGNAL | MSG_DONTWAIT) !=
         static_cast<ssize_t>(sizeof(request))) {
    if (errno != EAGAIN && errno != EINTR) return false;
    int64_t left = deadline - NowMs();
    if (left <= 0) return false;
    pollfd room = {socket_, POLLOUT, 0};
    poll(&room, 1, static_cast<int>(left));
  }
  return true;
}

void HelperClient::Goodbye() {
  request request = {};
  request.type = REQUEST_GOODBYE;
  Tell(request, 0);
}

bool HelperClient::IsGone() const {
  char byte;
  ssize_t length = recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return length == 0 || (length < 0 && errno != EAGAIN && errno != EINTR);
}

}  // namespace tinytap
