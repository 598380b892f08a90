/* num_math.c - exp, log and pow of our own: plain IEEE arithmetic in a fixed order, so that the
 * bits are the same on every CPU. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/num.h"

/* ln 2 in three parts; the first two have zeros at their end, so that small integers times them
 * are exact. */
#define LN2_HIGH 0x1.62e42fefa38p-1
#define LN2_MIDDLE 0x1.ef35793c76p-45
#define LN2_LOW 0x1.cc01f97b57a08p-87
#define LOG2_E 0x1.71547652b82fep+0

/* An unevaluated sum of two doubles: about 106 bits. */
struct pair {
    double high;
    double low;
};

static uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

static double double_of(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof(x));
    return x;
}

/* 2^k for k in [-1022, 1023]. */
static double power_of_two(int k)
{
    return double_of((uint64_t)(k + 1023) << 52);
}

/* x * 2^k in two steps, so that results in the subnormal range round once. */
static double scale(double x, int k)
{
    if (k > 1023)
        return x * 0x1p1023 * power_of_two(k - 1023 > 1023 ? 1023 : k - 1023);
    if (k < -1022)
        return x * 0x1p-968 * power_of_two(k + 968 < -1022 ? -1022 : k + 968);
    return x * power_of_two(k);
}

static struct pair pair_sum(double a, double b)
{
    const double high = a + b;
    const double b_part = high - a;
    return (struct pair){high, (a - (high - b_part)) + (b - b_part)};
}

/* As pair_sum where |a| >= |b| is known. */
static struct pair pair_quick(double a, double b)
{
    const double high = a + b;
    return (struct pair){high, b - (high - a)};
}

/* Dekker's product: exact without a fused multiply-add, which not every CPU has. */
static struct pair pair_product(double a, double b)
{
    const double a_big = a * 0x1.0000002p27;
    const double b_big = b * 0x1.0000002p27;
    const double a_high = a_big - (a_big - a);
    const double b_high = b_big - (b_big - b);
    const double a_low = a - a_high;
    const double b_low = b - b_high;
    const double high = a * b;
    return (struct pair){high, ((a_high * b_high - high) + a_high * b_low + a_low * b_high) +
                                   a_low * b_low};
}

static struct pair pair_add(struct pair a, struct pair b)
{
    const struct pair s = pair_sum(a.high, b.high);
    return pair_quick(s.high, s.low + (a.low + b.low));
}

static struct pair pair_mul(struct pair a, struct pair b)
{
    const struct pair p = pair_product(a.high, b.high);
    return pair_quick(p.high, p.low + (a.high * b.low + a.low * b.high));
}

/* exp(r + low) for |r| <= ln2/2 and low below 2^-40: Taylor to r^13/13!, truncation below 2^-57. */
static double exp_reduced(double r, double low)
{
    static const double inverse_factorial[] = {
        0x1.0000000000000p-1,  0x1.5555555555555p-3,  0x1.5555555555555p-5,  0x1.1111111111111p-7,
        0x1.6c16c16c16c17p-10, 0x1.a01a01a01a01ap-13, 0x1.a01a01a01a01ap-16, 0x1.71de3a556c734p-19,
        0x1.27e4fb7789f5cp-22, 0x1.ae64567f544e4p-26, 0x1.1eed8eff8d898p-29, 0x1.6124613a86d09p-33};
    double sum = 0.0;
    for (int i = (int)(sizeof(inverse_factorial) / sizeof(double)) - 1; i >= 0; i--)
        sum = sum * r + inverse_factorial[i];
    const double curve = r * r * sum;
    return 1.0 + (r + (curve + (low + low * (r + curve))));
}

/* exp(x.high + x.low). */
static double exp_pair(struct pair x)
{
    if (x.high > 709.8)
        return INFINITY;
    if (x.high < -745.2)
        return 0.0;
    const double k = rint(x.high * LOG2_E);
    const struct pair r = pair_sum(x.high - k * LN2_HIGH, -(k * LN2_MIDDLE));
    const double low = r.low + (x.low - k * LN2_LOW);
    return scale(exp_reduced(r.high, low), (int)k);
}

double num_exp(double x)
{
    if (isnan(x))
        return x;
    return exp_pair((struct pair){x, 0.0});
}

