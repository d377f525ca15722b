// tinytap's launcher: the only program that a user starts with privileges. It starts the attacher, which keeps them
// (protocol.h says what it may be asked), and the program after `--`, held. Then it drops everything and becomes Node,
// in the same process, as the invoking user. So no line of JavaScript runs with privileges, unless --keep-root asks for
// it.
// A static program: no dynamic loader, no locale and no configuration of the C library is involved. It opens only the
// user database and files of fixed names below its own directory.
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "../system_calls.h"
#include "environment.h"
#include "invoking_user.h"
#include "protocol.h"
#include "start_error.h"

extern char** environ;

static const char* const kNodeFlags[] = {NODE_FLAGS};

__attribute__((noreturn)) static void FailToDrop(const char* step) {
  fprintf(stderr, "tinytap: error: cannot give up root: %s: %s [ERR_DROP]\n", step, strerror(errno));
  fputs(
      "hint: A container without CAP_SETPCAP, CAP_SETUID or CAP_SETGID forbids it. --keep-root runs without this "
      "protection.\n",
      stderr);
  exit(EXIT_FAILED);
}

// ---- the command line --------------------------------------------------------------------------------------------------

struct words {
  const char* user;
  bool keep_root;
  // The program after `--`; NULL: none.
  char** command;
};

// Reads only what must be known here. Node parses everything again, and refuses a --user that was misread here.
static struct words ReadWords(char** argv) {
  struct words words = {0};
  for (char** word = argv + 1; *word != NULL; word++) {
    if (strcmp(*word, "--") == 0) {
      if (word[1] != NULL) words.command = word + 1;
      break;
    }
    if (strcmp(*word, "--keep-root") == 0) words.keep_root = true;
    if (strncmp(*word, "--user=", 7) == 0) words.user = *word + 7;
    if (strcmp(*word, "--user") == 0 && word[1] != NULL && strcmp(word[1], "--") != 0) words.user = *++word;
  }
  return words;
}

// Whether the session may attach to TLS libraries, which needs a further privileged process, or asks whether it could.
static bool WantsTls(char** argv) {
  for (char** word = argv + 1; *word != NULL && strcmp(*word, "--") != 0; word++)
    if (strcmp(*word, "--tls") == 0 || strcmp(*word, "doctor") == 0) return true;
  return false;
}

// Words of a session that captures nothing, or that sets sizes of its own.
static const char* const kUnusual[] = {
    "--help", "-h",   "--version", "-V",      "--ring-size", "--call-limit", "--iovec-limit",
    "doctor", "help", "queries",   "version", "info",        "merge",        "diff",
};

static bool IsReplay(char** argv) {
  for (char** word = argv + 1; *word != NULL && strcmp(*word, "--") != 0; word++)
    if (strcmp(*word, "--replay") == 0 || strncmp(*word, "--replay=", 9) == 0) return true;
  return false;
}

// Whether it will load the programs with the default sizes. This is a guess: a wrong one only costs time.
static bool IsUsualCapture(char** argv) {
  for (char** word = argv + 1; *word != NULL && strcmp(*word, "--") != 0; word++) {
    size_t length = strcspn(*word, "=");
    for (size_t i = 0; i < sizeof(kUnusual) / sizeof(*kUnusual); i++)
      if (strlen(kUnusual[i]) == length && strncmp(*word, kUnusual[i], length) == 0) return false;
  }
  return true;
}

// ---- Node --------------------------------------------------------------------------------------------------------------

static bool EndsWith(const char* text, size_t length, const char* end) {
  size_t end_length = strlen(end);
  while (length > 1 && text[length - 1] == '/') length--;
  return length >= end_length && strncmp(text + length - end_length, end, end_length) == 0;
}

// PATH without the working directory and without the directories that npm, which may have started this, puts first.
static char* NarrowPath(const char* path) {
  size_t used = 0;
  char* narrow = Allocated(malloc((path == NULL ? 0 : strlen(path)) + 1));
  for (const char* entry = path; entry != NULL && *entry != '\0';) {
    size_t length = strcspn(entry, ":");
    if (*entry == '/' && !EndsWith(entry, length, "/node_modules/.bin") && !EndsWith(entry, length, "/node-gyp-bin")) {
      if (used > 0) narrow[used++] = ':';
      memcpy(narrow + used, entry, length);
      used += length;
    }
    entry += length + (entry[length] == ':');
  }
  narrow[used] = '\0';
  return used == 0 ? Text("/nonexistent") : narrow;
}

