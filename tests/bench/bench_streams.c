/* bench_streams - a backend that streams stamped events and the clients that read them, in one
 * process and one thread, with whatever proxy is to be measured between them. Tells how long events
 * were on their way.
 *
 * usage: bench_streams BACKEND_PORT PROXY_PORT MODEL STREAMS EVENTS GAP_MS SPREAD_MS
 * The streams begin to speak evenly over SPREAD_MS; with 0 all speak in one moment, each time.
 * Waits on standard input for a line once it listens ("listening"), then runs and prints
 * NAME TAB VALUE lines: events, p50_us, p99_us. Exit 1 when an event is missing. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define STREAMS_MAX 10240
#define SILENCE_MS 20000 /* nothing for so long is the end */
#define STARTS_AT_ONCE 64

struct end {
    int fd;
    bool backend;
    char line[4096];
    size_t len;
    int64_t next_ns; /* backend: of the next event */
    int sent;        /* backend: -1 until the request is complete */
};

static struct end ends[2 * STREAMS_MAX + 1];
static int64_t *transit;
static size_t received;
static int events_each;
static int64_t gap_ns;
static int64_t spread_ns;
static int64_t begin_ns; /* of the first event of all */
static size_t begun;     /* streams that have a request */
static size_t stream_count;
static int poll_fd;

static int64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void stop(const char *what)
{
    (void)fprintf(stderr, "bench_streams: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void watch(struct end *end, int fd, bool backend)
{
    const int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    *end = (struct end){.fd = fd, .backend = backend, .sent = -1};
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = end}};
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        stop("epoll");
}

static void say(const struct end *end, const char *text, size_t len)
{
    if (write(end->fd, text, len) != (ssize_t)len)
        stop("a short write");
}

/* The request is complete with its body: the head goes back, events follow by the clock. */
static void backend_read(struct end *end)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n";
    const ssize_t n = read(end->fd, end->line + end->len, sizeof(end->line) - 1 - end->len);
    if (n <= 0) {
        (void)close(end->fd);
        end->fd = -1;
        return;
    }
    end->len += (size_t)n;
    end->line[end->len] = '\0';
    if (end->sent >= 0 || !strstr(end->line, "]}"))
        return;
    say(end, head, sizeof(head) - 1);
    end->sent = 0;
    if (begun == 0)
        begin_ns = now_ns() + gap_ns; /* when nearly all have asked */
    end->next_ns = begin_ns + spread_ns * (int64_t)begun++ / (int64_t)stream_count;
}

static void backend_step(struct end *end, int64_t now)
{
    char data[256];
    char chunk[300];
    if (end->fd < 0 || end->sent < 0 || end->sent > events_each || now < end->next_ns)
        return;
    end->next_ns += gap_ns;
    if (end->sent++ == events_each) {
        say(end, "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n", 24);
        return;
    }
    const int n = snprintf(data, sizeof(data),
                           "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"
                           "\"t=%" PRId64 ";\"}}]}\n\n",
                           now_ns());
    const int len = snprintf(chunk, sizeof(chunk), "%x\r\n%s\r\n", (unsigned)n, data);
    say(end, chunk, (size_t)len);
}

/* Every whole "t=NUMBER;" is one event; the rest is kept. */
static void client_read(struct end *end)
{
    const ssize_t n = read(end->fd, end->line + end->len, sizeof(end->line) - 1 - end->len);
    const int64_t now = now_ns();
    if (n <= 0) {
        (void)close(end->fd);
        end->fd = -1;
        return;
    }
    end->len += (size_t)n;
    end->line[end->len] = '\0';
    char *at = end->line;
    for (char *stamp = at; (stamp = strstr(stamp, "t=")) != NULL;) {
        char *last = NULL;
        const long long sent = strtoll(stamp + 2, &last, 10);
        if (*last == '\0')
            break;
        if (*last == ';')
            transit[received++] = now - sent;
        stamp = at = last;
    }
    end->len = strlen(at);
    if (end->len > 512) { /* a head or comments: nothing of it is needed */
        at += end->len - 256;
        end->len = 256;
    }
    memmove(end->line, at, end->len + 1);
}

