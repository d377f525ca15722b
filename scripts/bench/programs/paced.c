/*
 * An HTTP client that keeps a rate: request i is due at i / RATE, whether or not earlier ones were answered, and its
 * latency counts from then (a server that stalls is charged for everything that should have been sent meanwhile).
 *
 *   paced PORT RATE SECONDS CONNECTIONS PATH BODY_BYTES [LOG]
 *
 * A `#` at the end of PATH becomes the request's number. Prints one line of JSON; every response must be a 200 with
 * BODY_BYTES of body. LOG gets one double a request: when its last byte was received, microseconds since the epoch.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK 262144

struct client {
	int fd;
	int64_t request;
	/* Bytes of the head so far, then the bytes left of the body. */
	size_t head_bytes;
	int64_t left;
	char head[4096];
};

static int64_t now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "paced: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int ascending(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static void send_request(struct client *client, const char *path, int64_t number)
{
	char text[1024];
	size_t path_bytes = strlen(path);
	int length;

	if (path_bytes && path[path_bytes - 1] == '#')
		length = snprintf(text, sizeof(text), "GET %.*s%lld HTTP/1.1\r\nHost: bench\r\n\r\n",
				  (int)path_bytes - 1, path, (long long)number);
	else
		length = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", path);
	client->request = number;
	client->head_bytes = 0;
	client->left = -1;
	if (send(client->fd, text, length, MSG_NOSIGNAL) != length)
		die("send");
}

/* Reads what there is; 1 when the response is complete. */
static int receive(struct client *client, char *chunk, int64_t body_bytes)
{
	for (;;) {
		ssize_t got = recv(client->fd, chunk, CHUNK, MSG_DONTWAIT);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (got <= 0)
			die("recv");
		if (client->left < 0) {
			size_t room = sizeof(client->head) - 1 - client->head_bytes,
			       take = (size_t)got < room ? (size_t)got : room;
			char *end, *length;

			memcpy(client->head + client->head_bytes, chunk, take);
			client->head[client->head_bytes + take] = 0;
			end = strstr(client->head, "\r\n\r\n");
			if (!end) {
				client->head_bytes += take;
				continue;
			}
			length = strcasestr(client->head, "\r\nContent-Length:");
			if (strncmp(client->head, "HTTP/1.1 200", 12) || !length || atoll(length + 17) != body_bytes) {
				fprintf(stderr, "paced: not what was expected: %.60s\n", client->head);
				exit(1);
			}
			client->left = body_bytes - (int64_t)(client->head_bytes + got - (end + 4 - client->head));
		} else {
			client->left -= got;
		}
		if (client->left < 0) {
			fprintf(stderr, "paced: more bytes than the body has\n");
			exit(1);
		}
		if (client->left == 0)
			return 1;
	}
}

int main(int count, char **arguments)
{
	if (count < 7) {
		fprintf(stderr, "paced PORT RATE SECONDS CONNECTIONS PATH BODY_BYTES [LOG]\n");
		return 2;
	}
	int port = atoi(arguments[1]), connections = atoi(arguments[4]), epoll = epoll_create1(0);
	double rate = atof(arguments[2]);
	int64_t total = rate * atof(arguments[3]), body_bytes = atoll(arguments[6]), sent = 0, done = 0, late = 0;
	const char *path = arguments[5];
	struct client *clients = calloc(connections, sizeof(*clients));
	int *idle = calloc(connections, sizeof(int)), idle_count = 0;
	float *latencies = calloc(total, sizeof(float));
	double *ends = calloc(total, sizeof(double));
	char *chunk = malloc(CHUNK);
	struct epoll_event events[64];
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(port),
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };

	/* Wake at the exact microsecond, not some 50 later. */
	prctl(PR_SET_TIMERSLACK, 1);
	for (int i = 0; i < connections; i++) {
		int on = 1;
		struct epoll_event event = { .events = EPOLLIN, .data.u32 = i };

		clients[i].fd = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(clients[i].fd, (struct sockaddr *)&address, sizeof(address)))
			die("connect");
		setsockopt(clients[i].fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		epoll_ctl(epoll, EPOLL_CTL_ADD, clients[i].fd, &event);
		idle[idle_count++] = i;
	}
	int64_t start = now_ns(CLOCK_MONOTONIC) + 1000000;
	const double interval = 1e9 / rate;

	while (done < total) {
		int64_t now = now_ns(CLOCK_MONOTONIC), due = start + (int64_t)(sent * interval), wait;
		struct timespec timeout;

		while (sent < total && due <= now && idle_count) {
			if (now - due > 1000000)
				late++;
			send_request(&clients[idle[--idle_count]], path, sent++);
			due = start + (int64_t)(sent * interval);
		}
		wait = sent < total && idle_count ? due - now_ns(CLOCK_MONOTONIC) : 1000000000;
		if (wait < 0)
			wait = 0;
		timeout = (struct timespec){ wait / 1000000000, wait % 1000000000 };
		int ready = epoll_pwait2(epoll, events, 64, &timeout, NULL);
		for (int i = 0; i < ready; i++) {
			struct client *client = &clients[events[i].data.u32];

			if (!receive(client, chunk, body_bytes))
				continue;
			ends[client->request] = now_ns(CLOCK_REALTIME) / 1e3;
			latencies[client->request] =
				(now_ns(CLOCK_MONOTONIC) - start - client->request * interval) / 1e3;
			done++;
			idle[idle_count++] = events[i].data.u32;
		}
	}
	double seconds = (now_ns(CLOCK_MONOTONIC) - start) / 1e9;
	if (count > 7) {
		FILE *log = fopen(arguments[7], "w");

		if (!log || fwrite(ends, sizeof(double), total, log) != (size_t)total || fclose(log))
			die("log");
	}
	qsort(latencies, total, sizeof(float), ascending);
	printf("{\"done\": %lld, \"seconds\": %.3f, \"rate\": %.1f, \"late\": %lld, \"p50\": %.1f, \"p90\": %.1f, "
	       "\"p99\": %.1f, \"max\": %.1f}\n",
	       (long long)done, seconds, done / seconds, (long long)late, latencies[total / 2],
	       latencies[total * 9 / 10], latencies[total * 99 / 100], latencies[total - 1]);
	return 0;
}
