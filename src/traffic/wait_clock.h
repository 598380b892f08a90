/* wait_clock.h - the clock by which waiting counts: it stands still while no replica could serve
 * because the first is still starting, up to the time at which it was expected. */
#ifndef SLUICE_TRAFFIC_WAIT_CLOCK_H
#define SLUICE_TRAFFIC_WAIT_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct wait_clock {
    int64_t value_ns;
    int64_t at_ns;    /* time of value_ns */
    int64_t until_ns; /* stands still until then; INT64_MIN = runs */
};

void wait_clock_init(struct wait_clock *clock, int64_t now_ns);
int64_t wait_clock_read(const struct wait_clock *clock, int64_t now_ns);
void wait_clock_run(struct wait_clock *clock, int64_t now_ns);
void wait_clock_stop(struct wait_clock *clock, int64_t until_ns, int64_t now_ns);
/* Time at which the clock will show value_ns as things stand. */
int64_t wait_clock_when(const struct wait_clock *clock, int64_t value_ns);

#endif
