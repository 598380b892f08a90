#include "traffic/wait_clock.h"

void wait_clock_init(struct wait_clock *clock, int64_t now_ns)
{
    *clock = (struct wait_clock){.at_ns = now_ns, .until_ns = INT64_MIN};
}

int64_t wait_clock_read(const struct wait_clock *clock, int64_t now_ns)
{
    const int64_t from = clock->until_ns > clock->at_ns ? clock->until_ns : clock->at_ns;
    return clock->value_ns + (now_ns > from ? now_ns - from : 0);
}

static void advance(struct wait_clock *clock, int64_t now_ns)
{
    clock->value_ns = wait_clock_read(clock, now_ns);
    if (now_ns > clock->at_ns)
        clock->at_ns = now_ns;
}

void wait_clock_run(struct wait_clock *clock, int64_t now_ns)
{
    advance(clock, now_ns);
    clock->until_ns = INT64_MIN;
}

void wait_clock_stop(struct wait_clock *clock, int64_t until_ns, int64_t now_ns)
{
    advance(clock, now_ns);
    clock->until_ns = until_ns;
}

int64_t wait_clock_when(const struct wait_clock *clock, int64_t value_ns)
{
    const int64_t from = clock->until_ns > clock->at_ns ? clock->until_ns : clock->at_ns;
    return from + (value_ns - clock->value_ns);
}
