#include "source/fold.h"

#include <math.h>

#include "base/num.h"

static double rate_unit_s(enum signal_id signal)
{
    return signal == SIGNAL_TOOL_CALL_RATE ? 60 : 1; /* calls/min */
}

/* Quantiles and ratios over requests: without requests there is no value. */
static bool is_of_requests(enum signal_id signal)
{
    const enum signal_fold fold = signal_row(signal)->fold;
    return fold == FOLD_QUANTILE || fold == FOLD_RATIO;
}

static enum source_fault fault_of(const struct source_spec *spec, const struct source_value *value,
                                  double number)
{
    if (!isfinite(number))
        return SOURCE_FAULT_NOT_A_NUMBER;
    if (number < 0)
        return SOURCE_FAULT_NEGATIVE;
    if (number > signal_row(value->signal.id)->ceiling)
        return SOURCE_FAULT_ABSURD;
    return value->age_ns > source_max_age_ns(spec) ? SOURCE_FAULT_STALE : SOURCE_FAULT_NONE;
}

enum source_fault fold_screen(const struct source_spec *spec, int64_t rate_span_ns,
                              struct source_value *value)
{
    if (value->state == SIGNAL_FAILED)
        return value->fault != SOURCE_FAULT_NONE ? value->fault : SOURCE_FAULT_STATUS;
    if (value->state == SIGNAL_ABSENT)
        return SOURCE_FAULT_NONE;
    const double number = value->value * spec->factor;
    if (isnan(number) && spec->empty != EMPTY_FAILED && is_of_requests(value->signal.id)) {
        value->state = SIGNAL_ABSENT; /* 0 / 0: there was no traffic (FAULTS 20) */
        return SOURCE_FAULT_NONE;
    }
    value->fault = fault_of(spec, value, number);
    if (value->fault != SOURCE_FAULT_NONE) {
        value->state = SIGNAL_FAILED;
        return value->fault;
    }
    value->value = value->shown = number;
    if (value->age_ns < 0)
        value->age_ns = 0; /* of a clock that is ahead of ours */
    if (signal_row(value->signal.id)->fold == FOLD_RATE && !value->amount)
        value->value = number * seconds_of(rate_span_ns) / rate_unit_s(value->signal.id);
    if (!(value->weight > 0))
        value->weight = 1;
    return SOURCE_FAULT_NONE;
}

/* What the replicas of one signal come to. */
struct round_tally {
    size_t values; /* replicas that told a value */
    size_t absent;
    size_t failed;
    double sum;
    double max;
    int64_t age_ns; /* of the oldest value that counts */
    bool has_replicas;
};

static void count_in(struct round_tally *t, const struct source_value *value)
{
    t->has_replicas = t->has_replicas || value->replica != 0;
    if (value->state == SIGNAL_FAILED)
        t->failed++;
    if (value->state == SIGNAL_ABSENT)
        t->absent++;
    if (value->state != SIGNAL_VALUE)
        return;
    t->values++;
    t->sum += value->value;
    t->max = fmax(t->max, value->value);
    if (value->age_ns > t->age_ns)
        t->age_ns = value->age_ns;
}

static struct round_tally tally_of(struct source_value *values, size_t count, size_t index)
{
    struct round_tally t = {0};
    for (size_t i = index; i < count; i++) {
        if (!signal_ref_equal(&values[i].signal, &values[index].signal))
            continue;
        count_in(&t, &values[i]);
        values[i].folded = true;
    }
    return t;
}

static bool stays_apart(enum signal_fold fold)
{
    return fold == FOLD_RATE || fold == FOLD_QUANTILE || fold == FOLD_RATIO;
}

/* Replicas that told something: the values of each stand together. */
static uint32_t covered_of(const struct source_value *values, size_t count, size_t index)
{
    uint32_t n = 0;
    uint64_t last = 0;
    for (size_t i = index; i < count; i++) {
        if (values[i].state == SIGNAL_FAILED || values[i].replica == last ||
            !signal_ref_equal(&values[i].signal, &values[index].signal))
            continue;
        last = values[i].replica;
        n++;
    }
    return n;
}

static double folded(enum signal_fold fold, const struct round_tally *t)
{
    switch (fold) {
    case FOLD_MEAN:
        return t->sum / (double)t->values;
    case FOLD_MAX:
        return t->max;
    case FOLD_SUM:
    case FOLD_RATE:
    case FOLD_QUANTILE:
    case FOLD_RATIO:
        break;
    }
    return t->sum;
}

static size_t put_apart(const struct source_value *values, size_t count, size_t index,
                        const struct sample *common, int64_t now_ns, struct source_sample *ret,
                        size_t max)
{
    size_t n = 0;
    for (size_t i = index; i < count && n < max; i++) {
        if (values[i].state != SIGNAL_VALUE ||
            !signal_ref_equal(&values[i].signal, &values[index].signal))
            continue;
        ret[n] = (struct source_sample){.signal = values[i].signal, .sample = *common};
        ret[n].sample.t_ns = now_ns - values[i].age_ns;
        ret[n].sample.value = values[i].value;
        ret[n++].sample.weight = values[i].weight;
    }
    return n;
}

size_t fold_signal(struct source_value *values, size_t count, size_t index, int64_t expected,
                   int64_t now_ns, struct source_sample *ret, size_t max)
{
    if (max == 0)
        return 0;
    const struct round_tally t = tally_of(values, count, index);
    const enum signal_fold fold = signal_row(values[index].signal.id)->fold;
    struct sample common = {.t_ns = now_ns, .weight = 1};
    if (t.has_replicas && expected > 0) {
        common.expected = (uint32_t)num_to_int((double)expected, 0, UINT32_MAX);
        common.covered = covered_of(values, count, index);
    }
    if (t.values > 0 && stays_apart(fold))
        return put_apart(values, count, index, &common, now_ns, ret, max);
    ret[0] = (struct source_sample){.signal = values[index].signal, .sample = common};
    if (t.values > 0) {
        ret[0].sample.t_ns = now_ns - t.age_ns;
        ret[0].sample.value = folded(fold, &t);
        ret[0].sample.covered = common.expected > 0 ? (uint32_t)t.values : 0;
        return 1;
    }
    ret[0].sample.state = t.failed > 0 ? SIGNAL_FAILED : SIGNAL_ABSENT;
    ret[0].sample.weight = 0;
    return 1;
}
