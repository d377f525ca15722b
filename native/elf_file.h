// An ELF file as its sections and segments describe it: symbols, code at an address, texts. The file may be hostile:
// everything is read with pread(), every offset, size and count is checked, and large things are not read at all.
#pragma once

#include <elf.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tinytap {

struct ElfSymbol {
  std::string_view name;
  // Its virtual address, and bytes; 0: not known.
  uint64_t address;
  uint64_t size;
  bool is_function;
  // False: another file defines it.
  bool is_defined;
};

class ElfFile {
 public:
  // Does not take ownership of the descriptor.
  explicit ElfFile(int file);

  // Whether it is an ELF file with 64 bits, little-endian; otherwise everything else finds nothing.
  bool IsValid() const { return is_valid_; }
  // Whether it is one with 32 bits.
  bool Is32Bit() const { return is_32_bit_; }
  uint16_t Machine() const { return header_.e_machine; }

  bool HasSection(const char* name) const { return Section(name) != nullptr; }
  // Calls `visit` for each symbol of .dynsym (or .symtab). The names are valid during the call.
  void ForEachSymbol(bool dynamic, const std::function<void(const ElfSymbol&)>& visit);
  // At most `bytes` of machine code at `address`; fewer if the segment ends before.
  std::vector<uint8_t> Code(uint64_t address, size_t bytes) const;
  // Where `address`, which must be in code, is in the file.
  std::optional<uint64_t> CodeOffset(uint64_t address) const;
  // The name of the function whose address the dynamic linker stores at `address` (an entry of the global offset
  // table); '' if there is none.
  std::string LinkedName(uint64_t address);
  // The text at `address`, which ends with NUL; '' if there is none.
  std::string Text(uint64_t address) const;
  // The content of a section, at most its first `bytes`.
  std::string Content(const char* section, size_t bytes) const;
  // Names of the versions of symbols that this file defines, such as OPENSSL_3.0.0.
  std::vector<std::string> DefinedVersions() const;

 private:
  struct Table {
    bool was_read = false;
    std::vector<Elf64_Sym> symbols;
    std::string names;
  };

  bool Read(uint64_t offset, void* into, size_t bytes) const;
  const Elf64_Shdr* Section(const char* name) const;
  const Elf64_Shdr* SectionOfType(uint32_t type) const;
  std::string Bytes(const Elf64_Shdr& section, size_t most) const;
  const Table& SymbolTable(bool dynamic);

  int file_;
  uint64_t file_bytes_ = 0;
  bool is_valid_ = false;
  bool is_32_bit_ = false;
  Elf64_Ehdr header_ = {};
  std::vector<Elf64_Phdr> segments_;
  std::vector<Elf64_Shdr> sections_;
  std::string section_names_;
  Table dynamic_, all_;
};

}  // namespace tinytap
