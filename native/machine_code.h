// Machine code of this architecture, as far as one has to understand it to find a good place for a probe: how long an
// instruction is, whether the kernel emulates it instead of stepping through it, and which registers it changes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tinytap {

// No instruction is longer.
constexpr size_t kInstructionBytesMax = 15;
// General registers, by the numbers that instructions have for them.
constexpr int kRegisters = 32;
// Registers that may have changed: nothing is known.
constexpr uint32_t kAllRegisters = ~0U;

enum class Operation {
  // Not an instruction, or none that is known here.
  kInvalid,
  // Begins a function, for the sake of indirect branch tracking: endbr64, bti.
  kLandingPad,
  // Changes no general register and no flow: nop, test, cmp.
  kNothing,
  // Saves `from` on the stack (arm64: two registers).
  kPush,
  // Subtracts from the stack pointer.
  kGrowStack,
  // `to` = `from`, all bits.
  kMove,
  // `to` = 0.
  kZero,
  // Always continues at the target.
  kJump,
  kJumpIf,
  kCall,
  // Continues at a place that is not in the instruction; `target` is where it is loaded from, if that is known.
  kJumpIndirect,
  kReturn,
  kOther,
};

struct Instruction {
  Operation operation = Operation::kInvalid;
  // In bytes.
  uint8_t length = 0;
  // The kernel emulates it if a probe is on it, which costs less than a microsecond. Others are single-stepped, which
  // costs 20 times as much in a virtual machine.
  bool emulated = false;
  // The kernel accepts a probe on it.
  bool accepted = false;
  // Bits of the registers that it changes.
  uint32_t changes = kAllRegisters;
  uint8_t to = 0, from = 0;
  // kJump, kJumpIf, kCall, and kJumpIndirect if `has_target`: the address.
  bool has_target = false;
  uint64_t target = 0;
  // It writes this constant or address to the register in which functions return.
  bool has_value = false;
  uint64_t value = 0;
};

// The instruction at `address`, whose bytes begin at `code`. Reads at most `bytes` of them.
Instruction DecodeX86(const uint8_t* code, size_t bytes, uint64_t address);
Instruction DecodeArm64(const uint8_t* code, size_t bytes, uint64_t address);

// Registers of the calling convention.
struct CallingConvention {
  // Of the first six arguments.
  uint8_t arguments[6];
  uint8_t stack_pointer;
  uint8_t frame_pointer;
};

extern const CallingConvention kX86Calls;
extern const CallingConvention kArm64Calls;

}  // namespace tinytap
