#include "core/capacity/queueing.h"

#include <math.h>

#define MS_PER_S 1000.0
#define RATE_LEAST_SHARE 0.001
#define RATE_MOST_SHARE 0.999
#define TPS_SHARE 0.9
#define HALVINGS_MAX 100
#define CLOSE_ENOUGH 1e-6
#define RESCALE_ABOVE 1e200

enum rc queueing_check(const struct queueing_model *m, struct diag *diag)
{
    if (m->batch <= 0 || m->queue < 0 || m->batch + m->queue > QUEUEING_STATES_MAX)
        return fail(diag, RC_RANGE,
                    "a queueing model needs a batch above 0 and a queue of 0 or more");
    if (!(m->in_tokens >= 0) || !(m->out_tokens >= 1))
        return fail(diag, RC_RANGE,
                    "a queueing model needs a prompt of 0 or more and an answer of "
                    "1 or more tokens");
    return RC_OK;
}

/* ---- service of n requests at once ---- */

static double iteration_ms(const struct queueing_model *m, double n)
{
    const double in = m->in_tokens;
    const double out = m->out_tokens;
    return m->alpha + n * (m->beta * (in + out) / (out + 1) + m->gamma * (in + out / 2));
}

static double prefill_ms(const struct queueing_model *m, double n)
{
    if (m->in_tokens == 0)
        return 0;
    return m->kind == QUEUEING_TWO_LINES ? m->gamma + m->delta * m->in_tokens * n
                                         : iteration_ms(m, n) + (m->beta + m->gamma) * m->in_tokens;
}

static double service_ms(const struct queueing_model *m, double n)
{
    if (m->kind == QUEUEING_TWO_LINES) {
        const double steps = m->in_tokens == 0 && m->out_tokens == 1 ? 1 : m->out_tokens - 1;
        return prefill_ms(m, n) + steps * (m->alpha + m->beta * n);
    }
    const double decode =
        iteration_ms(m, n) + m->beta + m->gamma * (m->in_tokens + m->out_tokens / 2);
    return prefill_ms(m, n) + m->out_tokens * decode;
}

static double service_rps(const struct queueing_model *m, int64_t n)
{
    return (double)n / service_ms(m, (double)n) * MS_PER_S;
}

double queueing_rate_min(const struct queueing_model *m)
{
    return service_rps(m, 1) * RATE_LEAST_SHARE;
}

double queueing_rate_max(const struct queueing_model *m)
{
    return service_rps(m, m->batch) * RATE_MOST_SHARE;
}

/* ---- the chain of states ---- */

struct chain {
    double all;        /* sums of the weights of states, not normalised */
    double requests;   /* each times its number */
    double served;     /* of the states that all are in service in */
    double in_service; /* each times its number */
    double last;       /* weight of the full state */
};

static void scale(struct chain *c, double *weight, double by)
{
    c->all *= by;
    c->requests *= by;
    c->served *= by;
    c->in_service *= by;
    *weight *= by;
}

static struct chain walk(const struct queueing_model *m, double rate_rps)
{
    struct chain c = {.all = 1, .served = 1};
    double weight = 1;
    const double full_rps = service_rps(m, m->batch);
    for (int64_t n = 1; n <= m->batch + m->queue; n++) {
        weight *= rate_rps / (n < m->batch ? service_rps(m, n) : full_rps);
        if (weight > RESCALE_ABOVE)
            scale(&c, &weight, 1 / RESCALE_ABOVE);
        c.all += weight;
        c.requests += (double)n * weight;
        if (n <= m->batch) {
            c.served += weight;
            c.in_service += (double)n * weight;
        }
    }
    c.last = weight;
    return c;
}

/* What single requests see, from how long they are in service on average. */
static void fill_two_lines(const struct queueing_model *m, double service,
                           struct queueing_metrics *r)
{
    const double steps = m->out_tokens - 1;
    const double above = service - (m->gamma + m->alpha * steps);
    const double slope = m->delta * m->in_tokens + m->beta * steps;
    const double wanted = slope != 0 ? above / slope : above > 0 ? (double)m->batch : 0;
    const double together = fmin(fmax(wanted, 0), (double)m->batch);
    r->prefill_ms = m->in_tokens == 0 ? 0 : m->gamma + m->delta * m->in_tokens * together;
    r->itl_ms = m->alpha + m->beta * together;
    r->ttft_ms = r->wait_ms + r->prefill_ms;
}

