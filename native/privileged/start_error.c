// See start_error.h.
#include "start_error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void Fail(int status, const char* code, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("tinytap: error: ", stderr);
  vfprintf(stderr, format, arguments);
  fprintf(stderr, " [%s]\n", code);
  va_end(arguments);
  exit(status);
}

void* Allocated(void* memory) {
  if (memory == NULL) Fail(EXIT_FAILED, "ERR_LAUNCH", "not enough memory to start");
  return memory;
}

char* Text(const char* format, ...) {
  char* text = NULL;
  va_list arguments;
  va_start(arguments, format);
  int length = vasprintf(&text, format, arguments);
  va_end(arguments);
  return Allocated(length < 0 ? NULL : text);
}