static int by_size(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static int listen_on(uint16_t port)
{
    const int on = 1;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 4096) != 0)
        stop("the backend's port");
    return fd;
}

static void client_start(struct end *end, uint16_t port, const char *model)
{
    char body[256], text[512];
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
        stop("the proxy's port");
    watch(end, fd, false);
    const int n = snprintf(body, sizeof(body),
                           "{\"model\":\"%s\",\"stream\":true,\"messages\":[{\"role\":\"user\","
                           "\"content\":\"hello\"}]}",
                           model);
    const int len = snprintf(text, sizeof(text),
                             "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
                             "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                             n, body);
    say(end, text, (size_t)len);
}

/* Until the next event is due, a millisecond at most. */
static int await(struct epoll_event *event, int max, int64_t due_ns)
{
    const int64_t left = due_ns - now_ns();
    const struct timespec limit = {.tv_nsec = left < 0 ? 0 : left < 1000000 ? left : 1000000};
    return epoll_pwait2(poll_fd, event, max, &limit, NULL);
}

static void run(int listener, size_t streams, uint16_t port, const char *model)
{
    const size_t wanted = streams * (size_t)events_each;
    size_t backends = 0;
    size_t started = 0;
    int64_t last_ns = now_ns();
    int64_t due_ns = 0;
    while (received < wanted && now_ns() - last_ns < SILENCE_MS * INT64_C(1000000)) {
        struct epoll_event event[256];
        /* A few at a time: more connections than a listener keeps waiting would be refused. */
        for (int i = 0; i < STARTS_AT_ONCE && started < streams; i++)
            client_start(&ends[1 + started++], port, model);
        const int n = await(event, 256, due_ns);
        for (int i = 0; i < n; i++) {
            struct end *end = event[i].data.ptr;
            const size_t before = received;
            if (end->fd == listener) {
                for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0;)
                    if (backends < STREAMS_MAX)
                        watch(&ends[1 + streams + backends++], fd, true);
            } else if (end->backend) {
                backend_read(end);
            } else {
                client_read(end);
            }
            if (received > before)
                last_ns = now_ns();
        }
        const int64_t now = now_ns();
        due_ns = INT64_MAX;
        for (size_t i = 0; i < backends; i++) {
            struct end *end = &ends[1 + streams + i];
            backend_step(end, now);
            if (end->sent >= 0 && end->sent <= events_each && end->next_ns < due_ns)
                due_ns = end->next_ns;
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 8) {
        (void)fprintf(stderr,
                      "usage: bench_streams BACKEND_PORT PROXY_PORT MODEL STREAMS EVENTS GAP_MS "
                      "SPREAD_MS\n");
        return 2;
    }
    const size_t streams = stream_count = (size_t)atoi(argv[4]);
    events_each = atoi(argv[5]);
    gap_ns = atoi(argv[6]) * INT64_C(1000000);
    spread_ns = atoi(argv[7]) * INT64_C(1000000);
    transit = calloc(streams * (size_t)events_each + 1, sizeof(*transit));
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (streams > STREAMS_MAX || !transit || poll_fd < 0)
        stop("too many streams");
    const int listener = listen_on((uint16_t)atoi(argv[1]));
    watch(&ends[0], listener, false);
    (void)printf("listening\n");
    (void)fflush(stdout);
    (void)getchar();
    run(listener, streams, (uint16_t)atoi(argv[2]), argv[3]);
    qsort(transit, received, sizeof(*transit), by_size);
    (void)printf("events\t%zu\n", received);
    if (received > 0)
        (void)printf("p50_us\t%.1f\np99_us\t%.1f\n", (double)transit[received / 2] / 1e3,
                     (double)transit[received * 99 / 100] / 1e3);
    return received == streams * (size_t)events_each ? 0 : 1;
}