static bool IsProgram(const char* path) {
  struct stat file;
  return stat(path, &file) == 0 && S_ISREG(file.st_mode) && access(path, X_OK) == 0;
}

// A package may bring its own Node. Otherwise it is the first one in PATH.
static char* FindNode(const char* directory, const char* path) {
  char* own = Text("%s/node", directory);
  if (IsProgram(own)) return own;
  free(own);
  for (const char* entry = path; *entry != '\0';) {
    size_t length = strcspn(entry, ":");
    char* node = Text("%.*s/node", (int)length, entry);
    if (IsProgram(node)) return node;
    free(node);
    entry += length + (entry[length] == ':');
  }
  fputs("tinytap: error: expected Node.js 20.19 or newer, found none in PATH [ERR_LAUNCH]\n", stderr);
  if (getenv("SUDO_USER") != NULL)
    fputs("hint: sudo has a PATH of its own; keep yours: sudo env \"PATH=$PATH\" tinytap\n", stderr);
  exit(EXIT_FAILED);
}

// ---- privileges
// --------------------------------------------------------------------------------------------------------

enum { CAP_WORDS = _LINUX_CAPABILITY_U32S_3 };

static bool Capabilities(struct __user_cap_data_struct* data) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  return syscall(SYS_capget, &header, data) == 0;
}

static bool Has(int capability) {
  struct __user_cap_data_struct data[CAP_WORDS] = {0};
  return Capabilities(data) && (data[capability / 32].permitted >> capability % 32 & 1) != 0;
}

static bool HasAny(void) {
  struct __user_cap_data_struct data[CAP_WORDS] = {0};
  // If in doubt, assume that there is something to drop.
  return !Capabilities(data) || data[0].permitted != 0 || data[1].permitted != 0;
}

// Returns the step that failed, or NULL.
static const char* BecomeUser(const struct user* user, gid_t real_gid) {
  if (!user->keeps_groups && setgroups((size_t)user->group_count, user->groups) != 0) return "setgroups";
  if (setresgid(real_gid, user->gid, user->gid) != 0) return "setresgid";
  if (setresuid(user->uid, user->uid, user->uid) != 0) return "setresuid";
  return NULL;
}

// A real group that nobody else has, and that gives no access to anything. While it differs from the effective group,
// the kernel lets no unprivileged process trace this one or take its descriptors. This holds from the first instruction
// after execve on, when Node cannot have forbidden tracing yet. ForbidTracing in addon.cc does so later, and restores
// the group.
enum { UNTRACED_GID = 64873 };

// A shell that runs a script in place of Node would set its effective group to the real one.
static bool IsScript(const char* path) {
  char start[2] = "";
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  bool is_script =
      fd >= 0 && read(fd, start, sizeof(start)) == sizeof(start) && memcmp(start, "#!", sizeof(start)) == 0;
  if (fd >= 0) close(fd);
  return is_script;
}

static gid_t RealGroup(const struct user* user, bool is_root, int attacher, const char* node) {
  if (attacher < 0) return user->gid;
  // Anyone who may run a launcher with file capabilities can also start a program of their own in place of Node.
  if (!is_root || user->uid == 0 || IsScript(node)) return user->gid;
  // A user namespace may lack this group.
  return setresgid(UNTRACED_GID, (gid_t)-1, (gid_t)-1) == 0 ? UNTRACED_GID : user->gid;
}

static void ClearCapabilities(void) {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct none[CAP_WORDS] = {0};
  if (syscall(SYS_capset, &header, none) != 0) FailToDrop("capset");
}

// From here on this process, and whatever it executes, is the user's, without any privileges.
static void GiveUpRights(const struct user* user, gid_t real_gid, bool is_root) {
  // A launcher whose file capabilities lack CAP_SETPCAP keeps the bounding set, which is useless if no privileges can
  // be gained. Root in a container may have no capabilities to begin with.
  bool may_set = (is_root && HasAny()) || Has(CAP_SETPCAP);
  for (int capability = 0; may_set && prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) FailToDrop("bounding set");
  const unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                             SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
  if (may_set && prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) != 0) FailToDrop("securebits");
  const char* failed = BecomeUser(user, real_gid);
  if (failed != NULL) FailToDrop(failed);
  ClearCapabilities();
  struct __user_cap_data_struct left[CAP_WORDS];
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) FailToDrop("no_new_privs");

  uid_t uids[3];
  gid_t gids[3];
  getresuid(&uids[0], &uids[1], &uids[2]);
  getresgid(&gids[0], &gids[1], &gids[2]);
  errno = EPERM;
  for (int i = 0; i < 3; i++)
    if (uids[i] != user->uid || gids[i] != (i == 0 ? real_gid : user->gid)) FailToDrop("ids");
  if (!Capabilities(left)) FailToDrop("capget");
  for (int i = 0; i < CAP_WORDS; i++)
    if ((left[i].effective | left[i].permitted | left[i].inheritable) != 0) FailToDrop("capabilities");
  if (user->uid != 0 && (setuid(0) == 0 || setgid(0) == 0)) FailToDrop("root can be regained");
}

