// See tls_places.h.
#include "tls_places.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <set>
#include <string>

#include "../bpf/capture_event.h"

namespace tinytap {

#if defined(__x86_64__)
static const uint16_t kMachine = EM_X86_64;
static const CallingConvention& kCalls = kX86Calls;
static const auto Decode = DecodeX86;
#elif defined(__aarch64__)
static const uint16_t kMachine = EM_AARCH64;
static const CallingConvention& kCalls = kArm64Calls;
static const auto Decode = DecodeArm64;
#endif
static const uint32_t kLinkRegister = 30;

const char* TlsUnreadWord(uint32_t unread) {
  static const char* const kWords[] = {"",           "go",           "java",          "rustls",
                                       "no symbols", "architecture", "other library", "no place for a probe"};
  return kWords[unread < sizeof(kWords) / sizeof(*kWords) ? unread : 0];
}

// ---- functions ---------------------------------------------------------------------------------------------------------

struct Function {
  const char* symbol;
  uint32_t library;
  tls_function function;
  tls_length length;
  // How many of its arguments the programs read.
  int arguments;
  // What functions of this name and kind call to do the work; NULL: nothing that they share.
  const char* shared;
};

static const char* const kReadShared = "ssl_read_internal";
static const char* const kWriteShared = "ssl_write_internal";

// In functions of one kind, those that others jump to come first.
static const Function kFunctions[] = {
    {"SSL_read", TLS_LIBRARY_OPENSSL, TLS_FUNCTION_READ, TLS_LENGTH_RETURNED, 3, kReadShared},
    {"SSL_read_ex", TLS_LIBRARY_OPENSSL, TLS_FUNCTION_READ, TLS_LENGTH_ARGUMENT_4, 4, kReadShared},
    {"SSL_write", TLS_LIBRARY_OPENSSL, TLS_FUNCTION_WRITE, TLS_LENGTH_RETURNED, 3, kWriteShared},
    {"SSL_write_ex2", TLS_LIBRARY_OPENSSL, TLS_FUNCTION_WRITE, TLS_LENGTH_ARGUMENT_5, 5, kWriteShared},
    {"SSL_write_ex", TLS_LIBRARY_OPENSSL, TLS_FUNCTION_WRITE, TLS_LENGTH_ARGUMENT_4, 4, kWriteShared},
    {"SSL_sendfile", TLS_LIBRARY_OPENSSL, TLS_FUNCTION_SENDFILE, TLS_LENGTH_RETURNED, 4, nullptr},
    {"SSL_do_handshake", TLS_LIBRARY_OPENSSL, TLS_FUNCTION_HANDSHAKE, TLS_LENGTH_RETURNED, 1, nullptr},
    {"SSL_free", TLS_LIBRARY_OPENSSL, TLS_FUNCTION_FREE, TLS_LENGTH_RETURNED, 1, nullptr},
    {"gnutls_record_recv", TLS_LIBRARY_GNUTLS, TLS_FUNCTION_READ, TLS_LENGTH_RETURNED, 3, nullptr},
    {"gnutls_record_send2", TLS_LIBRARY_GNUTLS, TLS_FUNCTION_WRITE, TLS_LENGTH_RETURNED, 3, nullptr},
    {"gnutls_record_send", TLS_LIBRARY_GNUTLS, TLS_FUNCTION_WRITE, TLS_LENGTH_RETURNED, 3, nullptr},
    {"gnutls_handshake", TLS_LIBRARY_GNUTLS, TLS_FUNCTION_HANDSHAKE, TLS_LENGTH_RETURNED, 1, nullptr},
    {"gnutls_deinit", TLS_LIBRARY_GNUTLS, TLS_FUNCTION_FREE, TLS_LENGTH_RETURNED, 1, nullptr},
    {"PR_Read", TLS_LIBRARY_NSS, TLS_FUNCTION_READ, TLS_LENGTH_RETURNED, 3, nullptr},
    {"PR_Recv", TLS_LIBRARY_NSS, TLS_FUNCTION_READ, TLS_LENGTH_RETURNED, 3, nullptr},
    {"PR_Write", TLS_LIBRARY_NSS, TLS_FUNCTION_WRITE, TLS_LENGTH_RETURNED, 3, nullptr},
    {"PR_Send", TLS_LIBRARY_NSS, TLS_FUNCTION_WRITE, TLS_LENGTH_RETURNED, 3, nullptr},
    {"PR_Close", TLS_LIBRARY_NSS, TLS_FUNCTION_FREE, TLS_LENGTH_RETURNED, 1, nullptr},
    {"SSL_ForceHandshake", TLS_LIBRARY_NSS, TLS_FUNCTION_HANDSHAKE, TLS_LENGTH_RETURNED, 1, nullptr},
};

// A library is probed if the file has both of these functions.
struct Library {
  uint32_t library;
  const char* reads;
  const char* writes;
  // It is in two files, and these functions are not those that read and write.
  bool is_other_file;
};

static const Library kLibraries[] = {
    {TLS_LIBRARY_OPENSSL, "SSL_read", "SSL_write", false},
    {TLS_LIBRARY_GNUTLS, "gnutls_record_recv", "gnutls_record_send", false},
    {TLS_LIBRARY_NSS, "PR_Read", "PR_Write", false},
    {TLS_LIBRARY_NSS, "SSL_ImportFD", "SSL_ForceHandshake", true},
};

// Not in OpenSSL and LibreSSL.
static const char* const kBoringSymbols[] = {"SSL_CTX_set_grease_enabled", "BORINGSSL_self_test",
                                             "SSL_early_callback_ctx_extension_get"};
// Functions that return numbers of a version of OpenSSL.
static const char* const kVersionFunctions[] = {"OPENSSL_version_major", "OPENSSL_version_minor",
                                                "OPENSSL_version_patch", "OpenSSL_version_num", "PR_GetVersion"};
static const char* const kOtherLibraries[] = {"mbedtls_ssl_read", "wolfSSL_read", "s2n_recv"};

// Defined functions by name.
using Symbols = std::map<std::string, ElfSymbol, std::less<>>;

static bool Has(const Symbols& symbols, const char* name) { return symbols.find(name) != symbols.end(); }

static bool HasLibrary(const Symbols& symbols, const Library& library) {
  return Has(symbols, library.reads) && Has(symbols, library.writes);
}

static Symbols WantedSymbols(ElfFile* file) {
  std::set<std::string_view> wanted;
  for (const Function& function : kFunctions) wanted.insert(function.symbol);
  for (const Library& library : kLibraries) wanted.insert({library.reads, library.writes});
  for (const char* name : {kReadShared, kWriteShared, "JNI_CreateJavaVM"}) wanted.insert(name);
  for (const char* name : kBoringSymbols) wanted.insert(name);
  for (const char* name : kVersionFunctions) wanted.insert(name);
  for (const char* name : kOtherLibraries) wanted.insert(name);
  Symbols found;
  // The second table has what the first has, and what a program contains without offering it to others.
  for (bool dynamic : {true, false}) {
    for (const Library& library : kLibraries)
      if (HasLibrary(found, library)) return found;
    file->ForEachSymbol(dynamic, [&](const ElfSymbol& symbol) {
      if (!symbol.is_function || !symbol.is_defined || wanted.count(symbol.name) == 0) return;
      found.emplace(symbol.name, symbol);
    });
  }
  return found;
}

// ---- places ------------------------------------------------------------------------------------------------------------

static uint32_t ArgumentBits(int count) {
  uint32_t bits = 0;
  for (int i = 0; i < count; i++) bits |= 1U << kCalls.arguments[i];
  return bits;
}

// Only these few bytes at the start of a function are looked at.
static const size_t kPrologueBytes = 32;

uint64_t CheapPlace(const ElfFile& file, uint64_t address, int arguments) {
  std::vector<uint8_t> code = file.Code(address, kPrologueBytes);
  uint32_t kept = ArgumentBits(arguments) | 1U << kCalls.stack_pointer;
  if (kMachine == EM_AARCH64) kept |= 1U << kLinkRegister;
  for (size_t at = 0; at < code.size();) {
    Instruction instruction = Decode(code.data() + at, code.size() - at, address + at);
    if (instruction.operation == Operation::kInvalid) return 0;
    if (instruction.emulated) return address + at;
    // The next instruction may come after others than this one, or with other arguments.
    if ((instruction.changes & kept) != 0) return 0;
    at += instruction.length;
  }
  return 0;
}

// ---- functions that do the work of others ------------------------------------------------------------------------------

// Where a function goes first.
struct Callee {
  // 0: it does something else before, which may use or change its arguments.
  uint64_t address = 0;
  bool is_jump = false;
  // For each argument of the callee: which argument of the caller it is; -1: another value.
  int arguments[6];
};

// If there is a stub of the procedure linkage table at `address`, which jumps where the dynamic linker says: the function
// of this file that it names, or 0 if that is in another file. Otherwise `address`.
static uint64_t ThroughStub(ElfFile* file, const Symbols& symbols, uint64_t address) {
  std::vector<uint8_t> code = file->Code(address, kPrologueBytes);
  for (size_t at = 0; at < code.size();) {
    Instruction instruction = Decode(code.data() + at, code.size() - at, address + at);
    if (instruction.operation == Operation::kJumpIndirect && instruction.has_target) {
      auto found = symbols.find(file->LinkedName(instruction.target));
      return found == symbols.end() ? 0 : found->second.address;
    }
    if (instruction.operation != Operation::kLandingPad) break;
    at += instruction.length;
  }
  return address;
}

// A function that needs its arguments after a call saves them first. One that does not only passes them on.
static Callee FirstCallee(ElfFile* file, const Symbols& symbols, uint64_t address) {
  Callee callee;
  int held[kRegisters];
  std::fill(held, held + kRegisters, -1);
  for (int i = 0; i < 6; i++) held[kCalls.arguments[i]] = i;
  std::vector<uint8_t> code = file->Code(address, kPrologueBytes);
  for (size_t at = 0; at < code.size();) {
    Instruction instruction = Decode(code.data() + at, code.size() - at, address + at);
    switch (instruction.operation) {
      case Operation::kCall:
      case Operation::kJump:
        callee.address = ThroughStub(file, symbols, instruction.target);
        callee.is_jump = instruction.operation == Operation::kJump;
        for (int i = 0; i < 6; i++) callee.arguments[i] = held[kCalls.arguments[i]];
        return callee;
      case Operation::kMove:
        held[instruction.to] = held[instruction.from];
        break;
      case Operation::kZero:
        held[instruction.to] = -1;
        break;
      case Operation::kPush:
        // That of the caller's frame; any other makes room for an argument.
        if (instruction.from != kCalls.frame_pointer) return callee;
        break;
      case Operation::kLandingPad:
      case Operation::kNothing:
      case Operation::kGrowStack:
        break;
      default:
        return callee;
    }
    at += instruction.length;
  }
  return callee;
}

// Whether one of the instructions of `function` calls `callee` or jumps there.
static bool Calls(const ElfFile& file, const ElfSymbol& function, uint64_t callee) {
  static const uint64_t kBytesMax = 4096;
  std::vector<uint8_t> code = file.Code(function.address, static_cast<size_t>(std::min(function.size, kBytesMax)));
  for (size_t at = 0; at < code.size();) {
    Instruction instruction = Decode(code.data() + at, code.size() - at, function.address + at);
    if (instruction.operation == Operation::kInvalid) return false;
    bool leaves = instruction.operation == Operation::kCall || instruction.operation == Operation::kJump;
    if (leaves && instruction.target == callee) return true;
    at += instruction.length;
  }
  return false;
}

// ---- the choice --------------------------------------------------------------------------------------------------------

class Choice {
 public:
  Choice(ElfFile* file, const Symbols& symbols, TlsFile* result) : file_(file), symbols_(symbols), result_(result) {}

