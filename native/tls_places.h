// Where the TLS programs are attached to a library: which functions of which library a file has, and the cheapest place
// of each. A probe costs less than a microsecond where the kernel emulates the instruction, and in a virtual machine 20
// times as much where it has to step through it.
#pragma once

#include <cstdint>
#include <vector>

#include "elf_file.h"
#include "machine_code.h"
#include "tls_place.h"

namespace tinytap {

constexpr size_t kTlsPlacesMax = 24;

// Why the plaintext of the TLS that a file may speak cannot be read.
enum TlsUnread : uint32_t {
  // It can be read, or the file has no TLS.
  TLS_UNREAD_NOT = 0,
  TLS_UNREAD_GO = 1,
  TLS_UNREAD_JAVA = 2,
  TLS_UNREAD_RUSTLS = 3,
  // A TLS library is in the file, but the symbols of its functions are not.
  TLS_UNREAD_NO_SYMBOLS = 4,
  // Of a program with 32 bits, or for another processor.
  TLS_UNREAD_ARCHITECTURE = 5,
  // mbedtls, wolfSSL.
  TLS_UNREAD_OTHER_LIBRARY = 6,
  // The kernel accepts no probe on one of the functions that read and write.
  TLS_UNREAD_NO_PLACE = 7,
};

// `go`, `java` …; '' for TLS_UNREAD_NOT.
const char* TlsUnreadWord(uint32_t unread);

// Of a fixed size, because it comes through a pipe from a process that has read a hostile file. Texts end with NUL.
struct TlsFile {
  // enum capture_tls_library; 0: none whose plaintext can be read.
  uint32_t library;
  uint32_t unread;
  // A place of a reading or writing function is slow.
  uint32_t slow;
  uint32_t place_count;
  TlsPlace places[kTlsPlacesMax];
  // Of the library; '' if the file does not say. If only that of the interface is known, it has two numbers.
  char version[32];
  // The reading and the writing functions probed, with offsets.
  char place[96];
};

// What to do with the file open at descriptor `file`. Never fails: a broken file has no TLS.
TlsFile FindTlsPlaces(int file);

// ---- for tests ---------------------------------------------------------------------------------------------------------

// The first place from `address` on that the kernel emulates and where the first `arguments` arguments, the stack and the
// address to return to are still as at `address`; 0 if there is none.
uint64_t CheapPlace(const ElfFile& file, uint64_t address, int arguments);

}  // namespace tinytap
