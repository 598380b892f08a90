/* num.h - numbers in and out without locale, and the few functions of mathematics that decisions
 * may use.
 *
 * Everything that feeds a decision or a hash uses these and sqrt, fabs, floor, ceil, rint, fmin,
 * fmax only: libm takes other code paths on other CPUs. num_exp, num_log, num_pow are within 2 ulp
 * and give the same bits anywhere (needs -ffp-contract=off). */
#ifndef SLUICE_BASE_NUM_H
#define SLUICE_BASE_NUM_H

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/span.h"

#define NUM_TEXT_MAX 32 /* bytes that num_print() may need, NUL included */

/* Whole span must be a JSON number (sign, no leading +, no inf/nan). Correctly rounded; overflow
 * gives RC_RANGE. */
enum rc num_parse(struct span text, double *ret) MUST_CHECK;
/* As num_parse but also takes +Inf, -Inf, Inf, NaN (any case) and a leading plus: Prometheus
 * values. */
enum rc num_parse_prometheus(struct span text, double *ret) MUST_CHECK;
/* Whole span is a decimal integer with optional minus. RC_SYNTAX or RC_RANGE. */
enum rc num_parse_int(struct span text, int64_t *ret) MUST_CHECK;
enum rc num_parse_hex(struct span text,
                      uint64_t *ret) MUST_CHECK; /* 1 to 16 hex digits, no prefix */
/* Shortest decimal text that reads back as the same bits, as JSON (1e+21 style exponents as
 * JavaScript prints them); NaN, +Inf, -Inf as "NaN", "+Inf", "-Inf". Returns the length; writes a
 * NUL. */
size_t num_print(double value, char ret_text[NUM_TEXT_MAX]);
/* Kubernetes quantity: plain, n u m, k M G T P E, Ki Mi Gi Ti Pi Ei, or decimal exponent. */
enum rc num_parse_quantity(struct span text, double *ret) MUST_CHECK;

double num_exp(double x);
double num_log(double x);
double num_pow(double base, double exponent);

/* Saturating integers: no overflow, no trap. Here, because every decision is made of them. */
static inline int64_t num_add_sat(int64_t a, int64_t b)
{
    int64_t sum;
    if (!__builtin_add_overflow(a, b, &sum))
        return sum;
    return b > 0 ? INT64_MAX : INT64_MIN;
}

static inline int64_t num_mul_sat(int64_t a, int64_t b)
{
    int64_t product;
    if (!__builtin_mul_overflow(a, b, &product))
        return product;
    return (a > 0) == (b > 0) ? INT64_MAX : INT64_MIN;
}

static inline int64_t num_clamp(int64_t value, int64_t low, int64_t high)
{
    assert(low <= high);
    if (value < low)
        return low;
    return value > high ? high : value;
}

/* Double to integer with saturation at the given bounds; NaN gives low. Compare before convert: R4.
 */
static inline int64_t num_to_int(double value, int64_t low, int64_t high)
{
    assert(low <= high);
    if (!(value >= -0x1p63)) /* also NaN */
        return low;
    if (value >= 0x1p63)
        return high;
    return num_clamp((int64_t)value, low, high);
}

/* What rint() gives, without its call: adding 1.5 * 2^52 leaves no bits for a fraction. */
static inline double num_rint(double value)
{
    return fabs(value) < 0x1p51 ? (value + 0x1.8p52) - 0x1.8p52 : rint(value);
}

#endif