  void ChooseFor(uint32_t library);

 private:
  const ElfSymbol* Find(const char* name) const;
  void ChooseKind(uint32_t library, tls_function kind);
  bool FindShared(const std::vector<const Function*>& functions);
  bool IsCovered(const Function& function) const;
  void AddPlace(const Function& function, uint64_t start, const char* name, tls_length length);

  ElfFile* file_;
  const Symbols& symbols_;
  TlsFile* result_;
  // The function that those of the present kind share, 0: none is needed.
  uint64_t shared_ = 0;
  tls_length shared_length_ = TLS_LENGTH_RETURNED;
};

const ElfSymbol* Choice::Find(const char* name) const {
  auto found = symbols_.find(name);
  return found == symbols_.end() ? nullptr : &found->second;
}

void Choice::ChooseFor(uint32_t library) {
  for (tls_function kind :
       {TLS_FUNCTION_READ, TLS_FUNCTION_WRITE, TLS_FUNCTION_SENDFILE, TLS_FUNCTION_HANDSHAKE, TLS_FUNCTION_FREE})
    ChooseKind(library, kind);
}

// Finds the function to which all of these pass their arguments on, if it has a cheap place.
bool Choice::FindShared(const std::vector<const Function*>& functions) {
  for (const Function* function : functions) {
    if (function->shared == nullptr || function->length == TLS_LENGTH_RETURNED) continue;
    Callee callee = FirstCallee(file_, symbols_, Find(function->symbol)->address);
    bool passes_on = callee.arguments[0] == 0 && callee.arguments[1] == 1 && callee.arguments[2] == 2;
    if (callee.address == 0 || !passes_on) continue;
    const ElfSymbol* named = Find(function->shared);
    if (named != nullptr && named->address != callee.address) continue;
    bool is_listed = false;
    for (const Function* other : functions) is_listed |= Find(other->symbol)->address == callee.address;
    // The argument in which the length is returned.
    int position = callee.arguments[3] == static_cast<int>(function->length) - 1   ? TLS_LENGTH_ARGUMENT_4
                   : callee.arguments[4] == static_cast<int>(function->length) - 1 ? TLS_LENGTH_ARGUMENT_5
                                                                                   : TLS_LENGTH_RETURNED;
    if (is_listed || position == TLS_LENGTH_RETURNED || CheapPlace(*file_, callee.address, position) == 0) continue;
    // SSL_read and the like check their arguments first.
    for (const Function* other : functions)
      if (other->length == TLS_LENGTH_RETURNED && Calls(*file_, *Find(other->symbol), callee.address)) {
        shared_ = callee.address;
        shared_length_ = static_cast<tls_length>(position);
        return true;
      }
  }
  return false;
}

// Whether another function that is probed does its work.
bool Choice::IsCovered(const Function& function) const {
  const ElfSymbol& symbol = *Find(function.symbol);
  Callee callee = FirstCallee(file_, symbols_, symbol.address);
  if (shared_ != 0 && (callee.address == shared_ || Calls(*file_, symbol, shared_))) return true;
  if (callee.address == 0 || !callee.is_jump) return false;
  for (int i = 0; i < 3; i++)
    if (callee.arguments[i] != i) return false;
  for (const Function& other : kFunctions) {
    const ElfSymbol* its = Find(other.symbol);
    bool is_other = its != nullptr && its->address == callee.address && callee.address != symbol.address;
    if (is_other && other.library == function.library && other.function == function.function) return true;
  }
  return false;
}

void Choice::AddPlace(const Function& function, uint64_t start, const char* name, tls_length length) {
  int arguments = length == TLS_LENGTH_RETURNED ? function.arguments : static_cast<int>(length);
  uint64_t cheap = CheapPlace(*file_, start, arguments);
  uint64_t address = cheap == 0 ? start : cheap;
  std::optional<uint64_t> offset = file_->CodeOffset(address);
  std::vector<uint8_t> code = file_->Code(address, kInstructionBytesMax);
  bool moves_data = function.function == TLS_FUNCTION_READ || function.function == TLS_FUNCTION_WRITE;
  if (!offset.has_value() || !Decode(code.data(), code.size(), address).accepted) {
    if (moves_data) result_->unread = TLS_UNREAD_NO_PLACE;
    return;
  }
  // The same function may have several names.
  for (uint32_t i = 0; i < result_->place_count; i++)
    if (result_->places[i].entry_offset == *offset) return;
  if (result_->place_count == kTlsPlacesMax) return;
  // In a file that has nothing else.
  bool is_only = function.library == TLS_LIBRARY_NSS && function.function == TLS_FUNCTION_HANDSHAKE;
  TlsPlace place = {};
  place.library = result_->library;
  place.function = function.function;
  place.length = length;
  place.entry_offset = *offset;
  if (function.function != TLS_FUNCTION_FREE) place.return_offset = *offset;
  place.slow = cheap == 0;
  result_->places[result_->place_count++] = place;
  if (!moves_data && !is_only) return;
  if (place.slow) result_->slow = 1;
  size_t used = strlen(result_->place);
  char added[16] = "";
  if (address != start) snprintf(added, sizeof(added), "+%d", static_cast<int>(address - start));
  snprintf(result_->place + used, sizeof(result_->place) - used, "%s%s%s", used == 0 ? "" : ", ", name, added);
}

void Choice::ChooseKind(uint32_t library, tls_function kind) {
  std::vector<const Function*> functions;
  bool is_cheap = true;
  shared_ = 0;
  for (const Function& function : kFunctions) {
    const ElfSymbol* symbol = Find(function.symbol);
    if (function.library != library || function.function != kind || symbol == nullptr) continue;
    functions.push_back(&function);
    if (CheapPlace(*file_, symbol->address, function.arguments) == 0) is_cheap = false;
  }
  if (!is_cheap && FindShared(functions)) AddPlace(*functions[0], shared_, functions[0]->shared, shared_length_);
  for (const Function* function : functions)
    if (!IsCovered(*function)) AddPlace(*function, Find(function->symbol)->address, function->symbol, function->length);
}

// Constants of a file are searched up to here.
static const size_t kConstantsMax = 64 << 20;

// ---- versions ----------------------------------------------------------------------------------------------------------

// The constant, or the address, that a function of few instructions returns.
static std::optional<uint64_t> ReturnedNumber(const ElfFile& file, const ElfSymbol* function) {
  if (function == nullptr) return std::nullopt;
  std::vector<uint8_t> code = file.Code(function->address, kPrologueBytes);
  for (size_t at = 0; at < code.size();) {
    Instruction instruction = Decode(code.data() + at, code.size() - at, function->address + at);
    if (instruction.has_value) return instruction.value;
    // The register in which functions return has this number on both processors.
    if (instruction.operation == Operation::kZero && instruction.to == 0) return 0;
    bool begins = instruction.operation == Operation::kLandingPad || instruction.operation == Operation::kPush ||
                  instruction.operation == Operation::kMove;
    if (!begins) break;
    at += instruction.length;
  }
  return std::nullopt;
}

// The digits, letters and dots after `before` in the constants of the file.
static std::string VersionAfter(const std::string& constants, const std::string& before) {
  static const size_t kBytesMax = 24;
  size_t length = before.size();
  for (size_t at = 0; (at = constants.find(before, at)) != std::string::npos; at += length) {
    size_t from = at + length, to = from;
    while (to < constants.size() && to - from < kBytesMax &&
           (isalnum(static_cast<unsigned char>(constants[to])) || constants[to] == '.' || constants[to] == '-'))
      to++;
    if (to > from && isdigit(static_cast<unsigned char>(constants[from]))) return constants.substr(from, to - from);
  }
  return "";
}

// The highest of OPENSSL_3.0.0, OPENSSL_3.2.0 …: the version whose interface the library has, without what says nothing.
static std::string VersionOfInterface(const ElfFile& file) {
  int major = 0, minor = 0;
  for (const std::string& name : file.DefinedVersions()) {
    int its_major, its_minor;
    if (sscanf(name.c_str(), "OPENSSL_%d.%d", &its_major, &its_minor) != 2) continue;
    if (its_major > 999 || its_minor > 999 || its_major < major || (its_major == major && its_minor < minor)) continue;
    major = its_major;
    minor = its_minor;
  }
  return major == 0 ? "" : std::to_string(major) + "." + std::to_string(minor);
}

static std::string OpensslVersion(const ElfFile& file, const Symbols& symbols) {
  auto number = [&](const char* name) {
    auto found = symbols.find(name);
    return ReturnedNumber(file, found == symbols.end() ? nullptr : &found->second);
  };
  auto major = number("OPENSSL_version_major"), minor = number("OPENSSL_version_minor");
  auto patch = number("OPENSSL_version_patch");
  if (major.has_value() && minor.has_value() && patch.has_value()) {
    char text[32];
    snprintf(text, sizeof(text), "%u.%u.%u", static_cast<unsigned>(*major & 0xff), static_cast<unsigned>(*minor & 0xff),
             static_cast<unsigned>(*patch & 0xff));
    return text;
  }
  std::string constants = file.Content(".rodata", kConstantsMax), text = VersionAfter(constants, "LibreSSL ");
  if (!text.empty()) return text;
  text = VersionAfter(constants, "OpenSSL ");
  return text.empty() ? VersionOfInterface(file) : text;
}

static std::string VersionOf(uint32_t library, const ElfFile& file, const Symbols& symbols) {
  if (library == TLS_LIBRARY_BORINGSSL) return "";
  if (library == TLS_LIBRARY_OPENSSL) return OpensslVersion(file, symbols);
  if (library == TLS_LIBRARY_GNUTLS) return VersionAfter(file.Content(".rodata", kConstantsMax), "GnuTLS ");
  auto found = symbols.find("PR_GetVersion");
  auto address = ReturnedNumber(file, found == symbols.end() ? nullptr : &found->second);
  std::string text = address.has_value() ? file.Text(*address) : "";
  return VersionAfter(" " + text, " ");
}

// ---- a file ------------------------------------------------------------------------------------------------------------

// TLS without functions that could be probed.
static TlsUnread UnreadTls(ElfFile* file, const Symbols& symbols) {
  for (const char* name : kOtherLibraries)
    if (Has(symbols, name)) return TLS_UNREAD_OTHER_LIBRARY;
  if (Has(symbols, "JNI_CreateJavaVM")) return TLS_UNREAD_JAVA;
  if (file->HasSection(".go.buildinfo")) {
    std::string names = file->Content(".gopclntab", kConstantsMax);
    return names.find("crypto/tls.(*Conn).Write") == std::string::npos ? TLS_UNREAD_NOT : TLS_UNREAD_GO;
  }
  std::string constants = file->Content(".rodata", kConstantsMax);
  // Paths of sources, in messages of errors. Put together here, so that this program is not taken for one of them.
  if (!VersionAfter(constants, std::string("/rustls") + "-").empty()) return TLS_UNREAD_RUSTLS;
  for (const char* source : {"rec_layer_s3", "ssl_privkey", "tls_record"})
    if (constants.find(std::string(source) + ".c") != std::string::npos) return TLS_UNREAD_NO_SYMBOLS;
  return TLS_UNREAD_NOT;
}

static void CopyText(char* into, size_t bytes, const std::string& text) {
  size_t length = std::min(text.size(), bytes - 1);
  std::memcpy(into, text.data(), length);
  into[length] = '\0';
}

TlsFile FindTlsPlaces(int descriptor) {
  TlsFile result = {};
  ElfFile file(descriptor);
  if (file.Is32Bit()) result.unread = TLS_UNREAD_ARCHITECTURE;
  if (!file.IsValid()) return result;
  Symbols symbols = WantedSymbols(&file);
  for (const Library& library : kLibraries) {
    if (!HasLibrary(symbols, library)) continue;
    if (file.Machine() != kMachine) {
      result.unread = TLS_UNREAD_ARCHITECTURE;
      return result;
    }
    result.library = library.library;
    for (const char* name : kBoringSymbols)
      if (library.library == TLS_LIBRARY_OPENSSL && Has(symbols, name)) result.library = TLS_LIBRARY_BORINGSSL;
    CopyText(result.version, sizeof(result.version), VersionOf(result.library, file, symbols));
    Choice(&file, symbols, &result).ChooseFor(library.library);
    // Without one of these, half of a conversation would be missing.
    bool reads = false, writes = false;
    for (uint32_t i = 0; i < result.place_count; i++) {
      reads |= result.places[i].function == TLS_FUNCTION_READ;
      writes |= result.places[i].function == TLS_FUNCTION_WRITE;
    }
    if (!library.is_other_file && (!reads || !writes)) {
      result.place_count = 0;
      result.unread = TLS_UNREAD_NO_PLACE;
    }
    return result;
  }
  // A program with 32 bits may use anything.
  result.unread = UnreadTls(&file, symbols);
  return result;
}

}  // namespace tinytap
