#include "gateway/keys.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "io/digest.h"

#define WEIGHT_MAX 1000
#define KEY_SEED UINT64_C(0x6b6579)

static int hex_value(char c)
{
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* The configuration checked that it is 64 hex digits. */
static void read_digest(const char *hex, unsigned char ret[DIGEST_SIZE])
{
    for (size_t i = 0; i < DIGEST_SIZE; i++)
        ret[i] = (unsigned char)(hex_value(hex[2 * i]) << 4 | hex_value(hex[2 * i + 1]));
}

/* Places a tier's priority among the eight of the queue: 0 and no tier stand in the middle, the
 * others above and below in their order. More than fit share the outermost. */
static uint32_t level_of(const struct config *config, int64_t priority)
{
    int64_t level = PRIORITY_DEFAULT;
    for (size_t i = 0; i < config->tier_count; i++) {
        const int64_t other = config->tier[i].priority;
        bool seen = false;
        for (size_t k = 0; k < i; k++)
            seen |= config->tier[k].priority == other;
        if (seen)
            continue;
        if (priority > 0 && other > 0 && other <= priority)
            level++;
        else if (priority < 0 && other < 0 && other >= priority)
            level--;
    }
    return level < 0 ? 0 : level >= PRIORITIES ? PRIORITIES - 1 : (uint32_t)level;
}

/* Weights are shares: the smallest becomes 1, or less where the largest would pass its limit. */
static double weight_unit(const struct config *config)
{
    double least = 1, most = 1; /* keys without a tier */
    for (size_t i = 0; i < config->tier_count; i++) {
        least = fmin(least, config->tier[i].weight);
        most = fmax(most, config->tier[i].weight);
    }
    return fmax(least, most / WEIGHT_MAX);
}

static const struct tier_config *tier_of(const struct config *config, const struct key_config *key)
{
    for (size_t i = 0; i < config->tier_count; i++)
        if (strcmp(config->tier[i].name, key->tier) == 0)
            return &config->tier[i];
    return key->tier[0] == '\0' && config->tier_count > 0 ? &config->tier[0] : NULL;
}

static struct tier make_tier(const struct config *config, const struct tier_config *tier)
{
    const double unit = weight_unit(config);
    const double weight = rint((tier ? tier->weight : 1) / unit);
    return (struct tier){
        .priority = level_of(config, tier ? tier->priority : 0),
        .weight = weight < 1            ? 1
                  : weight > WEIGHT_MAX ? WEIGHT_MAX
                                        : (uint32_t)weight,
        .concurrency = tier ? tier->concurrency_max : 0,
        .tokens_per_minute = tier ? (int64_t)tier->tokens_per_minute : 0,
        .requests_per_minute = tier ? (int64_t)tier->requests_per_minute : 0,
        .demand_tokens = tier ? (int64_t)tier->demand_tokens : 0,
    };
}

enum rc keys_new(const struct config *config, struct key_table **ret)
{
    if (config->key_count == 0) {
        *ret = NULL;
        return RC_OK;
    }
    struct key_table *keys = mem_new(1, sizeof(*keys));
    if (!keys)
        return RC_NO_MEMORY;
    keys->references = 1;
    for (size_t i = 0; i < config->tier_count; i++) {
        struct tier_name *tier = &keys->tier[keys->tier_count++];
        memcpy(tier->name, config->tier[i].name, sizeof(tier->name));
        tier->priority = level_of(config, config->tier[i].priority);
    }
    for (size_t i = 0; i < config->key_count; i++) {
        const struct key_config *from = &config->key[i];
        struct key *key = &keys->key[keys->count++];
        read_digest(from->sha256, key->digest);
        memcpy(key->name, from->name, sizeof(key->name));
        key->index = (uint32_t)i;
        key->id = hash_bytes(KEY_SEED, key->digest, sizeof(key->digest)) | 1;
        key->tier = make_tier(config, tier_of(config, from));
    }
    *ret = keys;
    return RC_OK;
}

struct key_table *keys_ref(struct key_table *keys)
{
    if (keys)
        keys->references++;
    return keys;
}

void keys_unref(struct key_table *keys)
{
    if (!keys || --keys->references > 0)
        return;
    mem_wipe(keys, sizeof(*keys));
    free(keys);
}

const struct key *keys_find(const struct key_table *keys, struct span shown)
{
    unsigned char digest[DIGEST_SIZE];
    digest_sha256(shown, digest);
    const struct key *found = NULL;
    for (size_t i = 0; i < keys->count; i++)
        found = digest_equal(digest, keys->key[i].digest, DIGEST_SIZE) ? &keys->key[i] : found;
    mem_wipe(digest, sizeof(digest));
    return found;
}

const struct key *keys_named(const struct key_table *keys, struct span name)
{
    for (size_t i = 0; i < keys->count; i++)
        if (span_equal_text(name, keys->key[i].name))
            return &keys->key[i];
    return NULL;
}

uint32_t keys_tier_priority(const struct key_table *keys, struct span tier)
{
    for (size_t i = 0; i < keys->tier_count; i++)
        if (span_equal_text(tier, keys->tier[i].name))
            return keys->tier[i].priority;
    return UINT32_MAX;
}
