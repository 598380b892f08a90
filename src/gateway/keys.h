/* keys.h - API keys by their hash, and the tiers behind them. Immutable once made; a key itself is
 * never kept, printed or logged. */
#ifndef SLUICE_GATEWAY_KEYS_H
#define SLUICE_GATEWAY_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "traffic/tier.h"

#define DIGEST_SIZE 32

struct key {
    unsigned char digest[DIGEST_SIZE];
    char name[NAME_SIZE];
    uint64_t id;    /* for fair shares; never 0 */
    uint32_t index; /* in the configuration */
    struct tier tier;
};

struct tier_name {
    char name[NAME_SIZE];
    uint32_t priority;
};

struct key_table {
    int64_t references;
    size_t count;
    size_t tier_count;
    struct tier_name tier[TIERS_MAX];
    struct key key[KEYS_MAX];
};

/* NULL with RC_OK: the configuration names no keys, everybody may. */
enum rc keys_new(const struct config *config, struct key_table **ret) MUST_CHECK;
struct key_table *keys_ref(struct key_table *keys); /* NULL stays NULL */
void keys_unref(struct key_table *keys);
/* The key that was shown, or NULL. Takes the same time whichever it is. */
const struct key *keys_find(const struct key_table *keys, struct span shown);
const struct key *keys_named(const struct key_table *keys, struct span name);
/* Priority of the tier of that name; UINT32_MAX when there is none. */
uint32_t keys_tier_priority(const struct key_table *keys, struct span tier);

#endif
