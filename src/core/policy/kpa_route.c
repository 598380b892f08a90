/* kpa_route.c - shares of a route among buffering proxies. */
#include "core/policy/kpa_route.h"

#include <math.h>

#include "base/num.h"

#define PROXIES_MIN 2

int64_t kpa_proxies(double burst, double total, int64_t ready, double capacity)
{
    if (!(burst < 0) && !(burst > 0))
        return PROXIES_MIN;
    const double load = (double)ready * total + (burst > 0 ? burst : 0);
    return num_to_int(fmax(PROXIES_MIN, ceil(load / capacity)), PROXIES_MIN, INT32_MAX);
}

struct kpa_subset kpa_subset(size_t replicas, size_t proxies, size_t self)
{
    const size_t each = proxies > 0 ? replicas / proxies : 0;
    if (self == SIZE_MAX || replicas <= 1 || proxies <= 1)
        return (struct kpa_subset){.count = replicas, .extra = SIZE_MAX};
    if (proxies > replicas)
        return (struct kpa_subset){.first = self % replicas, .count = 1, .extra = SIZE_MAX};
    const size_t left = replicas % proxies;
    return (struct kpa_subset){
        .first = self * each,
        .count = each,
        .extra = self < left ? replicas - left + self : SIZE_MAX,
    };
}
