/*
 * library-users LIBRARY N: N processes that have mapped the library and wait. Prints their pids, one a line, and `ready`;
 * ends them when stdin ends.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int count = argc == 3 ? atoi(argv[2]) : 0;
	pid_t *pids = calloc(count, sizeof(*pids));
	char byte;

	if (count == 0 || dlopen(argv[1], RTLD_NOW) == NULL) {
		fprintf(stderr, "expected a library and a number: %s\n", argc == 3 ? dlerror() : "");
		return 1;
	}
	for (int i = 0; i < count; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				pause();
		}
		if (pids[i] < 0) {
			perror("fork");
			return 1;
		}
		printf("%d\n", pids[i]);
	}
	puts("ready");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	for (int i = 0; i < count; i++)
		kill(pids[i], SIGKILL);
	while (wait(NULL) > 0)
		;
	return 0;
}
