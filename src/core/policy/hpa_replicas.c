/* hpa_replicas.c - the replica calculator of a HorizontalPodAutoscaler, in the integers and the
 * order of the peer. */
#include "core/policy/hpa_replicas.h"

#include <math.h>

#include "base/duration.h"
#include "base/num.h"

#define MILLI_EXACT 1e-9 /* a double that close to a whole number of thousandths is one */

int64_t hpa_milli(double value)
{
    const double scaled = value * 1000;
    const double nearest = rint(scaled);
    const bool whole = fabs(scaled - nearest) <= MILLI_EXACT * fmax(1, fabs(scaled));
    return num_to_int(whole ? nearest : ceil(scaled), INT64_MIN / 2, INT64_MAX / 2);
}

static bool within(const struct hpa_terms *terms, double ratio)
{
    if (terms->semantics == HPA_1_20_2) /* a ratio of nothing to nothing counts as within */
        return !(fabs(1.0 - ratio) > terms->tolerance_up);
    return 1.0 - terms->tolerance_down <= ratio && ratio <= 1.0 + terms->tolerance_up;
}

static int64_t whole(double replicas)
{
    return num_to_int(ceil(replicas), INT32_MIN, INT32_MAX);
}

/* ---- pods into sums ---- */

enum group { GROUP_IGNORED, GROUP_UNREADY, GROUP_MISSING, GROUP_READY };

/* Start-up takes cpu that says nothing: a young pod counts when a sample lies wholly in its ready
 * time, an old one unless it never was ready. */
static bool cpu_unready(const struct hpa_terms *terms, const struct pod_sample *pod, int64_t now_ns)
{
    if (pod->readiness == POD_READINESS_NONE || pod->started_ns == TIME_NONE)
        return true;
    if (num_add_sat(pod->started_ns, terms->cpu_init_ns) > now_ns)
        return pod->readiness == POD_UNREADY ||
               pod->measured_ns < num_add_sat(pod->ready_since_ns, pod->window_ns);
    return pod->readiness == POD_UNREADY &&
           num_add_sat(pod->started_ns, terms->readiness_delay_ns) > pod->ready_since_ns;
}

static enum group group_of(const struct hpa_terms *terms, const struct pod_sample *pod,
                           int64_t now_ns)
{
    if (pod->leaving || pod->phase == POD_FAILED)
        return GROUP_IGNORED;
    if (pod->phase == POD_PENDING)
        return GROUP_UNREADY;
    if (pod->sample.state != SIGNAL_VALUE)
        return GROUP_MISSING;
    return terms->resource_cpu && cpu_unready(terms, pod, now_ns) ? GROUP_UNREADY : GROUP_READY;
}

static void add(int64_t *sum, int64_t value)
{
    *sum = num_add_sat(*sum, value);
}

static void add_sample(struct hpa_tally *tally, int64_t value, bool requested, int64_t request)
{
    tally->samples++;
    add(&tally->sum, value);
    if (!requested)
        return;
    tally->requested_samples++;
    add(&tally->requested_sum, value);
    add(&tally->requested, request);
}

void hpa_tally_add(struct hpa_tally *tally, const struct hpa_terms *terms,
                   const struct pod_sample *pod, int64_t now_ns)
{
    const bool requested = !isnan(pod->request);
    const int64_t request = requested ? hpa_milli(pod->request) : 0;
    const int64_t value = hpa_milli(pod->sample.value);
    if (pod->phase == POD_GONE) {
        if (pod->sample.state == SIGNAL_VALUE)
            add_sample(tally, value, false, 0);
        return;
    }
    tally->pods++;
    tally->unrequested += !requested;
    switch (group_of(terms, pod, now_ns)) {
    case GROUP_IGNORED:
        break;
    case GROUP_UNREADY:
        tally->unready++;
        add(&tally->unready_request, request);
        break;
    case GROUP_MISSING:
        tally->missing++;
        add(&tally->missing_request, request);
        add(&tally->missing_assumed,
            num_mul_sat(request, terms->target > 100 ? terms->target : 100) / 100);
        break;
    case GROUP_READY:
        tally->ready++;
        add_sample(tally, value, requested, request);
        break;
    }
}

/* ---- sums into a number ---- */

struct measure {
    double ratio;
    int64_t usage;
    int64_t percent;
    bool known;
};

static struct measure measure_of(const struct hpa_terms *terms, const struct hpa_tally *t)
{
    struct measure m = {.known = true};
    if (terms->kind == HPA_PODS_AVERAGE) {
        m.usage = t->sum / t->samples;
        m.ratio = (double)m.usage / (double)terms->target;
        return m;
    }
    if (t->requested == 0 || t->requested_samples == 0)
        return (struct measure){.known = false};
    m.percent = num_mul_sat(t->requested_sum, 100) / t->requested;
    m.usage = t->requested_sum / t->requested_samples;
    m.ratio = (double)m.percent / (double)terms->target;
    return m;
}

