#include "core/shadow/iteration_fit.h"

#include <math.h>
#include <stddef.h>

#define ROW_S 8.0 /* busy time of one row */
/* Time of the clock of one row. A prompt is counted at its first token, its time before that: with
 * many replicas a row of a second's length sees the one without the other, and what a prompt token
 * takes is learned far too small (a quarter, where prompts take seconds). */
#define ROW_WALL_S 20.0
#define FORGET 0.9998  /* per row */
#define RIDGE 0.02     /* weight of the prior against one row */
#define OUTLIER 0.15   /* residual from which a row counts less */
#define FACTOR_MIN 0.1 /* of the prior */
#define FACTOR_MAX 10.0
#define WEIGHT_KNOWN 10.0

/* Geometric middle of the presets of model/profile.c: none is further off than four times. */
static const struct iteration_time middle = {
    .each = 0.016, .sequence = 0.00013, .context = 1.3e-7, .prompt = 0.00009};

void iteration_fit_init(struct iteration_fit *fit, const struct iteration_time *prior)
{
    const struct iteration_time *from = prior != NULL ? prior : &middle;
    *fit = (struct iteration_fit){
        .prior = {from->each, from->sequence, from->context, from->prompt},
        .factor = {1, 1, 1, 1},
    };
}

void iteration_fit_expect(struct iteration_fit *fit, const struct iteration_time *prior)
{
    if (fit->weight > 0)
        return;
    fit->prior[0] = prior->each > 0 ? prior->each : middle.each;
    fit->prior[1] = prior->sequence > 0 ? prior->sequence : middle.sequence;
    fit->prior[2] = prior->context > 0 ? prior->context : middle.context;
    fit->prior[3] = prior->prompt > 0 ? prior->prompt : middle.prompt;
}

/* Gaussian elimination with the diagonal as pivots: the ridge keeps them above zero. */
static void solve(const struct iteration_fit *fit, double ret[ITERATION_TERMS])
{
    double m[ITERATION_TERMS][ITERATION_TERMS + 1];
    for (size_t i = 0; i < ITERATION_TERMS; i++) {
        for (size_t j = 0; j < ITERATION_TERMS; j++)
            m[i][j] = fit->normal[i * ITERATION_TERMS + j] + (i == j ? RIDGE : 0);
        m[i][ITERATION_TERMS] = fit->right[i] + RIDGE;
    }
    for (size_t i = 0; i < ITERATION_TERMS; i++)
        for (size_t k = i + 1; k < ITERATION_TERMS; k++) {
            const double share = m[k][i] / m[i][i];
            for (size_t j = i; j <= ITERATION_TERMS; j++)
                m[k][j] -= share * m[i][j];
        }
    for (size_t i = ITERATION_TERMS; i-- > 0;) {
        double left = m[i][ITERATION_TERMS];
        for (size_t j = i + 1; j < ITERATION_TERMS; j++)
            left -= m[i][j] * ret[j];
        ret[i] = left / m[i][i];
    }
}

static void take_row(struct iteration_fit *fit, const double row[ITERATION_TERMS])
{
    double told = 0;
    for (size_t i = 0; i < ITERATION_TERMS; i++)
        told += row[i] * fit->factor[i];
    const double off = fabs(1 - told);
    /* The prior may be far off: until rows have spoken none of them is an outlier. */
    const double weight = off > OUTLIER && iteration_fit_known(fit) ? OUTLIER / off : 1;
    for (size_t i = 0; i < ITERATION_TERMS; i++) {
        for (size_t j = 0; j < ITERATION_TERMS; j++) {
            double *cell = &fit->normal[i * ITERATION_TERMS + j];
            *cell = *cell * FORGET + weight * row[i] * row[j];
        }
        fit->right[i] = fit->right[i] * FORGET + weight * row[i];
    }
    fit->weight = fit->weight * FORGET + weight;
    double factor[ITERATION_TERMS] = {0};
    solve(fit, factor);
    for (size_t i = 0; i < ITERATION_TERMS; i++)
        if (isfinite(factor[i]))
            fit->factor[i] = fmin(fmax(factor[i], FACTOR_MIN), FACTOR_MAX);
}

void iteration_fit_add(struct iteration_fit *fit, const struct iteration_work *work)
{
    struct iteration_work *w = &fit->work;
    w->busy_s += work->busy_s;
    w->iterations += work->iterations;
    w->decoded += work->decoded;
    w->context += work->context;
    w->prompts += work->prompts;
    w->wall_s += work->wall_s;
    if (w->busy_s < ROW_S || w->wall_s < ROW_WALL_S)
        return;
    const double amount[ITERATION_TERMS] = {w->iterations, w->decoded, w->context, w->prompts};
    double row[ITERATION_TERMS];
    for (size_t i = 0; i < ITERATION_TERMS; i++)
        row[i] = amount[i] * fit->prior[i] / w->busy_s;
    if (w->iterations > 0)
        take_row(fit, row);
    *w = (struct iteration_work){0};
}

bool iteration_fit_known(const struct iteration_fit *fit)
{
    return fit->weight >= WEIGHT_KNOWN;
}

struct iteration_time iteration_fit_time(const struct iteration_fit *fit)
{
    return (struct iteration_time){.each = fit->prior[0] * fit->factor[0],
                                   .sequence = fit->prior[1] * fit->factor[1],
                                   .context = fit->prior[2] * fit->factor[2],
                                   .prompt = fit->prior[3] * fit->factor[3]};
}
