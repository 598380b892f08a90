/* zone_rule.h - the rule of POSIX for local time in years that no table tells. Private to zone.c
 * and zone_rule.c. */
#ifndef SLUICE_CONFIG_ZONE_RULE_H
#define SLUICE_CONFIG_ZONE_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/span.h"

enum zone_day_kind {
    ZONE_DAY_OF_YEAR,      /* n: 0 to 365, with February 29 */
    ZONE_DAY_WITHOUT_LEAP, /* Jn: 1 to 365, never February 29 */
    ZONE_DAY_OF_WEEK,      /* Mm.w.d: weekday d of week w (5 = the last) of month m */
};

struct zone_change {
    enum zone_day_kind kind;
    int day;
    int week;
    int month;
    int32_t time_s; /* of local time before the change */
};

struct zone_rule {
    int32_t standard_s; /* east of UTC */
    int32_t summer_s;
    bool has_summer;
    struct zone_change begin;
    struct zone_change end;
};

enum rc zone_rule_parse(struct span text, struct zone_rule *ret, struct diag *diag) MUST_CHECK;
int32_t zone_rule_offset_s(const struct zone_rule *rule, int64_t unix_s);

#endif
