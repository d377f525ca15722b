// See machine_code.h. Which instructions are emulated: push_setup_insn() and branch_setup_insn() in the kernel's
// arch/x86/kernel/uprobes.c, arm_probe_decode_insn() in its arch/arm64/kernel/probes/decode-insn.c.
#include "machine_code.h"

namespace tinytap {

// rdi, rsi, rdx, rcx, r8, r9; rsp; rbp.
const CallingConvention kX86Calls = {{7, 6, 2, 1, 8, 9}, 4, 5};
const CallingConvention kArm64Calls = {{0, 1, 2, 3, 4, 5}, 31, 29};

// ---- x86-64 ------------------------------------------------------------------------------------------------------------

enum { RAX = 0, RDX = 2, RSP = 4 };

// What follows an opcode.
enum : uint8_t {
  NOTHING = 0,
  MODRM = 1,
  IMM8 = 2,
  // 4 bytes, or 2 with prefix 66.
  IMMZ = 4,
  IMM16 = 8,
  // 8 bytes with REX.W.
  IMMV = 16,
  // An address of 8 bytes.
  ADDRESS = 32,
  // A displacement of 4 bytes.
  REL32 = 64,
  INVALID = 128,
};

static uint8_t FollowsOneByte(uint8_t opcode) {
  if (opcode < 0x40) {
    static const uint8_t kOperands[] = {MODRM, MODRM, MODRM, MODRM, IMM8, IMMZ, INVALID, INVALID};
    return kOperands[opcode & 7];
  }
  if (opcode >= 0x70 && opcode <= 0x7f) return IMM8;
  if (opcode >= 0x84 && opcode <= 0x8f) return MODRM;
  if (opcode >= 0xb0 && opcode <= 0xb7) return IMM8;
  if (opcode >= 0xb8 && opcode <= 0xbf) return IMMV;
  if (opcode >= 0xd8 && opcode <= 0xdf) return MODRM;
  if (opcode >= 0xe0 && opcode <= 0xe7) return IMM8;
  switch (opcode) {
    case 0x63:
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
    case 0xf6:
    case 0xf7:
    case 0xfe:
    case 0xff:
      return MODRM;
    case 0x69:
    case 0x81:
    case 0xc7:
      return MODRM | IMMZ;
    case 0x6b:
    case 0x80:
    case 0x83:
    case 0xc0:
    case 0xc1:
    case 0xc6:
      return MODRM | IMM8;
    case 0x68:
    case 0xa9:
      return IMMZ;
    case 0x6a:
    case 0xa8:
    case 0xcd:
    case 0xeb:
      return IMM8;
    case 0xa0:
    case 0xa1:
    case 0xa2:
    case 0xa3:
      return ADDRESS;
    case 0xc2:
    case 0xca:
      return IMM16;
    case 0xc8:
      return IMM16 | IMM8;
    case 0xe8:
    case 0xe9:
      return REL32;
    case 0x60:
    case 0x61:
    case 0x82:
    case 0x9a:
    case 0xce:
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xea:
      return INVALID;
    default:
      return NOTHING;
  }
}

static uint8_t FollowsTwoBytes(uint8_t opcode) {
  if (opcode >= 0x80 && opcode <= 0x8f) return REL32;
  if ((opcode >= 0x30 && opcode <= 0x37) || (opcode >= 0xc8 && opcode <= 0xcf)) return NOTHING;
  if (opcode >= 0x70 && opcode <= 0x73) return MODRM | IMM8;
  switch (opcode) {
    case 0x05:
    case 0x06:
    case 0x07:
    case 0x08:
    case 0x09:
    case 0x0b:
    case 0x0e:
    case 0x77:
    case 0xa0:
    case 0xa1:
    case 0xa2:
    case 0xa8:
    case 0xa9:
    case 0xaa:
      return NOTHING;
    case 0x0f:
    case 0xa4:
    case 0xac:
    case 0xba:
    case 0xc2:
    case 0xc4:
    case 0xc5:
    case 0xc6:
      return MODRM | IMM8;
    case 0x04:
    case 0x0a:
    case 0x0c:
    case 0x24:
    case 0x25:
    case 0x26:
    case 0x27:
    case 0x39:
    case 0x3b:
    case 0x3c:
    case 0x3d:
    case 0x3e:
    case 0x3f:
      return INVALID;
    default:
      return MODRM;
  }
}

struct Reader {
  const uint8_t* code;
  size_t bytes;
  size_t at = 0;
  bool failed = false;

