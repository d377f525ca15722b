// See start_error.h.
#include "start_error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

// Arguments and paths may hold anything, and a terminal would obey control characters in them. In UTF-8, the controls
// from U+0080 to U+009F are 0xc2 and that byte.
static void PutForTerminal(const char* text) {
  for (const unsigned char* at = (const unsigned char*)text; *at != '\0'; at++) {
    if (*at < 0x20 || *at == 0x7f) {
      fprintf(stderr, "\\x%02x", *at);
    } else if (*at == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f) {
      fprintf(stderr, "\\x%02x", *++at);
    } else {
      fputc(*at, stderr);
    }
  }
}

void Fail(int status, const char* code, const char* format, ...) {
  static char text[4096];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  fputs("tinytap: error: ", stderr);
  PutForTerminal(text);
  fprintf(stderr, " [%s]\n", code);
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