static void fill_one_line(const struct queueing_model *m, double service,
                          struct queueing_metrics *r)
{
    r->prefill_ms = prefill_ms(m, r->in_service);
    r->itl_ms = (service - r->prefill_ms) / m->out_tokens;
    r->ttft_ms = r->wait_ms + r->prefill_ms + r->itl_ms;
}

enum rc queueing_analyze(const struct queueing_model *m, double rate_rps,
                         struct queueing_metrics *ret)
{
    const double most = queueing_rate_max(m);
    /* The peer gives its bounds in 32 bits: they must not miss by the rounding alone. */
    if (!(rate_rps > 0) || !(rate_rps <= most * (1 + 1e-6)) || m->batch + m->queue == 1)
        return RC_RANGE;
    const struct chain c = walk(m, rate_rps);
    struct queueing_metrics r = {.rate_max_rps = most};
    r.in_service = c.in_service / c.all + (double)m->batch * (1 - c.served / c.all);
    r.throughput_rps = rate_rps * (1 - c.last / c.all);
    r.resp_ms = c.requests / c.all / r.throughput_rps * MS_PER_S;
    const double service = r.in_service / r.throughput_rps * MS_PER_S;
    r.wait_ms = fmax(0, r.resp_ms - service);
    r.rho = fmin(fmax(r.in_service / (double)m->batch, 0), 1);
    if (m->kind == QUEUEING_TWO_LINES)
        fill_two_lines(m, service, &r);
    else
        fill_one_line(m, service, &r);
    *ret = r;
    return RC_OK;
}

/* ---- the largest rate that keeps a target ---- */

static enum rc value_at(const struct queueing_model *m, double rate_rps, bool itl, double *ret)
{
    struct queueing_metrics metrics;
    const enum rc rc = queueing_analyze(m, rate_rps, &metrics);
    if (rc == RC_OK)
        *ret = itl ? metrics.itl_ms : metrics.ttft_ms;
    return rc;
}

static enum rc largest_rate(const struct queueing_model *m, double target_ms, bool itl, double *ret)
{
    double low = queueing_rate_min(m);
    double high = queueing_rate_max(m);
    double value = 0;
    *ret = high;
    if (target_ms == 0)
        return RC_OK;
    enum rc rc = value_at(m, low, itl, &value);
    if (rc != RC_OK || target_ms < value)
        return RC_RANGE;
    rc = value_at(m, high, itl, &value);
    if (rc != RC_OK || target_ms > value)
        return rc;
    for (int i = 0; i < HALVINGS_MAX; i++) {
        *ret = (low + high) / 2;
        rc = value_at(m, *ret, itl, &value);
        if (rc != RC_OK || fabs(value - target_ms) <= CLOSE_ENOUGH * target_ms)
            return rc;
        if (value > target_ms)
            high = *ret;
        else
            low = *ret;
    }
    return RC_OK;
}

enum rc queueing_size(const struct queueing_model *m, const struct queueing_targets *t,
                      struct queueing_sizing *ret)
{
    struct queueing_sizing s = {0};
    if (!(t->ttft_ms >= 0) || !(t->itl_ms >= 0) || !(t->tps >= 0))
        return RC_RANGE;
    enum rc rc = largest_rate(m, t->ttft_ms, false, &s.rate_ttft_rps);
    if (rc == RC_OK)
        rc = largest_rate(m, t->itl_ms, true, &s.rate_itl_rps);
    if (rc != RC_OK)
        return rc;
    s.rate_tps_rps = queueing_rate_max(m) * (t->tps > 0 ? TPS_SHARE : 1);
    s.rate_rps = fmin(fmin(s.rate_ttft_rps, s.rate_itl_rps), s.rate_tps_rps);
    rc = queueing_analyze(m, s.rate_rps, &s.at_rate);
    if (rc != RC_OK)
        return rc;
    s.ttft_ms = s.at_rate.ttft_ms;
    s.itl_ms = s.at_rate.itl_ms;
    s.tps = s.at_rate.throughput_rps * m->out_tokens;
    *ret = s;
    return RC_OK;
}
