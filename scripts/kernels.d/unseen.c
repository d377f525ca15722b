// Writes requests to a socket and to a file whose descriptors a capture cannot know, because no watched call created
// them. Prints its pid and both descriptors.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WRITES 12
#define PAUSE_US 500000

int main(void)
{
	char request[64], taken[sizeof(request)];
	int ends[2];
	// A unix socket, because the kernel side learns the addresses of TCP sockets when they receive.
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
		return 1;
	int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	int socket = (int)syscall(SYS_pidfd_getfd, self, ends[0], 0);
	int file = open("/tmp/unseen.txt", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (socket < 0 || file < 0)
		return 1;
	printf("%d %d %d\n", getpid(), socket, file);
	fflush(stdout);
	for (int i = 1; i <= WRITES; i++) {
		int length = snprintf(request, sizeof(request), "GET /unseen/%d HTTP/1.1\r\nHost: unseen\r\n\r\n", i);
		if (write(socket, request, (size_t)length) != length || read(ends[1], taken, sizeof(taken)) != length)
			return 1;
		if (write(file, request, (size_t)length) != length)
			return 1;
		usleep(PAUSE_US);
	}
	return 0;
}
