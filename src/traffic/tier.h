/* tier.h - what a caller's class may use. Plain data: the table of keys is the gateway's. */
#ifndef SLUICE_TRAFFIC_TIER_H
#define SLUICE_TRAFFIC_TIER_H

#include <stdint.h>

#define PRIORITIES 8 /* 0 is served last, 7 first */
#define PRIORITY_DEFAULT 4

struct tier {
    uint32_t priority;         /* 0 to 7; a request may ask for less, never for more */
    uint32_t weight;           /* fair share among keys of one priority, 1 to 1000; 0 counts as 1 */
    int64_t concurrency;       /* requests of one key, waiting or in flight; 0 = no limit */
    int64_t tokens_per_minute; /* prompt + output tokens of one key; 0 = no limit */
    int64_t requests_per_minute; /* of one key; 0 = no limit */
    int64_t demand_tokens;       /* open at once of one key that count as demand; 0 = all of them */
};

#define TIER_DEFAULT                                                                               \
    {                                                                                              \
        .priority = PRIORITY_DEFAULT, .weight = 1                                                  \
    }

#endif