// ---- the attacher ------------------------------------------------------------------------------------------------------

// Nobody but root may change the file at `path`, or what the path refers to.
static bool IsRootsAlone(const char* path) {
  char* part = Allocated(strdup(path));
  for (int level = 0;; level++) {
    struct stat file;
    if (lstat(part, &file) != 0 || S_ISLNK(file.st_mode) || file.st_uid != 0) return false;
    // In a directory such as /tmp nobody can replace root's files, but anybody can make a link to another file of root.
    bool is_shared = level > 1 && S_ISDIR(file.st_mode) && (file.st_mode & S_ISVTX) != 0;
    if ((file.st_mode & 022) != 0 && !is_shared) return false;
    if (strcmp(part, "/") == 0) return true;
    char* slash = strrchr(part, '/');
    slash[slash == part ? 1 : 0] = '\0';
  }
}

static void CloseOthers(int first_kept, int last_kept) {
  if (first_kept > 3) syscall(SYS_close_range, 3U, (unsigned)first_kept - 1, 0U);
  syscall(SYS_close_range, (unsigned)last_kept + 1, ~0U, 0U);
}

// The terminal's settings as hexadecimal digits; "-" if there is none. Read before anybody changes them.
static char* TerminalSettings(int terminal) {
  struct termios settings;
  if (terminal < 0 || tcgetattr(terminal, &settings) != 0) return Text("-");
  char* text = Allocated(malloc(2 * sizeof(settings) + 1));
  for (size_t i = 0; i < sizeof(settings); i++) sprintf(text + 2 * i, "%02x", ((unsigned char*)&settings)[i]);
  return text;
}

static int Terminal(void) {
  for (int fd = 0; fd <= 2; fd++)
    if (isatty(fd)) return fd;
  return -1;
}

// Starts it in a process group of its own, so that Ctrl-C does not reach it. Returns the socket to it.
static int StartAttacher(const char* directory, bool is_root, bool loads_early, bool wants_tls) {
  const char* const files[] = {"tinytap-attacher",  "tinytap-helper",     "tinytap-looker",   "tinytap.bpf.o",
                               "tinytap-old.bpf.o", "tinytap-tls-helper", "tinytap-tls.bpf.o"};
  // The last two are for TLS.
  size_t file_count = sizeof(files) / sizeof(*files) - (wants_tls ? 0 : 2);
  char* program = Text("%s/tinytap-attacher", directory);
  // Somebody decided to run just this checkout as root. File capabilities are for everybody who may run the launcher.
  for (size_t i = 0; !is_root && i < file_count; i++)
    if (!IsRootsAlone(Text("%s/%s", directory, files[i])))
      Fail(EXIT_FAILED, "ERR_LAUNCH",
           "the launcher has file capabilities, but somebody other than root can change %s/%s or a directory above it",
           directory, files[i]);
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0)
    Fail(EXIT_FAILED, "ERR_LAUNCH", "cannot make a socket: %s", strerror(errno));
  pid_t tinytap = getpid();
  int process = (int)syscall(SYS_pidfd_open, tinytap, 0);
  // Without pidfds, use something that never signals the end of a process.
  if (process < 0) process = eventfd(0, EFD_CLOEXEC);
  pid_t child = fork();
  if (child < 0) Fail(EXIT_FAILED, "ERR_LAUNCH", "cannot start a process: %s", strerror(errno));
  if (child > 0) {
    setpgid(child, child);
    close(ends[1]);
    close(process);
    return ends[0];
  }
  setpgid(0, 0);
  int terminal = Terminal();
  char* settings = TerminalSettings(terminal);
  char* group = Text("%d", (int)getpgid(tinytap));
  // Descriptors that the helper keeps must not delay whoever waits for the end of tinytap's output.
  int nothing = open("/dev/null", O_RDWR);
  if (nothing < 0) _exit(EXIT_FAILED);
  int socket = fcntl(ends[1], F_DUPFD, 10);
  terminal = terminal < 0 ? nothing : terminal;
  terminal = fcntl(terminal, F_DUPFD, 10);
  process = fcntl(process, F_DUPFD, 10);
  dup2(socket, HELPER_SOCKET);
  dup2(terminal, HELPER_TERMINAL);
  dup2(process, HELPER_TINYTAP);
  // libbpf's messages go to stderr.
  bool debug = getenv("TINYTAP_DEBUG") != NULL;
  for (int fd = 0; fd <= (debug ? 1 : 2); fd++) dup2(nothing, fd);
  CloseOthers(HELPER_SOCKET, HELPER_TINYTAP);
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  if (chdir("/") != 0) _exit(EXIT_FAILED);
  umask(077);
  if (!is_root) {
    // Only this way does an ordinary user's process keep its privileges across an exec.
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[CAP_WORDS] = {0};
    if (!Capabilities(data)) _exit(EXIT_FAILED);
    for (int i = 0; i < CAP_WORDS; i++) data[i].inheritable = data[i].effective = data[i].permitted;
    if (syscall(SYS_capset, &header, data) != 0) _exit(EXIT_FAILED);
    for (int capability = 0; capability < 32 * CAP_WORDS; capability++)
      if ((data[capability / 32].permitted >> capability % 32 & 1) != 0)
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
  }
  char* arguments[] = {program, settings, group, loads_early ? "early" : "late", wants_tls ? "tls" : "plain", NULL};
  char* environment[] = {debug ? "TINYTAP_DEBUG=1" : NULL, NULL};
  execve(program, arguments, environment);
  _exit(EXIT_FAILED);
}