  uint8_t Byte() {
    if (at >= bytes || at >= kInstructionBytesMax) {
      failed = true;
      return 0;
    }
    return code[at++];
  }
  // Little-endian, sign-extended.
  int64_t Signed(int size) {
    uint64_t value = 0;
    for (int i = 0; i < size; i++) value |= static_cast<uint64_t>(Byte()) << 8 * i;
    int unused = 64 - 8 * size;
    return size == 0 ? 0 : static_cast<int64_t>(value << unused) >> unused;
  }
};

struct Decoded {
  uint8_t opcode = 0;
  // 1: one byte, 2: 0F, 3: 0F 38, 4: 0F 3A; more than that for VEX and EVEX.
  int map = 1;
  uint8_t rex = 0;
  bool has_modrm = false;
  uint8_t mode = 0, reg = 0, rm = 0;
  bool operand16 = false;
  // A prefix with which the kernel accepts no probe.
  bool refused = false;
  bool repeats = false;
  int64_t displacement = 0;
  bool rip_relative = false;
  int64_t immediate = 0;
  bool Wide() const { return (rex & 8) != 0; }
};

static void ReadModRm(Reader* reader, Decoded* decoded) {
  uint8_t modrm = reader->Byte();
  decoded->has_modrm = true;
  decoded->mode = modrm >> 6;
  decoded->reg = (modrm >> 3 & 7) | ((decoded->rex & 4) != 0 ? 8 : 0);
  uint8_t rm = modrm & 7;
  decoded->rm = rm | ((decoded->rex & 1) != 0 ? 8 : 0);
  if (decoded->mode == 3) return;
  int size = decoded->mode == 1 ? 1 : decoded->mode == 2 ? 4 : 0;
  if (rm == 4) {
    uint8_t sib = reader->Byte();
    if (decoded->mode == 0 && (sib & 7) == 5) size = 4;
  } else if (rm == 5 && decoded->mode == 0) {
    size = 4;
    decoded->rip_relative = true;
  }
  decoded->displacement = reader->Signed(size);
}

// Vector instructions: only their length matters.
static void ReadVector(Reader* reader, Decoded* decoded, uint8_t first) {
  uint8_t payload = reader->Byte();
  int map = 1;
  if (first == 0xc4) {
    map = payload & 31;
    reader->Byte();
  } else if (first == 0x62) {
    map = payload & 7;
    reader->Byte();
    reader->Byte();
  }
  decoded->opcode = reader->Byte();
  // No opcode map of general registers.
  decoded->map = 10 + map;
  if (map == 1 && first != 0x62 && decoded->opcode == 0x77) return;
  ReadModRm(reader, decoded);
  uint8_t opcode = decoded->opcode;
  bool has_immediate =
      map == 3 ||
      (map == 1 && ((opcode >= 0x70 && opcode <= 0x73) || opcode == 0xc2 || (opcode >= 0xc4 && opcode <= 0xc6)));
  // In EVEX, maps 5 and 6 have none, and displacements of one byte are scaled, not longer.
  if (has_immediate) reader->Byte();
}

static void ReadOperands(Reader* reader, Decoded* decoded, uint8_t follows) {
  if ((follows & INVALID) != 0) reader->failed = true;
  if ((follows & MODRM) != 0) ReadModRm(reader, decoded);
  // Only two of these instructions have an immediate operand.
  if (decoded->map == 1 && (decoded->opcode == 0xf6 || decoded->opcode == 0xf7) && (decoded->reg & 6) == 0)
    follows |= decoded->opcode == 0xf6 ? IMM8 : IMMZ;
  int z = decoded->operand16 && !decoded->Wide() ? 2 : 4;
  if ((follows & IMMZ) != 0) decoded->immediate = reader->Signed(z);
  if ((follows & IMMV) != 0) decoded->immediate = reader->Signed(decoded->Wide() ? 8 : z);
  if ((follows & REL32) != 0) decoded->immediate = reader->Signed(4);
  if ((follows & IMM16) != 0) decoded->immediate = reader->Signed(2);
  if ((follows & IMM8) != 0) decoded->immediate = reader->Signed(1);
  if ((follows & ADDRESS) != 0) reader->Signed(8);
}

static Decoded Decode(Reader* reader) {
  Decoded decoded;
  uint8_t byte = reader->Byte();
  bool address32 = false;
  for (; !reader->failed; byte = reader->Byte()) {
    bool is_segment = byte == 0x26 || byte == 0x2e || byte == 0x36 || byte == 0x3e;
    if (is_segment || byte == 0xf0)
      decoded.refused = true;
    else if (byte == 0x66)
      decoded.operand16 = true;
    else if (byte == 0x67)
      address32 = true;
    else if (byte == 0xf2 || byte == 0xf3)
      decoded.repeats = true;
    else if (byte != 0x64 && byte != 0x65)
      break;
  }
  if ((byte & 0xf0) == 0x40) {
    decoded.rex = byte;
    byte = reader->Byte();
  }
  if (byte == 0xc4 || byte == 0xc5 || byte == 0x62) {
    ReadVector(reader, &decoded, byte);
    return decoded;
  }
  decoded.opcode = byte;
  if (byte != 0x0f) {
    // Its address would have only 4 bytes.
    if (address32 && byte >= 0xa0 && byte <= 0xa3) reader->failed = true;
    ReadOperands(reader, &decoded, FollowsOneByte(byte));
    // Otherwise an instruction of AMD's XOP.
    if (byte == 0x8f && (decoded.reg & 7) != 0) reader->failed = true;
    return decoded;
  }
  decoded.map = 2;
  decoded.opcode = reader->Byte();
  if (decoded.opcode == 0x38 || decoded.opcode == 0x3a) {
    bool has_immediate = decoded.opcode == 0x3a;
    decoded.map = has_immediate ? 4 : 3;
    decoded.opcode = reader->Byte();
    ReadOperands(reader, &decoded, has_immediate ? MODRM | IMM8 : MODRM);
    return decoded;
  }
  ReadOperands(reader, &decoded, FollowsTwoBytes(decoded.opcode));
  return decoded;
}

static uint32_t Bit(int number) { return 1U << number; }

// A register of 8 bits may be the second byte of another one.
static uint32_t ByteBit(const Decoded& decoded, int number) {
  return decoded.rex == 0 && number >= 4 && number < 8 ? Bit(number - 4) : Bit(number);
}

// The registers that change if the operand in ModRM.rm does.
static uint32_t RmBit(const Decoded& decoded, bool is_byte) {
  if (decoded.mode != 3) return 0;
  return is_byte ? ByteBit(decoded, decoded.rm) : Bit(decoded.rm);
}

// Arithmetic, opcodes 00 to 3F: eight operations with six forms each.
static void ReadArithmetic(const Decoded& decoded, Instruction* instruction) {
  int operation = decoded.opcode >> 3, form = decoded.opcode & 7;
  bool is_byte = (form & 1) == 0;
  instruction->changes = form >= 4   ? Bit(RAX)
                         : form >= 2 ? (is_byte ? ByteBit(decoded, decoded.reg) : Bit(decoded.reg))
                                     : RmBit(decoded, is_byte);
  if (operation == 7) {
    instruction->operation = Operation::kNothing;
    instruction->changes = 0;
  }
  // xor, sub of a register with itself. Writing 32 bits clears the others.
  bool is_zero = (operation == 6 || operation == 5) && !is_byte && form < 4 && decoded.mode == 3 &&
                 decoded.reg == decoded.rm && !decoded.operand16;
  if (!is_zero) return;
  instruction->operation = Operation::kZero;
  instruction->to = decoded.reg;
}

static void ReadOneByte(const Decoded& decoded, uint64_t end, Instruction* instruction) {
  uint8_t opcode = decoded.opcode;
  auto branch = [&](Operation operation) {
    instruction->operation = operation;
    instruction->has_target = true;
    instruction->target = end + static_cast<uint64_t>(decoded.immediate);
    instruction->changes = 0;
  };
  if (opcode < 0x40) return ReadArithmetic(decoded, instruction);
  if (opcode >= 0x50 && opcode <= 0x57) {
    instruction->operation = Operation::kPush;
    instruction->changes = Bit(RSP);
    instruction->from = (opcode & 7) | ((decoded.rex & 1) != 0 ? 8 : 0);
    // The kernel knows two encodings.
    instruction->emulated = !decoded.operand16 && !decoded.repeats && (decoded.rex == 0 || decoded.rex == 0x41);
    return;
  }
  if (opcode >= 0x70 && opcode <= 0x7f) return branch(Operation::kJumpIf);
  if (opcode >= 0xb0 && opcode <= 0xbf) {
    int number = (opcode & 7) | ((decoded.rex & 1) != 0 ? 8 : 0);
    instruction->changes = opcode < 0xb8 ? ByteBit(decoded, number) : Bit(number);
    instruction->has_value = opcode == 0xb8 && number == RAX;
    instruction->value = static_cast<uint64_t>(decoded.immediate);
    return;
  }
  switch (opcode) {
    case 0x63:
    case 0x8b:
    case 0x8d:
      instruction->changes = Bit(decoded.reg);
      instruction->has_value = opcode == 0x8d && decoded.rip_relative && decoded.reg == RAX;
      instruction->value = end + static_cast<uint64_t>(decoded.displacement);
      break;
    case 0x8a:
      instruction->changes = ByteBit(decoded, decoded.reg);
      break;
    case 0x80:
    case 0x81:
    case 0x83: {
      int operation = decoded.reg & 7;
      instruction->changes = operation == 7 ? 0 : RmBit(decoded, opcode == 0x80);
      if (operation == 7) instruction->operation = Operation::kNothing;
      if (operation == 5 && decoded.Wide() && decoded.mode == 3 && decoded.rm == RSP && opcode != 0x80)
        instruction->operation = Operation::kGrowStack;
      break;
    }
    case 0x84:
    case 0x85:
    case 0xa8:
    case 0xa9:
      instruction->operation = Operation::kNothing;
      instruction->changes = 0;
      break;
    case 0x88:
    case 0xc6:
      instruction->changes = RmBit(decoded, true);
      break;
    case 0x89:
    case 0xc7:
      instruction->changes = RmBit(decoded, false);
      break;
    case 0x90:
      // With REX.B it exchanges registers.
      if ((decoded.rex & 1) != 0) break;
      instruction->operation = Operation::kNothing;
      instruction->changes = 0;
      instruction->emulated = !decoded.operand16;
      break;
    case 0xf6:
    case 0xf7:
      if ((decoded.reg & 6) == 0) {
        instruction->operation = Operation::kNothing;
        instruction->changes = 0;
      } else {
        instruction->changes = (decoded.reg & 4) == 0 ? RmBit(decoded, opcode == 0xf6) : Bit(RAX) | Bit(RDX);
      }
      break;
    case 0xc2:
    case 0xc3:
      instruction->operation = Operation::kReturn;
      break;
    case 0xe8:
      branch(Operation::kCall);
      instruction->changes = kAllRegisters;
      break;
    case 0xe9:
    case 0xeb:
      branch(Operation::kJump);
      break;
    case 0xff:
      if ((decoded.reg & 7) != 4) break;
      instruction->operation = Operation::kJumpIndirect;
      instruction->has_target = decoded.rip_relative;
      instruction->target = end + static_cast<uint64_t>(decoded.displacement);
      break;
    default:
      break;
  }
  bool moves = (opcode == 0x89 || opcode == 0x8b) && decoded.mode == 3 && decoded.Wide();
  if (!moves) return;
  instruction->operation = Operation::kMove;
  instruction->to = opcode == 0x89 ? decoded.rm : decoded.reg;
  instruction->from = opcode == 0x89 ? decoded.reg : decoded.rm;
}

static void ReadTwoBytes(const Decoded& decoded, uint64_t end, Instruction* instruction) {
  uint8_t opcode = decoded.opcode;
  if (opcode >= 0x80 && opcode <= 0x8f) {
    instruction->operation = Operation::kJumpIf;
    instruction->has_target = true;
    instruction->target = end + static_cast<uint64_t>(decoded.immediate);
    instruction->changes = 0;
    return;
  }
  if (opcode >= 0x40 && opcode <= 0x4f) instruction->changes = Bit(decoded.reg);
  if (opcode >= 0x90 && opcode <= 0x9f) instruction->changes = RmBit(decoded, true);
  if (opcode == 0xb6 || opcode == 0xb7 || opcode == 0xbe || opcode == 0xbf) instruction->changes = Bit(decoded.reg);
  // Moves and clears vector registers, as prologues of variadic functions do.
  if (opcode == 0x10 || opcode == 0x11 || opcode == 0x28 || opcode == 0x29 || opcode == 0x57 || opcode == 0xef)
    instruction->changes = 0;
  if (opcode != 0x1e && opcode != 0x1f) return;
  // rdssp, which would read the shadow stack's pointer into a register.
  if (opcode == 0x1e && decoded.repeats && decoded.mode == 3 && (decoded.reg & 7) == 1) return;
  bool is_landing_pad = opcode == 0x1e && decoded.repeats && decoded.mode == 3 && (decoded.reg & 7) == 7;
  instruction->operation = is_landing_pad ? Operation::kLandingPad : Operation::kNothing;
  instruction->changes = 0;
}

Instruction DecodeX86(const uint8_t* code, size_t bytes, uint64_t address) {
  Instruction instruction;
  Reader reader = {code, bytes};
  Decoded decoded = Decode(&reader);
  if (reader.failed) return instruction;
  instruction.length = static_cast<uint8_t>(reader.at);
  instruction.operation = Operation::kOther;
  uint64_t end = address + reader.at;
  if (decoded.map == 1) ReadOneByte(decoded, end, &instruction);
  if (decoded.map == 2) ReadTwoBytes(decoded, end, &instruction);
  bool is_branch = instruction.operation == Operation::kJump || instruction.operation == Operation::kJumpIf ||
                   instruction.operation == Operation::kCall;
  // Processors disagree on the length of branches with this prefix.
  if (is_branch && decoded.operand16 && !decoded.Wide()) return Instruction();
  if (is_branch) instruction.emulated = !decoded.operand16;
  instruction.accepted = !decoded.refused;
  if (decoded.refused) instruction.emulated = false;
  return instruction;
}

// ---- arm64 -------------------------------------------------------------------------------------------------------------

static int64_t SignExtended(uint32_t value, int bits) {
  int unused = 64 - bits;
  return static_cast<int64_t>(static_cast<uint64_t>(value) << unused) >> unused;
}

Instruction DecodeArm64(const uint8_t* code, size_t bytes, uint64_t address) {
  Instruction instruction;
  if (bytes < 4 || address % 4 != 0) return instruction;
  uint32_t word = code[0] | static_cast<uint32_t>(code[1]) << 8 | static_cast<uint32_t>(code[2]) << 16 |
                  static_cast<uint32_t>(code[3]) << 24;
  instruction.length = 4;
  instruction.accepted = true;
  instruction.operation = Operation::kOther;
  auto branch = [&](Operation operation, int64_t words) {
    instruction.operation = operation;
    instruction.emulated = true;
    instruction.has_target = true;
    instruction.target = address + static_cast<uint64_t>(words * 4);
    instruction.changes = operation == Operation::kCall ? kAllRegisters : 0;
  };
  if ((word & 0xfffff01f) == 0xd503201f) {
    // Hints: bti is 32 to 38, nop 0. Those that sign the return address change the link register, so a return probe
    // after them would make the function's end fail.
    uint32_t hint = word >> 5 & 0x7f;
    bool is_landing_pad = hint >= 32 && hint <= 38 && hint % 2 == 0;
    if (is_landing_pad) instruction.operation = Operation::kLandingPad;
    if (hint == 0) instruction.operation = Operation::kNothing;
    // Kernels before 6.13 step through it.
    instruction.emulated = hint == 0;
    if (is_landing_pad || hint == 0) instruction.changes = 0;
  } else if ((word & 0x7c000000) == 0x14000000) {
    branch(word >> 31 != 0 ? Operation::kCall : Operation::kJump, SignExtended(word & 0x3ffffff, 26));
  } else if ((word & 0xff000010) == 0x54000000 || (word & 0x7e000000) == 0x34000000) {
    // b.cond, cbz, cbnz.
    branch(Operation::kJumpIf, SignExtended(word >> 5 & 0x7ffff, 19));
  } else if ((word & 0x7e000000) == 0x36000000) {
    // tbz, tbnz.
    branch(Operation::kJumpIf, SignExtended(word >> 5 & 0x3fff, 14));
  } else if ((word & 0x1f000000) == 0x10000000 || (word & 0xbf000000) == 0x18000000) {
    // adr, adrp; ldr from a place near it.
    instruction.emulated = true;
    instruction.changes = Bit(static_cast<int>(word & 31));
  } else if ((word & 0xfffffc1f) == 0xd61f0000) {
    instruction.operation = Operation::kJumpIndirect;
    instruction.emulated = true;
  } else if ((word & 0xfffffc1f) == 0xd65f0000) {
    instruction.operation = Operation::kReturn;
    instruction.emulated = true;
  } else if ((word & 0xffe0ffe0) == 0xaa0003e0) {
    // mov of all bits; xzr is register 31 here.
    uint8_t from = static_cast<uint8_t>(word >> 16 & 31);
    instruction.to = static_cast<uint8_t>(word & 31);
    instruction.from = from;
    instruction.operation = from == 31 ? Operation::kZero : Operation::kMove;
    instruction.changes = Bit(instruction.to);
  } else if ((word & 0x7f800000) == 0x52800000) {
    // mov of a constant.
    instruction.to = static_cast<uint8_t>(word & 31);
    if ((word >> 5 & 0xffff) == 0) instruction.operation = Operation::kZero;
    instruction.has_value = instruction.to == 0 && (word & 0x600000) == 0;
    instruction.value = word >> 5 & 0xffff;
    instruction.changes = Bit(instruction.to);
  } else if ((word & 0xffc003ff) == 0xd10003ff) {
    instruction.operation = Operation::kGrowStack;
    instruction.changes = Bit(31);
  } else if ((word & 0xffc003e0) == 0xa98003e0 || (word & 0xffc003e0) == 0xa90003e0) {
    // stp of two registers on the stack, with or without a change of the stack pointer.
    instruction.operation = Operation::kPush;
    instruction.from = static_cast<uint8_t>(word & 31);
    instruction.changes = Bit(31);
  } else if ((word & 0x7f00001f) == 0x7100001f || (word & 0x7f20001f) == 0x6b00001f ||
             (word & 0x7f20001f) == 0x6a00001f) {
    // cmp with a constant or a register, tst.
    instruction.operation = Operation::kNothing;
    instruction.changes = 0;
  }
  return instruction;
}

}  // namespace tinytap
