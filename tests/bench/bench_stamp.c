/* bench_stamp - writes the monotonic time at which it began to a file, then becomes another
 * program: tells when an engine was started.
 *
 * usage: bench_stamp FILE COMMAND...   or: bench_stamp FILE, which spawns itself for the yardstick
 * and prints the microseconds from the call to the child's main(). */
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t read_stamp(const char *path)
{
    long long stamp = 0;
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file, "%lld", &stamp) != 1)
        exit(1);
    (void)fclose(file);
    return stamp;
}

int main(int argc, char **argv)
{
    const int64_t begun_ns = now_ns();
    if (argc < 2)
        return 2;
    if (argc == 2) {
        char *child[] = {argv[0], argv[1], (char[]){"true"}, NULL};
        pid_t pid;
        int status;
        const int64_t called_ns = now_ns();
        if (posix_spawn(&pid, argv[0], NULL, NULL, child, environ) != 0 ||
            waitpid(pid, &status, 0) != pid)
            return 1;
        (void)printf("%.1f\n", (double)(read_stamp(argv[1]) - called_ns) / 1e3);
        return 0;
    }
    FILE *file = fopen(argv[1], "w");
    if (!file)
        return 1;
    (void)fprintf(file, "%lld\n", (long long)begun_ns);
    (void)fclose(file);
    (void)execvp(argv[2], argv + 2);
    return 127;
}