// ---- the program after `--` --------------------------------------------------------------------------------------------

struct held {
  pid_t pid;
  int control;
};

// Sets what sudo or a login would have set. A user unknown to the host has neither a home directory nor a name.
static void SetUser(char** list, const struct user* user) {
  SetVariable(list, "HOME", user->home == NULL ? "/" : user->home);
  SetVariable(list, "USER", user->name);
  SetVariable(list, "LOGNAME", user->name);
}

// Starts it as the invoking user would, but held: it runs when a byte arrives ('i': with this standard input, 'n': with
// none) and ends unseen when the other end is closed or dies. If it cannot be executed, an errno is sent back.
static struct held HoldCommand(char** command, char** environment, const struct user* user, bool is_root,
                               int attacher) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
    Fail(EXIT_FAILED, "ERR_LAUNCH", "cannot make a socket: %s", strerror(errno));
  if (is_root && user->uid != 0) SetUser(environment, user);
  pid_t child = fork();
  if (child < 0) Fail(EXIT_FAILED, "ERR_LAUNCH", "cannot start a process: %s", strerror(errno));
  if (child > 0) {
    close(ends[1]);
    return (struct held){child, ends[0]};
  }
  close(ends[0]);
  close(attacher);
  fcntl(ends[1], F_SETFD, FD_CLOEXEC);
  // With --keep-root nobody else would report it.
  if (BecomeUser(user, user->gid) != NULL) {
    int error = errno;
    char released;
    if (read(ends[1], &released, 1) == 1 && write(ends[1], &error, sizeof(error)) < 0) _exit(126);
    _exit(126);
  }
  if (!is_root || user->uid != 0) {
    ClearCapabilities();
    // It is an ordinary process of the user, visible to tinytap even where /proc hides all others.
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  }
  // A change of ids resets this, so it comes last. Also end if the launcher was killed before.
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  char order = 0;
  ssize_t length;
  do length = read(ends[1], &order, 1);
  while (length < 0 && errno == EINTR);
  if (length != 1) _exit(0);
  prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
  if (order == 'n') {
    int nothing = open("/dev/null", O_RDONLY);
    if (nothing > 0) dup2(nothing, 0), close(nothing);
  }
  environ = environment;
  execvp(command[0], command);
  int error = errno;
  if (write(ends[1], &error, sizeof(error)) < 0) _exit(127);
  _exit(error == ENOENT ? 127 : 126);
}

// ---- main
// --------------------------------------------------------------------------------------------------------------

static char* OwnDirectory(void) {
  char path[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
  if (length <= 0) Fail(EXIT_FAILED, "ERR_LAUNCH", "cannot read /proc/self/exe: %s", strerror(errno));
  path[length] = '\0';
  *strrchr(path, '/') = '\0';
  return Allocated(strdup(path));
}

// What Node runs. The launcher is in build/ of a checkout, or in dist/linux-ARCH of a package.
static char* Program(const char* directory) {
  char* built = Text("%s/../dist/tinytap.cjs", directory);
  if (access(built, F_OK) == 0 || errno != ENOENT) return built;
  char* packaged = Text("%s/../tinytap.cjs", directory);
  return access(packaged, F_OK) == 0 ? packaged : built;
}

static void OpenStandardDescriptors(void) {
  int fd;
  do fd = open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= 2);
  if (fd > 2) close(fd);
}