/* x = m * 2^k with m in [sqrt(1/2), sqrt(2)); x positive and finite. */
static double split(double x, int *ret_k)
{
    int k = 0;
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        k = -54;
    }
    /* Adding the distance from sqrt(1/2) to 1 carries into the exponent exactly for m >= sqrt 2. */
    const uint64_t bits = bits_of(x);
    const uint64_t shifted = bits + (UINT64_C(0x3FF0000000000000) - UINT64_C(0x3FE6A09E667F3BCD));
    k += (int)(shifted >> 52) - 1023;
    *ret_k = k;
    return double_of((shifted & UINT64_C(0x000FFFFFFFFFFFFF)) + UINT64_C(0x3FE6A09E667F3BCD));
}

/* sum of s2^i / (2i + first), i = 0..n-1: the tail of atanh(s) / s. */
static double atanh_tail(double s2, int first, int n)
{
    double sum = 0.0;
    for (int i = n - 1; i >= 0; i--)
        sum = sum * s2 + 1.0 / (double)(2 * i + first);
    return sum;
}

double num_log(double x)
{
    if (isnan(x) || x < 0.0)
        return NAN;
    if (x == 0.0)
        return -INFINITY;
    if (isinf(x))
        return x;
    int k;
    const double f = split(x, &k) - 1.0; /* exact */
    /* log(1+f) = 2 atanh(s), s = f / (2+f); written as f - (half - s (half + tail)) so that the
     * leading term is exact. */
    const double s = f / (2.0 + f);
    const double s2 = s * s;
    const double tail = 2.0 * s2 * atanh_tail(s2, 3, 11);
    const double half = 0.5 * f * f;
    const double n = (double)k;
    const double low = s * (half + tail) + n * (LN2_MIDDLE + LN2_LOW);
    return n * LN2_HIGH - ((half - low) - f);
}

/* log(x) to about 2^-70 of its size; x positive and finite. */
static struct pair log_pair(double x)
{
    static const struct pair third = {0x1.5555555555555p-2, 0x1.5555555555555p-56};
    static const struct pair fifth = {0x1.999999999999ap-3, -0x1.999999999999ap-57};
    int k;
    const double f = split(x, &k) - 1.0;
    const struct pair divisor = pair_sum(2.0, f);
    const double s_high = f / divisor.high;
    const struct pair back = pair_product(s_high, divisor.high);
    const double rest = ((f - back.high) - back.low) - s_high * divisor.low;
    const struct pair s = pair_quick(s_high, rest / divisor.high);

    const struct pair s2 = pair_mul(s, s);
    const struct pair tail = pair_product(s2.high, atanh_tail(s2.high, 7, 11));
    const struct pair inner = pair_mul(s2, pair_add(fifth, tail));
    const struct pair cubic = pair_mul(pair_mul(s2, s), pair_add(third, inner));
    const struct pair sum = pair_add(s, cubic);
    const struct pair log_m = {2.0 * sum.high, 2.0 * sum.low};

    const double n = (double)k;
    const struct pair n_ln2 = pair_quick(n * LN2_HIGH, n * LN2_MIDDLE);
    return pair_add(pair_add(n_ln2, log_m), (struct pair){n * LN2_LOW, 0.0});
}

static bool is_odd(double whole)
{
    return fabs(whole) < 0x1p53 && ((uint64_t)fabs(whole) & 1U) != 0;
}

/* Base 0 or infinite. */
static double pow_edge(double base, double exponent)
{
    const bool negative = signbit(base) && exponent == rint(exponent) && is_odd(exponent);
    const bool large = isinf(base) ? exponent > 0 : exponent < 0;
    const double size = large ? INFINITY : 0.0;
    return negative ? -size : size;
}

double num_pow(double base, double exponent)
{
    if (exponent == 0.0 || base == 1.0)
        return 1.0;
    if (isnan(base) || isnan(exponent))
        return NAN;
    if (isinf(exponent)) {
        if (fabs(base) == 1.0)
            return 1.0;
        return (fabs(base) > 1.0) == (exponent > 0.0) ? INFINITY : 0.0;
    }
    if (base == 0.0 || isinf(base))
        return pow_edge(base, exponent);
    const bool whole = exponent == rint(exponent);
    if (base < 0.0 && !whole)
        return NAN;

    const struct pair log_base = log_pair(fabs(base));
    const double estimate = log_base.high * exponent;
    double out;
    if (estimate > 710.0)
        out = INFINITY;
    else if (estimate < -746.0)
        out = 0.0;
    else
        out = exp_pair(pair_mul(log_base, (struct pair){exponent, 0.0}));
    return base < 0.0 && is_odd(exponent) ? -out : out;
}
