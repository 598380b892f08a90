#include "model/startup.h"

#include <math.h>

#include "base/duration.h"
#include "base/num.h"

const char *startup_phase_name(enum startup_phase phase)
{
    static const char *const names[] = {"scheduled", "fetched", "launched", "loading", "ready"};
    return names[phase];
}

struct startup startup_of_total(int64_t total_ns)
{
    return (struct startup){.phase_ns = {0, 0, total_ns / 10, total_ns - total_ns / 10}};
}

int64_t startup_total_ns(const struct startup *startup)
{
    int64_t total_ns = 0;
    for (int i = 0; i < STARTUP_PHASES; i++)
        total_ns = num_add_sat(total_ns, startup->phase_ns[i]);
    return total_ns;
}

enum startup_phase startup_phase_at(const struct startup *startup, int64_t order_ns, int64_t now_ns)
{
    int64_t end_ns = order_ns;
    for (int i = 0; i < STARTUP_PHASES; i++) {
        end_ns = num_add_sat(end_ns, startup->phase_ns[i]);
        if (now_ns < end_ns)
            return (enum startup_phase)i;
    }
    return STARTUP_READY;
}

int64_t startup_next_ns(const struct startup *startup, int64_t order_ns, int64_t now_ns)
{
    int64_t end_ns = order_ns;
    for (int i = 0; i < STARTUP_PHASES; i++) {
        end_ns = num_add_sat(end_ns, startup->phase_ns[i]);
        if (now_ns < end_ns)
            return end_ns;
    }
    return TIME_NONE;
}

struct startup startup_vary(const struct startup *startup, double sigma, struct rng *rng)
{
    const double factor = fmin(fmax(num_exp(sigma * rng_normal(rng)), 0.05), 20.0);
    struct startup varied;
    for (int i = 0; i < STARTUP_PHASES; i++)
        varied.phase_ns[i] = num_to_int((double)startup->phase_ns[i] * factor, 0, INT64_MAX / 8);
    return varied;
}
