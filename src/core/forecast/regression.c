#include "core/forecast/regression.h"

#include <assert.h>
#include <math.h>

#define VARIANCE_MAX 1e6 /* what nobody moved for weeks is not trusted to leap */

static double *at(double *memory, size_t n, size_t row, size_t column)
{
    const size_t r = row < column ? row : column;
    const size_t c = row < column ? column : row;
    return &memory[n + r * n - r * (r + 1) / 2 + c];
}

void regression_init(double *memory, size_t n, double spread)
{
    for (size_t i = 0; i < REGRESSION_NUMBERS(n); i++)
        memory[i] = 0;
    for (size_t i = 0; i < n; i++)
        *at(memory, n, i, i) = spread;
}

double regression_value(const double *memory, size_t n, const double *x)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += memory[i] * x[i];
    return sum;
}

void regression_learn(double *memory, size_t n, const double *x, double y, double keep)
{
    double px[REGRESSION_MAX];
    double gain_base = keep;
    bool may_grow = true;
    assert(n <= REGRESSION_MAX);
    for (size_t i = 0; i < n; i++) {
        px[i] = 0;
        for (size_t k = 0; k < n; k++)
            px[i] += *at(memory, n, i, k) * x[k];
        gain_base += x[i] * px[i];
        may_grow = may_grow && *at(memory, n, i, i) < VARIANCE_MAX;
    }
    const double error = y - regression_value(memory, n, x);
    if (!isfinite(error) || !isfinite(gain_base) || gain_base <= 0)
        return;
    const double scale = may_grow ? 1 / keep : 1;
    for (size_t i = 0; i < n; i++)
        memory[i] += px[i] / gain_base * error;
    for (size_t i = 0; i < n; i++)
        for (size_t k = i; k < n; k++)
            *at(memory, n, i, k) = scale * (*at(memory, n, i, k) - px[i] * px[k] / gain_base);
}
