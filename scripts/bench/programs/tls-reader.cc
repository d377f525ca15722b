// The same capture as `tinytap --tls`, up to the ring: records are read and counted, but not decoded.
//   tls-reader OBJECT TLS_OBJECT LIBRARY COMM PID… -- [FUNCTION:LENGTH:OFFSET…]
// attaches to the places that tinytap chooses, or, with numbers after `--`, to these offsets of the library's file (enum
// tls_function, enum tls_length). Prints `attached` and the milliseconds that it took and, on a signal, a line of JSON: records with plaintext, their bytes, and
// what was lost.
#include <fcntl.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "../../../native/capture.h"
#include "../../../native/known_sockets.h"
#include "../../../native/tls_places.h"
#include "../../../native/tls_probes.h"

static volatile sig_atomic_t stopped = 0;

static std::vector<tinytap::TlsPlace> Places(int library, int count, char** words) {
  std::vector<tinytap::TlsPlace> places;
  if (count == 0) {
    tinytap::TlsFile file = tinytap::FindTlsPlaces(library);
    for (uint32_t i = 0; i < file.place_count; i++) places.push_back(file.places[i]);
    return places;
  }
  for (int i = 0; i < count; i++) {
    tinytap::TlsPlace place = {};
    unsigned function, length;
    unsigned long long offset;
    if (std::sscanf(words[i], "%u:%u:%llu", &function, &length, &offset) != 3) std::exit(2);
    place.library = TLS_LIBRARY_OPENSSL;
    place.function = function;
    place.length = length;
    place.entry_offset = offset;
    place.return_offset = function == TLS_FUNCTION_FREE ? 0 : offset;
    places.push_back(place);
  }
  return places;
}

int main(int count, char** arguments) {
  if (count < 6) return 2;
  int end = 5;
  while (end < count && std::strcmp(arguments[end], "--") != 0) end++;
  try {
    tinytap::CaptureOptions options;
    options.object_path = arguments[1];
    tinytap::Capture capture(options);
    tinytap::LearnSockets(capture);
    tinytap::CaptureFilter filter;
    filter.mask = CHOSEN_BY_COMM;
    filter.comms.push_back(arguments[4]);
    for (int i = 5; i < end; i++) filter.pids[std::atoi(arguments[i])] = CHOSEN_BY_COMM;
    capture.SetFilter(filter);
    capture.Attach();
    tinytap::TlsProbes probes(arguments[2], capture.Handles().maps);
    int library = open(arguments[3], O_RDONLY | O_CLOEXEC);
    int given = end + 1 < count ? count - end - 1 : 0;
    std::vector<tinytap::TlsPlace> places = Places(library, given, arguments + end + 1);
    auto begun = std::chrono::steady_clock::now();
    probes.Attach(library, places);
    double ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
    signal(SIGINT, [](int) { stopped = 1; });
    signal(SIGTERM, [](int) { stopped = 1; });
    std::printf("attached %.1f\n", ms);
    std::fflush(stdout);
    std::vector<uint64_t> buffer(1 << 17);
    auto* bytes = reinterpret_cast<uint8_t*>(buffer.data());
    uint64_t records = 0, captured = 0;
    for (;;) {
      if (stopped) capture.SetPaused(true);
      size_t filled = capture.Poll(bytes, buffer.size() * 8, stopped ? 0 : 10, stopped ? 0 : 10);
      for (size_t at = 0; at < filled;) {
        const auto* event = reinterpret_cast<const capture_event*>(bytes + at);
        if (event->kind == CAPTURE_DATA && (event->flags & FLAG_PLAINTEXT) != 0) {
          records++;
          captured += event->captured_bytes;
        }
        at += (event->size + 7) & ~7u;
      }
      if (filled == 0 && stopped) break;
    }
    auto losses = capture.Counters();
    std::printf("{\"records\": %llu, \"captured\": %llu, \"lost\": %llu, \"places\": %zu}\n",
                (unsigned long long)records, (unsigned long long)captured,
                (unsigned long long)(losses[LOSS_RING_FULL * 2] + losses[LOSS_MAP_FULL * 2] + losses[LOSS_FAULT * 2]),
                places.size());
    std::fflush(stdout);
  } catch (const tinytap::CaptureError& error) {
    std::fprintf(stderr, "tls-reader: %s\n", error.what());
    return 1;
  }
  return 0;
}
