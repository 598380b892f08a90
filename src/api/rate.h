/* rate.h - how often one source may do something: a bucket each, in a table of bounded size. A
 * source that finds no place takes that of the one seen longest ago. One owner, not thread-safe. */
#ifndef SLUICE_API_RATE_H
#define SLUICE_API_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

#define RATE_SOURCES_MAX 1024

struct rate;
/* NULL: no memory. per_second and burst > 0. */
struct rate *rate_new(double per_second, double burst);
void rate_free(struct rate *rate);
/* Takes one; when there is none left *ret_wait_ns says when there will be. */
bool rate_take(struct rate *rate, struct span source, int64_t now_ns, int64_t *ret_wait_ns);

#endif
