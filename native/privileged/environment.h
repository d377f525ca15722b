/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* The environment that the launcher was started with: its harmless part for Node, all of it for the program after
 * `--`. */
#ifndef TINYTAP_ENVIRONMENT_H
#define TINYTAP_ENVIRONMENT_H

#include <stdbool.h>

/* The variable in which Node finds what the launcher has prepared. */
#define LAUNCH_VARIABLE "TINYTAP_LAUNCH"

/* Whether "NAME=VALUE" has this name. */
bool HasName(const char* entry, const char* name);

/* In a program with file capabilities, the C library removes variables from `environ` before main(). This finds
 * them again. */
char** GivenEnvironment(int argc, char** argv);

/* The environment as it was before tinytap changed anything. */
char** OriginalEnvironment(char** given);

/* Node's environment: variables that Node must not obey are kept under other names. */
char** CleanEnvironment(char** original, const char* path);

/* Sets `name`, or removes it if `value` is NULL. The lists above have room for a few more. */
void SetVariable(char** list, const char* name, const char* value);

#endif
