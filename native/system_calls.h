// Numbers of system calls that glibc's headers before 2.34 lack. They are the same on all architectures.
#ifndef TINYTAP_SYSTEM_CALLS_H
#define TINYTAP_SYSTEM_CALLS_H

#include <sys/syscall.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

#endif
