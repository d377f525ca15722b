// The same capture as tinytap's, up to the ring: records are read and counted, but not decoded.
//   ring-reader OBJECT COMM PID… Prints `attached` and, on a signal, a line of JSON: records, their bytes, and what was
//   lost.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "../../../native/capture.h"
#include "../../../native/known_sockets.h"

static volatile sig_atomic_t stopped = 0;

int main(int count, char** arguments) {
  if (count < 2) return 2;
  try {
    tinytap::CaptureOptions options;
    options.object_path = arguments[1];
    tinytap::Capture capture(options);
    tinytap::LearnSockets(capture);
    tinytap::CaptureFilter filter;
    if (count > 2) {
      filter.mask = CHOSEN_BY_COMM;
      filter.comms.push_back(arguments[2]);
      for (int i = 3; i < count; i++) filter.pids[std::atoi(arguments[i])] = CHOSEN_BY_COMM;
    }
    capture.SetFilter(filter);
    capture.Attach();
    signal(SIGINT, [](int) { stopped = 1; });
    signal(SIGTERM, [](int) { stopped = 1; });
    std::printf("attached\n");
    std::fflush(stdout);
    std::vector<uint64_t> buffer(1 << 17);
    auto* bytes = reinterpret_cast<uint8_t*>(buffer.data());
    uint64_t records = 0, captured = 0, stood_for = 0;
    for (;;) {
      if (stopped) capture.SetPaused(true);
      size_t filled = capture.Poll(bytes, buffer.size() * 8, stopped ? 0 : 10, stopped ? 0 : 10);
      for (size_t at = 0; at < filled;) {
        const auto* event = reinterpret_cast<const capture_event*>(bytes + at);
        if (event->kind == CAPTURE_DATA) {
          records++;
          captured += event->captured_bytes;
          stood_for += event->bytes;
        }
        at += (event->size + 7) & ~7u;
      }
      if (filled == 0 && stopped) break;
    }
    auto losses = capture.Counters();
    std::printf("{\"records\": %llu, \"captured\": %llu, \"bytes\": %llu, \"lost\": %llu}\n",
                (unsigned long long)records, (unsigned long long)captured, (unsigned long long)stood_for,
                (unsigned long long)(losses[LOSS_RING_FULL * 2] + losses[LOSS_MAP_FULL * 2] + losses[LOSS_FAULT * 2]));
    std::fflush(stdout);
  } catch (const tinytap::CaptureError& error) {
    std::fprintf(stderr, "ring-reader: %s\n", error.what());
    return 1;
  }
  return 0;
}
