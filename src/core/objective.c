#include "core/objective.h"

#include <math.h>

#include "base/duration.h"

#define MAX_AGE_NS (2 * MINUTE_NS)

/* Objectives that are set, in the order of their series. */
static size_t objectives(const struct pool_spec *pool, enum signal_id *ret_signal,
                         double *ret_seconds)
{
    const struct {
        enum signal_id signal;
        int64_t ns;
    } all[OBJECTIVES_MAX] = {
        {SIGNAL_TTFT, pool->slo.ttft_ns},
        {SIGNAL_ITL, pool->slo.inter_token_ns},
        {SIGNAL_E2E, pool->slo.e2e_ns},
    };
    size_t n = 0;
    for (size_t i = 0; i < OBJECTIVES_MAX; i++) {
        if (all[i].ns <= 0)
            continue;
        ret_signal[n] = all[i].signal;
        ret_seconds[n++] = seconds_of(all[i].ns);
    }
    return n;
}

size_t objective_series(const struct pool_spec *pool, struct series_need *ret, size_t max)
{
    enum signal_id signal[OBJECTIVES_MAX];
    double seconds[OBJECTIVES_MAX];
    const size_t n = objectives(pool, signal, seconds);
    for (size_t i = 0; i < n && i < max; i++)
        ret[i] = (struct series_need){
            .signal = {.id = signal[i], .quantile = pool->slo.attainment_percent / 100},
            .kind = SERIES_QUANTILE,
            .span_ns = OBJECTIVE_WINDOW_NS,
            .max_age_ns = MAX_AGE_NS,
        };
    return n;
}

struct objective_worst objective_worst(const struct policy_input *in, size_t first)
{
    enum signal_id signal[OBJECTIVES_MAX];
    double seconds[OBJECTIVES_MAX];
    const size_t n = objectives(in->pool, signal, seconds);
    struct objective_worst worst = {.value = NAN, .objective = NAN, .ratio = NAN};
    for (size_t i = 0; i < n; i++) {
        const struct reading reading = series_read(in, first + i);
        worst.failed |= reading.state == SIGNAL_FAILED;
        if (reading.state != SIGNAL_VALUE)
            continue;
        const double ratio = reading.value / seconds[i];
        if (ratio <= worst.ratio)
            continue;
        worst.ratio = ratio;
        worst.value = reading.value;
        worst.objective = seconds[i];
    }
    return worst;
}
