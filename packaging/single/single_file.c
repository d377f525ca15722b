// The program that the single file begins with. Behind it in the same file are a list of files, their contents (a tar
// compressed with zstd) and a trailer. It unpacks them once into a cache directory whose name is their hash, and then
// becomes the launcher in there.
// It may be run as root, in a root directory with nothing but itself and /proc. What it executes must come from a
// directory that nobody else can write to. So it walks to the directory without following links, looks at each one on
// the way through its descriptor, and unpacks under another name, which is renamed when everything is there.
#define _GNU_SOURCE
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#define MAGIC "TINYTAP-SINGLE-1"
#define LAUNCHER "dist/linux-" ARCHITECTURE "/tinytap-launcher"

enum { KEY_BYTES = 32, TAR_BLOCK = 512, REASON_BYTES = 512 };

// The end of the file. Numbers are little-endian.
struct trailer {
  uint64_t list_offset, list_bytes;
  uint64_t content_offset, content_bytes;
  // Of all files, unpacked.
  uint64_t unpacked_bytes;
  // Hexadecimal digits of a hash of list and content.
  char key[KEY_BYTES];
  char magic[16];
};

// A directory is not used for a reason; the next one is tried.
static char reasons[8][REASON_BYTES];
static size_t reason_count;

static void Refuse(const char* format, ...) {
  if (reason_count == sizeof(reasons) / sizeof(*reasons)) return;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(reasons[reason_count++], REASON_BYTES, format, arguments);
  va_end(arguments);
}

__attribute__((noreturn)) static void Fail(const char* what, const char* why) {
  fprintf(stderr, "tinytap: error: %s: %s [ERR_LAUNCH]\n", what, why);
  exit(1);
}

static void* Allocated(void* memory) {
  if (memory == NULL) Fail("cannot start", "not enough memory");
  return memory;
}

// ---- this file ---------------------------------------------------------------------------------------------------------

