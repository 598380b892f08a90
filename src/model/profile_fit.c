#include "model/profile_fit.h"

#include <math.h>

#define SINGULAR                                                                                   \
    1e-9 /* share of a pivot that is left: measurements that do not tell two terms apart */

void profile_fit_add(struct profile_fit *fit, const struct fit_point *point)
{
    const double row[PROFILE_FIT_TERMS] = {point->iterations, point->sequences, point->context,
                                           point->prompt};
    if (!(point->seconds > 0) || !isfinite(point->seconds))
        return;
    const double weight = 1 / (point->seconds * point->seconds);
    for (size_t i = 0; i < PROFILE_FIT_TERMS; i++) {
        for (size_t j = 0; j < PROFILE_FIT_TERMS; j++)
            fit->product[i][j] += weight * row[i] * row[j];
        fit->target[i] += weight * row[i] * point->seconds;
    }
    fit->square += 1;
    fit->count++;
    fit->decodes |= point->sequences > 0;
    fit->prompts |= point->prompt > 0;
}

/* Elimination over the terms of the mask; the others are 0. False: they cannot be told apart. */
static bool solve(const struct profile_fit *fit, unsigned mask, double *ret)
{
    double m[PROFILE_FIT_TERMS][PROFILE_FIT_TERMS + 1];
    for (size_t i = 0; i < PROFILE_FIT_TERMS; i++) {
        for (size_t j = 0; j < PROFILE_FIT_TERMS; j++)
            m[i][j] = (mask >> i & 1) != 0 && (mask >> j & 1) != 0 ? fit->product[i][j] : i == j;
        m[i][PROFILE_FIT_TERMS] = (mask >> i & 1) != 0 ? fit->target[i] : 0;
    }
    for (size_t i = 0; i < PROFILE_FIT_TERMS; i++) {
        if (!(m[i][i] > SINGULAR * ((mask >> i & 1) != 0 ? fit->product[i][i] : 1)))
            return false;
        for (size_t k = i + 1; k < PROFILE_FIT_TERMS; k++) {
            const double factor = m[k][i] / m[i][i];
            for (size_t j = i; j <= PROFILE_FIT_TERMS; j++)
                m[k][j] -= factor * m[i][j];
        }
    }
    for (size_t i = PROFILE_FIT_TERMS; i-- > 0;) {
        ret[i] = m[i][PROFILE_FIT_TERMS];
        for (size_t j = i + 1; j < PROFILE_FIT_TERMS; j++)
            ret[i] -= m[i][j] * ret[j];
        ret[i] /= m[i][i];
    }
    return true;
}

static double residual(const struct profile_fit *fit, const double *x)
{
    double sum = fit->square;
    for (size_t i = 0; i < PROFILE_FIT_TERMS; i++) {
        sum -= 2 * x[i] * fit->target[i];
        for (size_t j = 0; j < PROFILE_FIT_TERMS; j++)
            sum += x[i] * fit->product[i][j] * x[j];
    }
    return sum;
}

static bool none_below_zero(const double *x)
{
    for (size_t i = 0; i < PROFILE_FIT_TERMS; i++)
        if (!(x[i] >= 0))
            return false;
    return x[0] > 0;
}

/* Every subset of the terms that holds the iteration: the best one without a negative term. */
bool profile_fit_solve(const struct profile_fit *fit, struct engine_profile *ret, double *ret_error)
{
    double best = INFINITY;
    if (!fit->decodes || !fit->prompts)
        return false;
    for (unsigned mask = 1; mask < 1U << PROFILE_FIT_TERMS; mask += 2) {
        double x[PROFILE_FIT_TERMS];
        if (!solve(fit, mask, x) || !none_below_zero(x))
            continue;
        const double sum = residual(fit, x);
        if (sum >= best)
            continue;
        best = sum;
        ret->iteration_s = x[0];
        ret->sequence_s = x[1];
        ret->context_s = x[2];
        ret->prompt_s = x[3];
    }
    *ret_error = sqrt(fmax(best, 0) / (double)fit->count);
    return isfinite(best) && ret->prompt_s > 0;
}
