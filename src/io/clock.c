/* clock.c - see clock.h. */
#include "io/clock.h"

#include <time.h>

#include "base/duration.h"

static int64_t clock_read(clockid_t id)
{
    struct timespec t = {0};
    (void)clock_gettime(id, &t); /* cannot fail for the ids used here */
    return (int64_t)t.tv_sec * SECOND_NS + t.tv_nsec;
}

int64_t clock_monotonic_ns(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

int64_t clock_boot_ns(void)
{
    return clock_read(CLOCK_BOOTTIME);
}

int64_t clock_wall_ns(void)
{
    return clock_read(CLOCK_REALTIME);
}
