/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* The environment that the launcher was started with: for Node what is harmless, for the program after `--` all of it. */
#ifndef TINYTAP_ENVIRONMENT_H
#define TINYTAP_ENVIRONMENT_H

#include <stdbool.h>

/* Where Node finds what the launcher has prepared. */
#define LAUNCH_VARIABLE "TINYTAP_LAUNCH"

/* Whether "NAME=VALUE" has this name. */
bool HasName(const char* entry, const char* name);

/* In a program with file capabilities the C library takes variables from `environ` before main(). This finds them again. */
char** GivenEnvironment(int argc, char** argv);

/* The environment as it was before anything of tinytap's changed it. */
char** OriginalEnvironment(char** given);

/* Node's: what it must not heed is kept under another name. */
char** CleanEnvironment(char** original, const char* path);

/* Sets `name`; with `value` NULL it is removed. The lists above have room for a few more. */
void SetVariable(char** list, const char* name, const char* value);

#endif
