// See environment.h.
#include "environment.h"

#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "start_error.h"

// Prefix of a variable that was removed from Node's environment.
#define KEPT_PREFIX "TINYTAP_ENV_"

extern char** environ;

// bin/taken-out-variables: names; a `*` at the end matches anything.
static const char* const kTakenOut[] = {TAKEN_OUT_VARIABLES};

enum { ROOM = 16 };

bool HasName(const char* entry, const char* name) {
  size_t length = strlen(name);
  return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

static bool IsTakenOut(const char* entry) {
  for (size_t i = 0; i < sizeof(kTakenOut) / sizeof(*kTakenOut); i++) {
    size_t length = strlen(kTakenOut[i]);
    if (kTakenOut[i][length - 1] == '*') {
      if (strncmp(entry, kTakenOut[i], length - 1) == 0) return true;
    } else if (HasName(entry, kTakenOut[i])) {
      return true;
    }
  }
  // The name of a time zone is fine, the path of a file is not.
  return strncmp(entry, "TZ=", 3) == 0 && (entry[3] == ':' || entry[3] == '/' || strstr(entry, "..") != NULL);
}

static size_t Count(char** list) {
  size_t count = 0;
  while (list[count] != NULL) count++;
  return count;
}

static char** NewList(size_t count) { return Allocated(calloc(count + ROOM, sizeof(char*))); }

void SetVariable(char** list, const char* name, const char* value) {
  size_t kept = 0;
  for (size_t i = 0; list[i] != NULL; i++)
    if (!HasName(list[i], name)) list[kept++] = list[i];
  if (value != NULL) list[kept++] = Text("%s=%s", name, value);
  list[kept] = NULL;
}

// The texts are still where the kernel put them: after the arguments and before the name of the program.
char** GivenEnvironment(int argc, char** argv) {
  char* text = argv[argc - 1] + strlen(argv[argc - 1]) + 1;
  const char* end = (const char*)getauxval(AT_EXECFN);
  if (end == NULL || end < text) return environ;
  char** list = NewList((size_t)(end - text));
  for (size_t count = 0; text < end; text += strlen(text) + 1) list[count++] = text;
  return list;
}

static bool IsKept(const char* entry) {
  size_t prefix = strlen(KEPT_PREFIX);
  return strncmp(entry, KEPT_PREFIX, prefix) == 0 && strchr(entry + prefix, '=') != NULL;
}

// Compares "NAME=VALUE" by name.
static int CompareNames(const void* left, const void* right) {
  const char *a = *(char*const*)left, *b = *(char*const*)right;
  size_t a_length = strcspn(a, "="), b_length = strcspn(b, "=");
  int order = strncmp(a, b, a_length < b_length ? a_length : b_length);
  return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

// Of entries with the same name, the last one in memory sorts first.
static int CompareKept(const void* left, const void* right) {
  int order = CompareNames(left, right);
  const char *a = *(char*const*)left, *b = *(char*const*)right;
  return order != 0 ? order : (a < b) - (a > b);
}

// Anybody may pass any number of variables, so nothing here searches all of them for each one.
char** OriginalEnvironment(char** given) {
  size_t kept_count = 0, count = 0;
  char **kept = NewList(Count(given)), **list = NewList(Count(given));
  for (char** entry = given; *entry != NULL; entry++)
    if (IsKept(*entry)) kept[kept_count++] = *entry + strlen(KEPT_PREFIX);
  qsort(kept, kept_count, sizeof(*kept), CompareKept);
  for (char** entry = given; *entry != NULL; entry++)
    if (strncmp(*entry, KEPT_PREFIX, strlen(KEPT_PREFIX)) != 0 && !HasName(*entry, LAUNCH_VARIABLE) &&
        bsearch(entry, kept, kept_count, sizeof(*kept), CompareNames) == NULL)
      list[count++] = *entry;
  for (size_t i = 0; i < kept_count; i++)
    if (i == 0 || CompareNames(&kept[i - 1], &kept[i]) != 0) list[count++] = kept[i];
  free(kept);
  return list;
}

char** CleanEnvironment(char** original, const char* path) {
  char** list = NewList(2 * Count(original));
  size_t count = 0;
  for (char** entry = original; *entry != NULL; entry++) {
    if (HasName(*entry, "PATH")) {
      list[count++] = Text(KEPT_PREFIX "%s", *entry);
      list[count++] = Text("PATH=%s", path);
    } else if (!IsTakenOut(*entry)) {
      list[count++] = *entry;
    } else {
      list[count++] = Text(KEPT_PREFIX "%s", *entry);
    }
  }
  return list;
}
