/* dynamo_predict.c - the last value, and a local linear trend. */
#include "core/policy/dynamo_predict.h"

#include <math.h>

#include "base/num.h"

#define P0 1000.0
#define Q_MIN 1e-12
#define R_MIN 1e-9

void dynamo_series_init(struct dynamo_series *s)
{
    *s = (struct dynamo_series){.p = {P0, 0, 0, P0}};
}

void dynamo_series_rest(struct dynamo_series *s)
{
    s->awake = 0;
}

/* x = Fx and P = FPF' + Q with F = [[1, 1], [0, 1]]. */
static void step(const struct dynamo_predictor *p, struct dynamo_series *s)
{
    const double a = s->p[0] + s->p[2];
    const double b = s->p[1] + s->p[3];
    s->level += s->trend;
    s->p[0] = a + b + fmax(Q_MIN, p->q_level);
    s->p[1] = b;
    s->p[2] += s->p[3];
    s->p[3] += fmax(Q_MIN, p->q_trend);
}

/* The measurement is the level; the covariance in the form that stays symmetric. */
static void correct(const struct dynamo_predictor *p, struct dynamo_series *s, double z)
{
    const double r = fmax(R_MIN, p->r);
    const double spread = s->p[0] + r;
    const double k0 = s->p[0] / spread;
    const double k1 = s->p[2] / spread;
    const double error = z - s->level;
    const double a = 1 - k0;
    /* (I - KH) P */
    const double m00 = a * s->p[0];
    const double m01 = a * s->p[1];
    const double m10 = s->p[2] - k1 * s->p[0];
    const double m11 = s->p[3] - k1 * s->p[1];
    s->level += k0 * error;
    s->trend += k1 * error;
    s->p[0] = m00 * a + k0 * r * k0;
    s->p[1] = m01 - m00 * k1 + k0 * r * k1;
    s->p[2] = m10 * a + k1 * r * k0;
    s->p[3] = m11 - m10 * k1 + k1 * r * k1;
}

static void filter(const struct dynamo_predictor *p, struct dynamo_series *s, double value)
{
    const double z = p->log1p ? num_log(1 + fmax(0, value)) : value;
    if (!s->any) {
        s->level = z;
        s->trend = 0;
        return;
    }
    if (!s->has_cached)
        step(p, s);
    correct(p, s, z);
    s->has_cached = 0;
}

void dynamo_series_add(const struct dynamo_predictor *p, struct dynamo_series *s, double value)
{
    if (isnan(value))
        value = 0;
    const bool zero = !(value > 0) && !(value < 0);
    if (zero && !s->awake)
        return;
    s->awake |= !zero;
    if (p->kind == DYNAMO_KALMAN)
        filter(p, s, value);
    s->last = value;
    s->any = 1;
}

double dynamo_series_predict(const struct dynamo_predictor *p, struct dynamo_series *s)
{
    if (!s->any)
        return 0;
    if (p->kind == DYNAMO_CONSTANT)
        return s->last;
    if (!s->has_cached) {
        step(p, s);
        s->cached = s->level;
        s->has_cached = 1;
    }
    return p->log1p ? fmax(0, num_exp(s->cached) - 1) : s->cached;
}