int main(int argc, char** argv) {
  OpenStandardDescriptors();
  if (argc < 1) return EXIT_USAGE;
  if (geteuid() != getuid() || getegid() != getgid())
    Fail(EXIT_FAILED, "ERR_LAUNCH", "the launcher must not be set-user-ID or set-group-ID: use file capabilities");
  bool is_root = getuid() == 0;
  bool has_rights = is_root || Has(CAP_BPF) || Has(CAP_SYS_ADMIN);
  struct words words = ReadWords(argv);
  struct user* user = Allocated(malloc(sizeof(*user)));
  *user = InvokingUser(words.user, is_root);
  char* directory = OwnDirectory();

  char** given = GivenEnvironment(argc, argv);
  char** original = OriginalEnvironment(given);
  char* given_path = NULL;
  for (char** entry = original; *entry != NULL; entry++)
    if (HasName(*entry, "PATH")) given_path = *entry + 5;
  char* path = NarrowPath(given_path);
  char* node = FindNode(directory, path);
  char** environment = CleanEnvironment(original, path);

  bool keeps_root = words.keep_root && is_root;
  // Node reports it if the word is the value of another option.
  int attacher =
      has_rights && !IsReplay(argv) ? StartAttacher(directory, is_root, IsUsualCapture(argv), WantsTls(argv)) : -1;
  struct held held = {0, -1};
  if (words.command != NULL && has_rights)
    held = HoldCommand(words.command, OriginalEnvironment(given), user, is_root, attacher);
  if (is_root && user->uid != 0 && !keeps_root) SetUser(environment, user);
  const char* mode = keeps_root   ? "keep-root"
                     : is_root    ? (user->uid == 0 ? "root" : "user")
                     : has_rights ? "capabilities"
                                  : "none";
  SetVariable(environment, LAUNCH_VARIABLE,
              Text("mode=%s,socket=%d,command=%d,control=%d,user=%s", mode, attacher, (int)held.pid, held.control,
                   user->name == NULL ? "" : user->name));

  struct rlimit none = {0, 0};
  if (has_rights) setrlimit(RLIMIT_CORE, &none);
  if (has_rights && !keeps_root) GiveUpRights(user, RealGroup(user, is_root, attacher, node), is_root);

  size_t flag_count = sizeof(kNodeFlags) / sizeof(*kNodeFlags);
  char** arguments = Allocated(calloc(flag_count + (size_t)argc + 7, sizeof(char*)));
  size_t count = 0;
  // The single file also brings the C library that its Node needs.
  char* loader = Text("%s/loader", directory);
  bool has_loader = IsProgram(loader);
  if (has_loader) {
    arguments[count++] = loader;
    arguments[count++] = Text("--inhibit-cache");
    arguments[count++] = Text("--library-path");
    arguments[count++] = Text("%s/lib", directory);
  }
  arguments[count++] = node;
  for (size_t i = 0; i < flag_count; i++) arguments[count++] = (char*)kNodeFlags[i];
  char* program = Program(directory);
  arguments[count++] = program;
  for (int i = 1; i < argc; i++) arguments[count++] = argv[i];
  const char* refused = access(node, X_OK) != 0 ? node : access(program, R_OK) != 0 ? program : NULL;
  if (refused != NULL && errno == EACCES && is_root) {
    fprintf(stderr, "tinytap: error: %s may not read %s [ERR_LAUNCH]\n",
            user->name == NULL ? "the invoking user" : user->name, refused);
    fputs(
        "hint: tinytap runs as this user once the capture is prepared: move it to a directory that the user can read, "
        "or use --user or --keep-root.\n",
        stderr);
    exit(EXIT_FAILED);
  }
  if (refused != NULL && refused == program) {
    fprintf(
        stderr,
        "tinytap: error: cannot open %s: %s [ERR_LAUNCH]\nhint: Install tinytap again; in a checkout: npm run build.\n",
        program, strerror(errno));
    exit(EXIT_FAILED);
  }
  execve(arguments[0], arguments, environment);
  Fail(EXIT_FAILED, "ERR_LAUNCH", "cannot run %s: %s", arguments[0], strerror(errno));
}
