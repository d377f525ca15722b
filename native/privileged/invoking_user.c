// See invoking_user.h.
#include "invoking_user.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "start_error.h"

// The next line of `file` as colon-separated fields; false at the end. The fields are valid until the next call.
static bool NextEntry(FILE* file, char** fields, int wanted) {
  static char* line;
  static size_t room;
  for (;;) {
    ssize_t length = getline(&line, &room, file);
    if (length < 0) return false;
    if (length > 0 && line[length - 1] == '\n') line[length - 1] = '\0';
    char* rest = line;
    int count = 0;
    while (count < wanted && (fields[count] = strsep(&rest, ":")) != NULL) count++;
    if (count == wanted) return true;
  }
}

// A whole decimal number below the highest one, which the kernel reads as "leave unchanged".
static bool ReadId(const char* text, uint32_t* id) {
  if (text == NULL || !isdigit((unsigned char)*text)) return false;
  char* end;
  errno = 0;
  unsigned long number = strtoul(text, &end, 10);
  if (*end != '\0' || errno != 0 || number >= UINT32_MAX) return false;
  *id = (uint32_t)number;
  return true;
}

// Finds a user by name, or by uid if `name` is NULL. False if the host has no such entry.
static bool FindUser(struct user* user, const char* name, uid_t uid) {
  FILE* file = fopen("/etc/passwd", "re");
  char* fields[7];
  bool found = false;
  while (file != NULL && !found && NextEntry(file, fields, 7)) {
    uint32_t entry_uid, entry_gid;
    if (!ReadId(fields[2], &entry_uid) || !ReadId(fields[3], &entry_gid)) continue;
    if (name != NULL ? strcmp(fields[0], name) != 0 : entry_uid != uid) continue;
    user->uid = entry_uid;
    user->gid = entry_gid;
    user->name = Allocated(strdup(fields[0]));
    user->home = Allocated(strdup(fields[5]));
    found = true;
  }
  if (file != NULL) fclose(file);
  return found;
}

static void AddGroup(struct user* user, gid_t gid) {
  for (int i = 0; i < user->group_count; i++)
    if (user->groups[i] == gid) return;
  if (user->group_count == GROUPS_MAX)
    Fail(EXIT_FAILED, "ERR_LAUNCH", "expected at most %d groups of a user", GROUPS_MAX);
  user->groups[user->group_count++] = gid;
}

static void FindGroups(struct user* user) {
  AddGroup(user, user->gid);
  FILE* file = fopen("/etc/group", "re");
  char* fields[4];
  while (file != NULL && user->name != NULL && NextEntry(file, fields, 4)) {
    uint32_t gid;
    if (!ReadId(fields[2], &gid)) continue;
    for (char *member, *rest = fields[3]; (member = strsep(&rest, ",")) != NULL;)
      if (strcmp(member, user->name) == 0) AddGroup(user, gid);
  }
  if (file != NULL) fclose(file);
}

struct user InvokingUser(const char* name, bool is_root) {
  struct user user = {.uid = getuid(), .gid = getgid()};
  if (!is_root) {
    FindUser(&user, NULL, user.uid);
    user.gid = getgid();
    user.keeps_groups = true;
    if (name != NULL && (user.name == NULL || strcmp(name, user.name) != 0))
      Fail(EXIT_USAGE, "ERR_USAGE", "--user: only root may run the session as another user");
    return user;
  }
  uint32_t sudo_uid, sudo_gid;
  if (name != NULL) {
    if (!FindUser(&user, name, 0))
      Fail(EXIT_USAGE, "ERR_USAGE", "--user: expected the name of a user of this host, got \"%s\"", name);
  } else if (ReadId(getenv("SUDO_UID"), &sudo_uid) && sudo_uid != 0) {
    if (!FindUser(&user, NULL, sudo_uid)) {
      user.uid = sudo_uid;
      user.gid = ReadId(getenv("SUDO_GID"), &sudo_gid) ? sudo_gid : sudo_uid;
    }
  } else {
    FindUser(&user, NULL, 0);
    user.uid = 0;
    user.keeps_groups = true;
    return user;
  }
  FindGroups(&user);
  return user;
}
