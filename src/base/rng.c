/* rng.c - xoshiro256** seeded by splitmix64, and a 128-bit multiply-fold hash. */
#include "base/rng.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

#include "base/num.h"

#define HASH_A RNG_HASH_A
#define HASH_B RNG_HASH_B
#define HASH_C RNG_HASH_C

__extension__ typedef unsigned __int128 uint128;

static uint64_t rotate(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

/* splitmix64: turns any seed, also 0, into well mixed words. */
static uint64_t mix_next(uint64_t *state)
{
    uint64_t z = *state += HASH_A;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

void rng_init(struct rng *rng, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        rng->s[i] = mix_next(&seed);
}

uint64_t rng_next(struct rng *rng)
{
    uint64_t *s = rng->s;
    const uint64_t out = rotate(s[1] * 5, 7) * 9;
    const uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return out;
}

double rng_unit(struct rng *rng)
{
    return (double)(rng_next(rng) >> 11) * 0x1p-53;
}

int64_t rng_range(struct rng *rng, int64_t low, int64_t high)
{
    assert(low <= high);
    const uint64_t width = (uint64_t)high - (uint64_t)low + 1; /* 0 = all 2^64 values */
    if (width == 0)
        return (int64_t)rng_next(rng);
    /* Multiply and reject: the low half below 2^64 mod width would be counted once too often. */
    uint128 product = (uint128)rng_next(rng) * width;
    if ((uint64_t)product < width) { /* only then it may be one of these: a division is rare */
        const uint64_t reject = (0 - width) % width;
        while ((uint64_t)product < reject)
            product = (uint128)rng_next(rng) * width;
    }
    return (int64_t)((uint64_t)low + (uint64_t)(product >> 64));
}

double rng_exponential(struct rng *rng, double mean)
{
    return -mean * num_log(1.0 - rng_unit(rng)); /* the argument is in (0, 1] */
}

double rng_normal(struct rng *rng)
{
    double u;
    double s;
    do { /* polar method of Marsaglia; the second value is thrown away: no hidden state */
        u = 2.0 * rng_unit(rng) - 1.0;
        const double v = 2.0 * rng_unit(rng) - 1.0;
        s = u * u + v * v;
    } while (s >= 1.0 || s == 0.0);
    return u * sqrt(-2.0 * num_log(s) / s);
}

/* Little-endian on every machine; compilers make one load of it. */
static uint64_t load64(const unsigned char *p)
{
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

static uint64_t load_tail(const unsigned char *p, size_t len)
{
    uint64_t v = 0;
    for (size_t i = len; i > 0; i--)
        v = v << 8 | p[i - 1];
    return v;
}

uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t len)
{
    const unsigned char *p = bytes;
    uint64_t h = seed ^ HASH_C;
    size_t left = len;
    while (left >= 8) {
        h = rng_fold(h ^ load64(p), HASH_A) + HASH_B;
        p += 8;
        left -= 8;
    }
    h = rng_fold(h ^ load_tail(p, left), HASH_A) ^ (uint64_t)len;
    return rng_fold(h ^ HASH_B, HASH_C);
}

uint64_t hash_span(uint64_t seed, struct span s)
{
    return hash_bytes(seed, s.ptr, s.len);
}
