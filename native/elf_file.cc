// See elf_file.h.
#include "elf_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tinytap {

// Larger tables are not read. A Node.js has 100,000 symbols with 6 MB of names.
static const size_t kSymbolsMax = 2 << 20;
static const size_t kNamesBytesMax = 128 << 20;
static const size_t kSectionsMax = 65536;
static const size_t kSegmentsMax = 1024;
static const size_t kNamesOfSectionsMax = 4 << 20;
static const size_t kRelocationsMax = 1 << 20;
static const size_t kVersionsMax = 256;
// The rest of a longer name is ignored.
static const size_t kNameBytesMax = 1024;

// The text at `offset` of a table of texts, each of which ends with NUL.
static std::string_view TextAt(const std::string& table, uint64_t offset) {
  if (offset >= table.size()) return "";
  const char* text = table.data() + offset;
  return std::string_view(text, strnlen(text, std::min<size_t>(table.size() - offset, kNameBytesMax)));
}

ElfFile::ElfFile(int file) : file_(file) {
  struct stat about;
  if (fstat(file, &about) != 0 || !S_ISREG(about.st_mode) || about.st_size < 0) return;
  file_bytes_ = static_cast<uint64_t>(about.st_size);
  if (!Read(0, &header_, sizeof(header_)) || std::memcmp(header_.e_ident, ELFMAG, SELFMAG) != 0) return;
  is_32_bit_ = header_.e_ident[EI_CLASS] == ELFCLASS32;
  if (header_.e_ident[EI_CLASS] != ELFCLASS64 || header_.e_ident[EI_DATA] != ELFDATA2LSB) return;
  if (header_.e_phentsize != sizeof(Elf64_Phdr) || header_.e_phnum > kSegmentsMax) return;
  segments_.resize(header_.e_phnum);
  if (!Read(header_.e_phoff, segments_.data(), segments_.size() * sizeof(Elf64_Phdr))) {
    segments_.clear();
    return;
  }
  is_valid_ = true;
  // Sections are missing in some files, and nobody needs them in order to run the file.
  if (header_.e_shentsize != sizeof(Elf64_Shdr) || header_.e_shnum > kSectionsMax) return;
  sections_.resize(header_.e_shnum);
  if (!Read(header_.e_shoff, sections_.data(), sections_.size() * sizeof(Elf64_Shdr)))
    sections_.clear();
  else if (header_.e_shstrndx < sections_.size())
    section_names_ = Bytes(sections_[header_.e_shstrndx], kNamesOfSectionsMax);
}

bool ElfFile::Read(uint64_t offset, void* into, size_t bytes) const {
  if (offset > file_bytes_ || bytes > file_bytes_ - offset) return false;
  auto* at = static_cast<uint8_t*>(into);
  while (bytes > 0) {
    ssize_t length = pread(file_, at, bytes, static_cast<off_t>(offset));
    if (length < 0 && errno == EINTR) continue;
    // 0: the file has been truncated in the meantime.
    if (length <= 0) return false;
    at += length;
    offset += static_cast<uint64_t>(length);
    bytes -= static_cast<size_t>(length);
  }
  return true;
}

const Elf64_Shdr* ElfFile::Section(const char* name) const {
  for (const Elf64_Shdr& section : sections_)
    if (TextAt(section_names_, section.sh_name) == name) return &section;
  return nullptr;
}

const Elf64_Shdr* ElfFile::SectionOfType(uint32_t type) const {
  for (const Elf64_Shdr& section : sections_)
    if (section.sh_type == type) return &section;
  return nullptr;
}

// Empty if the section is not in the file as a whole.
std::string ElfFile::Bytes(const Elf64_Shdr& section, size_t most) const {
  if (section.sh_type == SHT_NOBITS || section.sh_offset > file_bytes_ ||
      section.sh_size > file_bytes_ - section.sh_offset)
    return "";
  std::string bytes(static_cast<size_t>(std::min<uint64_t>(section.sh_size, most)), '\0');
  if (!Read(section.sh_offset, bytes.data(), bytes.size())) return "";
  return bytes;
}

const ElfFile::Table& ElfFile::SymbolTable(bool dynamic) {
  Table& table = dynamic ? dynamic_ : all_;
  if (table.was_read) return table;
  table.was_read = true;
  const Elf64_Shdr* section = SectionOfType(dynamic ? SHT_DYNSYM : SHT_SYMTAB);
  if (section == nullptr || section->sh_link >= sections_.size()) return table;
  if (section->sh_type == SHT_NOBITS || section->sh_offset > file_bytes_ ||
      section->sh_size > file_bytes_ - section->sh_offset || section->sh_size / sizeof(Elf64_Sym) > kSymbolsMax)
    return table;
  table.symbols.resize(static_cast<size_t>(section->sh_size / sizeof(Elf64_Sym)));
  if (!Read(section->sh_offset, table.symbols.data(), table.symbols.size() * sizeof(Elf64_Sym)))
    table.symbols.clear();
  else
    table.names = Bytes(sections_[section->sh_link], kNamesBytesMax);
  return table;
}

