/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* How the launcher ends when it cannot start anything. It uses only memory and texts that are always available. */
#ifndef TINYTAP_START_ERROR_H
#define TINYTAP_START_ERROR_H

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* Prints one sentence with its code, and ends. */
__attribute__((noreturn, format(printf, 3, 4))) void Fail(int status, const char* code, const char* format, ...);

/* Returns `memory`; ends the process if it is NULL. */
void* Allocated(void* memory);

__attribute__((format(printf, 1, 2))) char* Text(const char* format, ...);

#endif
