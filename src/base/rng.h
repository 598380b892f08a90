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
uint64_t hash_u64(uint64_t seed, uint64_t value);

#endif