static ElfSymbol SymbolOf(const Elf64_Sym& symbol, const std::string& names) {
  bool is_function = ELF64_ST_TYPE(symbol.st_info) == STT_FUNC;
  bool is_defined = symbol.st_shndx != SHN_UNDEF && symbol.st_value != 0;
  return {TextAt(names, symbol.st_name), symbol.st_value, symbol.st_size, is_function, is_defined};
}

void ElfFile::ForEachSymbol(bool dynamic, const std::function<void(const ElfSymbol&)>& visit) {
  const Table& table = SymbolTable(dynamic);
  for (const Elf64_Sym& symbol : table.symbols) visit(SymbolOf(symbol, table.names));
}

static const Elf64_Phdr* CodeSegment(const std::vector<Elf64_Phdr>& segments, uint64_t address) {
  for (const Elf64_Phdr& segment : segments) {
    bool is_code = segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0;
    if (is_code && address >= segment.p_vaddr && address - segment.p_vaddr < segment.p_filesz) return &segment;
  }
  return nullptr;
}

std::optional<uint64_t> ElfFile::CodeOffset(uint64_t address) const {
  const Elf64_Phdr* segment = CodeSegment(segments_, address);
  if (segment == nullptr) return std::nullopt;
  uint64_t offset = address - segment->p_vaddr + segment->p_offset;
  if (offset < segment->p_offset || offset >= file_bytes_) return std::nullopt;
  return offset;
}

std::vector<uint8_t> ElfFile::Code(uint64_t address, size_t bytes) const {
  std::vector<uint8_t> code;
  std::optional<uint64_t> offset = CodeOffset(address);
  if (!offset.has_value()) return code;
  const Elf64_Phdr* segment = CodeSegment(segments_, address);
  uint64_t left = std::min(segment->p_filesz - (address - segment->p_vaddr), file_bytes_ - *offset);
  code.resize(static_cast<size_t>(std::min<uint64_t>(left, bytes)));
  if (!Read(*offset, code.data(), code.size())) code.clear();
  return code;
}

std::string ElfFile::LinkedName(uint64_t address) {
  const Table& table = SymbolTable(true);
  for (const Elf64_Shdr& section : sections_) {
    if (section.sh_type != SHT_RELA || section.sh_size / sizeof(Elf64_Rela) > kRelocationsMax) continue;
    std::string_view name = TextAt(section_names_, section.sh_name);
    if (name != ".rela.plt" && name != ".rela.dyn") continue;
    std::string bytes = Bytes(section, kRelocationsMax * sizeof(Elf64_Rela));
    for (size_t at = 0; at + sizeof(Elf64_Rela) <= bytes.size(); at += sizeof(Elf64_Rela)) {
      Elf64_Rela relocation;
      std::memcpy(&relocation, bytes.data() + at, sizeof(relocation));
      uint64_t symbol = ELF64_R_SYM(relocation.r_info);
      if (relocation.r_offset == address && symbol < table.symbols.size())
        return std::string(TextAt(table.names, table.symbols[symbol].st_name));
    }
  }
  return "";
}

std::string ElfFile::Text(uint64_t address) const {
  for (const Elf64_Phdr& segment : segments_) {
    if (segment.p_type != PT_LOAD || address < segment.p_vaddr || address - segment.p_vaddr >= segment.p_filesz)
      continue;
    uint64_t skipped = address - segment.p_vaddr;
    std::string text(static_cast<size_t>(std::min<uint64_t>(segment.p_filesz - skipped, kNameBytesMax)), '\0');
    if (segment.p_offset > file_bytes_ || skipped > file_bytes_ - segment.p_offset) return "";
    text.resize(static_cast<size_t>(std::min<uint64_t>(text.size(), file_bytes_ - segment.p_offset - skipped)));
    if (!Read(segment.p_offset + skipped, text.data(), text.size())) return "";
    size_t end = text.find('\0');
    return end == std::string::npos ? "" : text.substr(0, end);
  }
  return "";
}

std::string ElfFile::Content(const char* section, size_t bytes) const {
  const Elf64_Shdr* found = Section(section);
  return found == nullptr ? "" : Bytes(*found, bytes);
}

std::vector<std::string> ElfFile::DefinedVersions() const {
  static const size_t kBytesMax = 1 << 20;
  std::vector<std::string> versions;
  const Elf64_Shdr* section = SectionOfType(SHT_GNU_verdef);
  if (section == nullptr || section->sh_link >= sections_.size()) return versions;
  std::string bytes = Bytes(*section, kBytesMax), names = Bytes(sections_[section->sh_link], kNamesBytesMax);
  uint64_t at = 0;
  // Each entry says how far the next one is. Every one is further than the one before, so this ends.
  while (versions.size() < kVersionsMax) {
    Elf64_Verdef version;
    Elf64_Verdaux name;
    if (at + sizeof(version) > bytes.size()) break;
    std::memcpy(&version, bytes.data() + at, sizeof(version));
    uint64_t first = at + version.vd_aux;
    if (first + sizeof(name) <= bytes.size()) {
      std::memcpy(&name, bytes.data() + first, sizeof(name));
      versions.emplace_back(TextAt(names, name.vda_name));
    }
    if (version.vd_next == 0) break;
    at += version.vd_next;
  }
  return versions;
}

}  // namespace tinytap