static void complete(struct hpa_tally *t, int64_t count, int64_t sum, int64_t request)
{
    add(&t->samples, count);
    add(&t->sum, sum);
    add(&t->requested_samples, count);
    add(&t->requested_sum, sum);
    add(&t->requested, request);
}

/* Samples for the pods that have none, so that they cannot turn the direction. */
static struct hpa_tally completed(const struct hpa_terms *terms, const struct hpa_tally *tally,
                                  double ratio, bool rebalance)
{
    const bool old = terms->semantics == HPA_1_20_2;
    const bool average = terms->kind == HPA_PODS_AVERAGE;
    struct hpa_tally t = *tally;
    if (ratio < 1.0) {
        const int64_t assumed = old ? t.missing_request : t.missing_assumed;
        complete(&t, t.missing, average ? num_mul_sat(t.missing, terms->target) : assumed,
                 t.missing_request);
    } else if (ratio > 1.0 || (average && old)) {
        complete(&t, t.missing, 0, t.missing_request);
    }
    if (rebalance)
        complete(&t, t.unready, 0, t.unready_request);
    return t;
}

static enum hpa_error refused(const struct hpa_terms *terms, const struct hpa_tally *t)
{
    const bool unrequested = terms->kind == HPA_PODS_UTILIZATION && t->unrequested > 0;
    if (t->pods == 0)
        return HPA_NO_PODS;
    if (unrequested && terms->semantics == HPA_1_20_2)
        return HPA_MISSING_REQUEST;
    if (t->samples == 0)
        return HPA_NO_READY_POD_METRICS;
    return unrequested ? HPA_MISSING_REQUEST : HPA_OK;
}

static int64_t second_look(const struct hpa_terms *terms, const struct hpa_tally *tally,
                           int64_t current, double ratio, bool rebalance)
{
    const struct hpa_tally all = completed(terms, tally, ratio, rebalance);
    const double second = measure_of(terms, &all).ratio;
    if (within(terms, second) || (ratio < 1.0 && second > 1.0) || (ratio > 1.0 && second < 1.0))
        return current;
    const int64_t replicas = whole(second * (double)all.samples);
    const bool guarded = terms->kind == HPA_PODS_UTILIZATION || terms->semantics == HPA_MODERN;
    if (guarded && ((second < 1.0 && replicas > current) || (second > 1.0 && replicas < current)))
        return current;
    return replicas;
}

struct hpa_proposal hpa_from_pods(const struct hpa_terms *terms, const struct hpa_tally *tally,
                                  int64_t current)
{
    struct hpa_proposal p = {.error = refused(terms, tally)};
    if (p.error != HPA_OK)
        return p;
    const struct measure m = measure_of(terms, tally);
    if (!m.known)
        return (struct hpa_proposal){.error = HPA_NO_MATCHING_METRICS};
    const bool rebalance = tally->unready > 0 && m.ratio > 1.0;
    p.usage = m.usage;
    p.usage_known = true;
    p.percent = m.percent;
    if (rebalance || tally->missing > 0)
        p.replicas = second_look(terms, tally, current, m.ratio, rebalance);
    else
        p.replicas = within(terms, m.ratio) ? current : whole(m.ratio * (double)tally->ready);
    return p;
}

/* ---- one value ---- */

static struct hpa_proposal from_average(const struct hpa_terms *terms, int64_t value,
                                        int64_t current)
{
    struct hpa_proposal p = {.usage_known = current != 0};
    const double ratio = (double)value / ((double)terms->target * (double)current);
    p.replicas = within(terms, ratio) ? current : whole((double)value / (double)terms->target);
    if (p.usage_known)
        p.usage = num_to_int(ceil((double)value / (double)current), INT64_MIN, INT64_MAX);
    return p;
}

struct hpa_proposal hpa_from_value(const struct hpa_terms *terms, int64_t value, int64_t current,
                                   int64_t pods, int64_t ready)
{
    if (terms->kind == HPA_ONE_AVERAGE)
        return from_average(terms, value, current);
    struct hpa_proposal p = {.usage = value, .usage_known = true};
    const double ratio = (double)value / (double)terms->target;
    if (current == 0)
        p.replicas = whole(ratio);
    else if (within(terms, ratio))
        p.replicas = current;
    else if (pods == 0)
        return (struct hpa_proposal){.error = HPA_NO_PODS};
    else
        p.replicas = whole(ratio * (double)ready);
    return p;
}
