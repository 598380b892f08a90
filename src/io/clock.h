/* clock.h - the only place where time is read. Intervals use the monotonic clock, stamps for people
 * and cron the wall clock. Thread-safe. */
#ifndef SLUICE_IO_CLOCK_H
#define SLUICE_IO_CLOCK_H

#include <stdint.h>

int64_t clock_monotonic_ns(void); /* since an unknown origin; never goes back */
int64_t clock_boot_ns(void);      /* since boot, suspended time included: as in /proc/PID/stat */
int64_t clock_wall_ns(void);      /* since 1970, UTC; may jump */

#endif
