/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* Finds the user of this session. The user database is read without the C library's name services, which load
 * foreign code. */
#ifndef TINYTAP_INVOKING_USER_H
#define TINYTAP_INVOKING_USER_H

#include <stdbool.h>
#include <sys/types.h>

enum { GROUPS_MAX = 4096 };

struct user {
  uid_t uid;
  gid_t gid;
  /* NULL: the host does not know this user. */
  char* name;
  char* home;
  gid_t groups[GROUPS_MAX];
  int group_count;
  /* This process already has the right groups. */
  bool keeps_groups;
};

/* The user called `name`, the value of --user; if that is NULL, the sudo user, otherwise the real user. Ends the
 * process if that fails. */
struct user InvokingUser(const char* name, bool is_root);

#endif
