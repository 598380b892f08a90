/* profile_fit.h - coefficients of an iteration's time out of measurements: weighted least squares
 * over t = a k + b B + c ctx + p pt, none of them below zero. Plain data, pure. */
#ifndef SLUICE_MODEL_PROFILE_FIT_H
#define SLUICE_MODEL_PROFILE_FIT_H

#include <stdbool.h>
#include <stddef.h>

#include "model/profile.h"

#define PROFILE_FIT_TERMS 4

/* One measurement; errors count relative to its time. */
struct fit_point {
    double iterations; /* k */
    double sequences;  /* B, decoding, summed over the iterations */
    double context;    /* their KV tokens */
    double prompt;     /* prompt tokens */
    double seconds;    /* > 0 */
};

/* Sums of all measurements. */
struct profile_fit {
    double product[PROFILE_FIT_TERMS][PROFILE_FIT_TERMS];
    double target[PROFILE_FIT_TERMS];
    double square;
    size_t count;
    bool decodes; /* some measurement holds decoding, some prompts */
    bool prompts;
};

void profile_fit_add(struct profile_fit *fit, const struct fit_point *point);
/* Sets the four coefficients; false when the measurements do not tell them. ret_error: root of the
 * mean square of the relative errors. */
bool profile_fit_solve(const struct profile_fit *fit, struct engine_profile *ret,
                       double *ret_error);

#endif
