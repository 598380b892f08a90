/* regression.h - least squares with a ridge, one row at a time, old rows fading away: for
 * predictors that learn weights of what they look at (recursive least squares with exponential
 * forgetting; Ljung, System Identification, 11.2). Flat: coefficients first, then the upper
 * triangle of their covariance, row by row. */
#ifndef SLUICE_CORE_FORECAST_REGRESSION_H
#define SLUICE_CORE_FORECAST_REGRESSION_H

#include <stdbool.h>
#include <stddef.h>

#define REGRESSION_MAX 12 /* coefficients */
/* Numbers that a regression of n coefficients keeps. */
#define REGRESSION_NUMBERS(n) ((n) + (n) * ((n) + 1) / 2)

/* Weights 0, and as uncertain as `spread`: the smaller, the stronger they are held at 0. */
void regression_init(double *memory, size_t n, double spread);
/* One row: y was seen with x; `keep` in (0.9, 1] is what older rows weigh afterwards. Rows that are
 * not finite are passed over. */
void regression_learn(double *memory, size_t n, const double *x, double y, double keep);
double regression_value(const double *memory, size_t n, const double *x);

#endif
