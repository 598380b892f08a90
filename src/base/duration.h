/* duration.h - time as int64_t nanoseconds: constants, saturating arithmetic, text in and out. */
#ifndef SLUICE_BASE_DURATION_H
#define SLUICE_BASE_DURATION_H

#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/span.h"

#define MICROSECOND_NS INT64_C(1000)
#define MILLISECOND_NS INT64_C(1000000)
#define SECOND_NS INT64_C(1000000000)
#define MINUTE_NS (60 * SECOND_NS)
#define HOUR_NS (60 * MINUTE_NS)
#define DAY_NS (24 * HOUR_NS)
#define TIME_NONE INT64_MIN /* "never": not a point in time */

#define DURATION_TEXT_MAX 40

/* Go-style: "1h30m", "500ms", "1.5s", also "7d"; "0" needs no unit; negative allowed. RC_SYNTAX,
 * RC_RANGE. */
enum rc duration_parse(struct span text, int64_t *ret_ns) MUST_CHECK;
/* Shortest exact Go-style text ("1m30s", "250ms"); returns the length. */
size_t duration_print(int64_t ns, char ret_text[DURATION_TEXT_MAX]);
/* RFC 3339 in UTC with milliseconds ("2026-11-24T08:15:00.250Z") of ns since 1970, and back (any
 * zone offset). */
size_t time_print_rfc3339(int64_t unix_ns, char ret_text[DURATION_TEXT_MAX]);
enum rc time_parse_rfc3339(struct span text, int64_t *ret_unix_ns) MUST_CHECK;

static inline double seconds_of(int64_t ns)
{
    return (double)ns / 1e9;
}
int64_t ns_of_seconds(double seconds); /* saturating; NaN gives 0 */

#endif
