/* zone.h - a time zone: from the bytes of a zoneinfo file (RFC 8536) or from a POSIX rule.
 *
 * Pure: the caller brings the bytes. Immutable once made; lives in the caller's arena. */
#ifndef SLUICE_CONFIG_ZONE_H
#define SLUICE_CONFIG_ZONE_H

#include <stdint.h>

#include "base/mem.h"
#include "base/rc.h"
#include "base/span.h"

#define ZONE_BYTES_MAX (1U << 20)
#define ZONE_TRANSITIONS_MAX 10000

struct zone;

const struct zone *zone_utc(void);
/* RC_CORRUPT for bytes that are no zone file, RC_VERSION, RC_LIMIT, RC_NO_MEMORY. */
enum rc zone_read(struct arena *arena, struct span bytes, const struct zone **ret,
                  struct diag *diag) MUST_CHECK;
/* A POSIX rule: "CET-1CEST,M3.5.0,M10.5.0/3". RC_SYNTAX, RC_NO_MEMORY. */
enum rc zone_read_rule(struct arena *arena, struct span rule, const struct zone **ret,
                       struct diag *diag) MUST_CHECK;

/* Seconds east of UTC at a time. */
int64_t zone_offset_s(const struct zone *zone, int64_t unix_s);
/* The time at which local clocks show local_s (seconds since 1970-01-01 00:00 local). Of a time
 * that comes twice the first one; of one that never comes the first moment after the gap. Never
 * falls when local_s grows. */
int64_t zone_unix_s(const struct zone *zone, int64_t local_s);

#endif