static void ReadAt(int fd, void* into, size_t bytes, uint64_t offset) {
  for (size_t done = 0; done < bytes;) {
    ssize_t count = pread(fd, (char*)into + done, bytes - done, (off_t)(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) Fail("cannot read this program's own file", strerror(errno));
    if (count == 0) Fail("this program's own file is damaged", "it ends too early; download it again");
    done += (size_t)count;
  }
}

static struct trailer ReadTrailer(int fd) {
  struct stat file;
  struct trailer trailer;
  if (fstat(fd, &file) != 0) Fail("cannot read this program's own file", strerror(errno));
  if ((uint64_t)file.st_size < sizeof(trailer)) Fail("this program's own file is damaged", "download it again");
  ReadAt(fd, &trailer, sizeof(trailer), (uint64_t)file.st_size - sizeof(trailer));
  if (memcmp(trailer.magic, MAGIC, sizeof(trailer.magic)) != 0)
    Fail("this program's own file is damaged", "what it should unpack is missing; download it again");
  trailer.list_offset = le64toh(trailer.list_offset);
  trailer.list_bytes = le64toh(trailer.list_bytes);
  trailer.content_offset = le64toh(trailer.content_offset);
  trailer.content_bytes = le64toh(trailer.content_bytes);
  trailer.unpacked_bytes = le64toh(trailer.unpacked_bytes);
  return trailer;
}

// One line for each file: its mode (octal), size and path.
static char* ReadList(int fd, const struct trailer* trailer) {
  char* list = Allocated(malloc(trailer->list_bytes + 1));
  ReadAt(fd, list, trailer->list_bytes, trailer->list_offset);
  list[trailer->list_bytes] = '\0';
  return list;
}

// ---- directories -------------------------------------------------------------------------------------------------------

// Nobody else may replace what is in there. In a directory like /tmp nobody can replace what belongs to somebody else.
static bool IsTrusted(const struct stat* directory, bool is_last) {
  if (is_last) return directory->st_uid == geteuid() && (directory->st_mode & 022) == 0;
  if (directory->st_uid != geteuid() && directory->st_uid != 0) return false;
  return (directory->st_mode & 022) == 0 || (directory->st_mode & S_ISVTX) != 0;
}

// Opens the directory at an absolute path and makes those that are missing. Returns -1 if it must not be used.
static int OpenDirectory(const char* path, mode_t mode) {
  char rest[PATH_MAX];
  if (path[0] != '/' || strlen(path) >= sizeof(rest)) return Refuse("%s: not an absolute path", path), -1;
  strcpy(rest, path);
  int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  char* state = NULL;
  char* part = strtok_r(rest, "/", &state);
  while (fd >= 0 && part != NULL) {
    struct stat above;
    if (fstat(fd, &above) != 0 || !IsTrusted(&above, false))
      return close(fd), Refuse("%s: others can write to a directory above it", path), -1;
    int next = openat(fd, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0 && errno == ENOENT && mkdirat(fd, part, 0700) == 0) {
      next = openat(fd, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      // Its mode must not depend on the umask.
      if (next >= 0) fchmodat(fd, part, mode, 0);
    }
    int error = errno;
    close(fd);
    errno = error;
    fd = next;
    part = strtok_r(NULL, "/", &state);
  }
  if (fd < 0) return Refuse("%s: %s", path, strerror(errno)), -1;
  struct stat last;
  if (fstat(fd, &last) == 0 && IsTrusted(&last, true)) return fd;
  close(fd);
  return Refuse("%s: it belongs to somebody else, or others can write to it", path), -1;
}

// Whether all files are there, with the modes and sizes they should have.
static bool HasFiles(int directory, const char* list) {
  struct stat top;
  if (fstat(directory, &top) != 0 || !IsTrusted(&top, true)) return false;
  for (const char* line = list; *line != '\0';) {
    unsigned mode;
    unsigned long long size;
    char name[PATH_MAX];
    struct stat file;
    if (sscanf(line, "%o %llu %4095[^\n]", &mode, &size, name) != 3) return false;
    if (fstatat(directory, name, &file, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(file.st_mode)) return false;
    if (file.st_uid != geteuid() || (file.st_mode & 07777) != mode || (uint64_t)file.st_size != size) return false;
    line += strcspn(line, "\n");
    line += *line == '\n';
  }
  return true;
}

static bool IsComplete(int base, const char* key, const char* list) {
  int directory = openat(base, key, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory < 0) return false;
  bool is_complete = HasFiles(directory, list);
  // It is in use: RemoveOld of other versions leaves it.
  if (is_complete) futimens(directory, NULL);
  close(directory);
  return is_complete;
}

// Links are removed, never followed.
static void Remove(int parent, const char* name) {
  if (unlinkat(parent, name, 0) == 0 || (errno != EISDIR && errno != EPERM)) return;
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR* directory = fd < 0 ? NULL : fdopendir(fd);
  if (directory == NULL) return;
  for (struct dirent* entry; (entry = readdir(directory)) != NULL;)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) Remove(fd, entry->d_name);
  closedir(directory);
  unlinkat(parent, name, AT_REMOVEDIR);
}

// What was not used for 30 days, and what an unpacking that was killed has left. Nobody else unpacks now.
static void RemoveOld(int base, const char* key) {
  int fd = openat(base, ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR* directory = fd < 0 ? NULL : fdopendir(fd);
  if (directory == NULL) return;
  time_t now = time(NULL);
  for (struct dirent* entry; (entry = readdir(directory)) != NULL;) {
    const char* name = entry->d_name;
    struct stat status;
    size_t digits = strspn(name + (name[0] == '.'), "0123456789abcdef");
    if (digits < KEY_BYTES || strcmp(name, key) == 0) continue;
    if (fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (name[0] == '.' || now - status.st_mtime > 30 * 86400) Remove(fd, name);
  }
  closedir(directory);
}

// ---- unpacking ---------------------------------------------------------------------------------------------------------

struct unpacking {
  int directory;
  // Of the directories in it.
  mode_t mode;
  // The header that is being read, then the file that is being written.
  unsigned char header[TAR_BLOCK];
  size_t header_bytes;
  int file;
  mode_t file_mode;
  uint64_t file_left, padding_left;
  bool ended;
};

static uint64_t Octal(const unsigned char* digits, size_t length) {
  uint64_t value = 0;
  for (size_t i = 0; i < length && digits[i] >= '0' && digits[i] <= '7'; i++) value = value * 8 + (digits[i] - '0');
  return value;
}

// Begins the file or directory that the header describes. The archive was made with this program, for it.
static bool Begin(struct unpacking* unpacking) {
  const unsigned char* header = unpacking->header;
  unpacking->header_bytes = 0;
  if (header[0] == '\0') return unpacking->ended = true;
  char name[256 + 2];
  if (header[345] != '\0') {
    snprintf(name, sizeof(name), "%.155s/%.100s", (const char*)header + 345, (const char*)header);
  } else {
    snprintf(name, sizeof(name), "%.100s", (const char*)header);
  }
  size_t length = strlen(name);
  if (length > 0 && name[length - 1] == '/') name[length - 1] = '\0';
  if (header[156] == '5')
    return mkdirat(unpacking->directory, name, 0700) == 0 &&
           fchmodat(unpacking->directory, name, unpacking->mode, 0) == 0;
  unpacking->file_left = Octal(header + 124, 12);
  unpacking->padding_left = (TAR_BLOCK - unpacking->file_left % TAR_BLOCK) % TAR_BLOCK;
  unpacking->file_mode = (mode_t)Octal(header + 100, 8) & 07777;
  unpacking->file = openat(unpacking->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  return unpacking->file >= 0;
}

static bool End(struct unpacking* unpacking) {
  // A crash must not leave files with the right size and other bytes.
  bool is_done = fchmod(unpacking->file, unpacking->file_mode) == 0 && fdatasync(unpacking->file) == 0;
  is_done = close(unpacking->file) == 0 && is_done;
  unpacking->file = -1;
  return is_done;
}

static bool Feed(struct unpacking* unpacking, const unsigned char* bytes, size_t count) {
  while (count > 0 && !unpacking->ended) {
    size_t part = count;
    if (unpacking->file >= 0 && unpacking->file_left > 0) {
      if (part > unpacking->file_left) part = (size_t)unpacking->file_left;
      ssize_t written = write(unpacking->file, bytes, part);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return false;
      part = (size_t)written;
      unpacking->file_left -= part;
    } else if (unpacking->file < 0 && unpacking->padding_left > 0) {
      if (part > unpacking->padding_left) part = (size_t)unpacking->padding_left;
      unpacking->padding_left -= part;
    } else {
      if (part > TAR_BLOCK - unpacking->header_bytes) part = TAR_BLOCK - unpacking->header_bytes;
      memcpy(unpacking->header + unpacking->header_bytes, bytes, part);
      unpacking->header_bytes += part;
      if (unpacking->header_bytes == TAR_BLOCK && !Begin(unpacking)) return false;
    }
    if (unpacking->file >= 0 && unpacking->file_left == 0 && !End(unpacking)) return false;
    bytes += part;
    count -= part;
  }
  return true;
}

static bool UnpackInto(int directory, mode_t mode, int self, const struct trailer* trailer) {
  struct unpacking unpacking = {.directory = directory, .mode = mode, .file = -1};
  ZSTD_DCtx* context = Allocated(ZSTD_createDCtx());
  ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, 27);
  size_t in_size = ZSTD_DStreamInSize(), out_size = ZSTD_DStreamOutSize();
  unsigned char *in = Allocated(malloc(in_size)), *out = Allocated(malloc(out_size));
  bool is_good = true;
  size_t hint = 1;
  for (uint64_t done = 0; is_good && done < trailer->content_bytes;) {
    size_t part = in_size;
    if (part > trailer->content_bytes - done) part = (size_t)(trailer->content_bytes - done);
    ReadAt(self, in, part, trailer->content_offset + done);
    done += part;
    ZSTD_inBuffer input = {in, part, 0};
    while (is_good && input.pos < input.size) {
      ZSTD_outBuffer output = {out, out_size, 0};
      hint = ZSTD_decompressStream(context, &output, &input);
      if (ZSTD_isError(hint)) Fail("this program's own file is damaged", "download it again");
      is_good = Feed(&unpacking, out, output.pos);
    }
  }
  int error = errno;
  if (is_good && (hint != 0 || !unpacking.ended)) Fail("this program's own file is damaged", "download it again");
  if (unpacking.file >= 0) close(unpacking.file);
  ZSTD_freeDCtx(context);
  free(in);
  free(out);
  errno = error;
  return is_good;
}

// Makes `key` in the directory `base`.
static bool Unpack(int base, const char* path, const char* key, mode_t mode, int self, const struct trailer* trailer) {
  struct statvfs system;
  if (fstatvfs(base, &system) == 0) {
    if ((system.f_flag & ST_NOEXEC) != 0) return Refuse("%s: mounted noexec", path), false;
    if ((uint64_t)system.f_bavail * system.f_frsize < trailer->unpacked_bytes + (16 << 20))
      return Refuse("%s: less than %llu MiB are free", path, (unsigned long long)(trailer->unpacked_bytes >> 20) + 16),
             false;
  }
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  char name[KEY_BYTES + 64];
  snprintf(name, sizeof(name), ".%s.%d.%ld%09ld", key, (int)getpid(), (long)now.tv_sec, now.tv_nsec);
  if (mkdirat(base, name, 0700) != 0) return Refuse("%s: %s", path, strerror(errno)), false;
  int directory = openat(base, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (isatty(2)) fprintf(stderr, "tinytap: unpacking into %s, once\n", path);
  bool is_done = directory >= 0 && UnpackInto(directory, mode, self, trailer) && fchmod(directory, mode) == 0 &&
                 fsync(directory) == 0 && renameat(base, name, base, key) == 0;
  int error = errno;
  if (directory >= 0) close(directory);
  if (!is_done) Remove(base, name);
  if (!is_done) Refuse("%s: %s", path, strerror(error));
  return is_done;
}

// ---- main --------------------------------------------------------------------------------------------------------------

// Whether the files are in a directory of `path`, and nobody else can change them.
static bool Prepare(const char* path, mode_t mode, int self, const struct trailer* trailer, const char* list) {
  char key[KEY_BYTES + 1];
  memcpy(key, trailer->key, KEY_BYTES);
  key[KEY_BYTES] = '\0';
  int base = OpenDirectory(path, mode);
  if (base < 0) return false;
  bool is_ready = IsComplete(base, key, list);
  if (!is_ready) {
    // One process unpacks; others that start now wait, and find it done.
    int lock = openat(base, ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (lock >= 0 && flock(lock, LOCK_EX) == 0 && !IsComplete(base, key, list)) {
      RemoveOld(base, key);
      // A file in it is missing or changed, or it is something else.
      Remove(base, key);
      Unpack(base, path, key, mode, self, trailer);
    }
    is_ready = IsComplete(base, key, list);
    if (lock >= 0) close(lock);
  }
  close(base);
  return is_ready;
}

static void Run(const char* base, const struct trailer* trailer, char** argv, char** environment) {
  char path[PATH_MAX];
  snprintf(path, sizeof(path), "%s/%.*s/" LAUNCHER, base, KEY_BYTES, trailer->key);
  execve(path, argv, environment);
  Refuse("%s: %s", path, strerror(errno));
}

static char* Home(void) {
  const char* home = getenv("HOME");
  // Above a home there may be links of the administrator; they are resolved once, and none is followed later.
  return home == NULL || home[0] != '/' ? NULL : realpath(home, NULL);
}

extern char** environ;

// The environment, and where this file is: messages tell users to start it with sudo.
static char** Environment(const char* self) {
  size_t count = 0;
  while (environ[count] != NULL) count++;
  char** list = Allocated(calloc(count + 2, sizeof(char*)));
  size_t kept = 0;
  for (size_t i = 0; i < count; i++)
    if (strncmp(environ[i], "TINYTAP_SINGLE_FILE=", 20) != 0) list[kept++] = environ[i];
  if (asprintf(&list[kept], "TINYTAP_SINGLE_FILE=%s", self) < 0) list[kept] = NULL;
  return list;
}

int main(int argc, char** argv) {
  // Nothing that is opened here may become a standard descriptor.
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) return 1;
  if (argc < 1) return 2;
  if (geteuid() != getuid() || getegid() != getgid())
    Fail("cannot start", "this file must not be set-user-ID or set-group-ID");
  int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  if (self < 0) Fail("cannot open /proc/self/exe", strerror(errno));
  char name[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", name, sizeof(name) - 1);
  name[length < 0 ? 0 : length] = '\0';
  struct trailer trailer = ReadTrailer(self);
  char* list = ReadList(self, &trailer);
  char* places[4] = {NULL};
  size_t count = 0;
  bool is_root = geteuid() == 0;
  mode_t mode = is_root ? 0755 : 0700;
  if (is_root) {
    // Never a directory of the user who has typed sudo. That user reads what is in it, so it is not below /root.
    places[count++] = "/var/cache/tinytap";
    places[count++] = "/run/tinytap";
  } else {
    const char* cache = getenv("XDG_CACHE_HOME");
    char* home = Home();
    if (cache != NULL && cache[0] == '/') {
      char* real = realpath(cache, NULL);
      if (asprintf(&places[count], "%s/tinytap", real == NULL ? cache : real) > 0) count++;
    } else if (home != NULL && strcmp(home, "/") != 0 && asprintf(&places[count], "%s/.cache/tinytap", home) > 0) {
      count++;
    }
  }
  if (asprintf(&places[count], "/tmp/tinytap-%d", (int)geteuid()) > 0) count++;
  char** environment = Environment(name);
  for (size_t i = 0; i < count; i++) {
    if (Prepare(places[i], mode, self, &trailer, list)) Run(places[i], &trailer, argv, environment);
  }
  fputs("tinytap: error: found no directory to unpack into [ERR_LAUNCH]\n", stderr);
  for (size_t i = 0; i < reason_count; i++) fprintf(stderr, "  %s\n", reasons[i]);
  fputs("hint: XDG_CACHE_HOME names another directory; root uses /var/cache/tinytap.\n", stderr);
  return 1;
}
