/* rng.h - a small deterministic generator (64-bit seed, same sequence everywhere) and hashing for
 * identities.
 *
 * Not for secrets: tokens and nonces come from OpenSSL in the shell. */
#ifndef SLUICE_BASE_RNG_H
#define SLUICE_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct rng {
    uint64_t s[4]; /* xoshiro256** */
};

void rng_init(struct rng *rng, uint64_t seed); /* any seed, also 0 */
uint64_t rng_next(struct rng *rng);
double rng_unit(struct rng *rng);                              /* [0, 1) */
int64_t rng_range(struct rng *rng, int64_t low, int64_t high); /* both ends included, unbiased */
double rng_exponential(struct rng *rng, double mean);
double rng_normal(struct rng *rng); /* mean 0, deviation 1 */

/* 64-bit mixing hash for identities (spec hash, affinity, shape); stable across versions and
 * machines. */
uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t len);
uint64_t hash_span(uint64_t seed, struct span s);

/* The parts of hash_u64(), which is asked for every request and every replica it could go to. */
#define RNG_HASH_A UINT64_C(0x9E3779B97F4A7C15)
#define RNG_HASH_B UINT64_C(0xD6E8FEB86659FD93)
#define RNG_HASH_C UINT64_C(0xA0761D6478BD642F)

static inline uint64_t rng_fold(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    const wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t hash_u64(uint64_t seed, uint64_t value)
{
    return rng_fold(rng_fold(seed ^ RNG_HASH_C ^ value, RNG_HASH_A) ^ RNG_HASH_B,
                    RNG_HASH_C ^ value);
}

#endif
