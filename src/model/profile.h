/* profile.h - what an engine's speed and size are: the coefficients of its iteration time, its
 * batch and KV limits; and a table of known engines.
 *
 * Seconds and tokens. Plain data. */
#ifndef SLUICE_MODEL_PROFILE_H
#define SLUICE_MODEL_PROFILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/rc.h"
#include "base/span.h"

struct engine_profile {
    char name[NAME_SIZE];
    double iteration_s;      /* a: every iteration; > 0 */
    double sequence_s;       /* b: each decoding sequence; >= 0 */
    double context_s;        /* c: each KV token of decoding sequences; >= 0 */
    double prompt_s;         /* p: each prompt token computed; >= 0 */
    int64_t sequences_max;   /* batch limit, 1 to PROFILE_SEQUENCES_MAX */
    int64_t kv_tokens;       /* capacity of the KV cache; rounded down to whole blocks */
    int64_t kv_block_tokens; /* >= 1 */
    int64_t chunk_tokens;    /* prompt tokens in one iteration, >= 1 */
    int64_t gpus;            /* of one replica */
};

#define PROFILE_SEQUENCES_MAX 65536

struct engine_preset {
    const char *name;
    const char *summary; /* what was measured, and how well the line fits it */
    int64_t gpus;
    double iteration_ms;
    double sequence_ms;
    double context_ms;
    double prompt_ms;
    int64_t kv_tokens;
};

extern const struct engine_preset engine_presets[];
extern const size_t engine_preset_count;

/* Fills a profile from the preset of that name (batch 256, blocks of 16, chunks of 2048).
 * RC_UNKNOWN names the nearest. */
enum rc profile_preset(struct span name, struct engine_profile *ret, struct diag *diag) MUST_CHECK;
enum rc profile_check(const struct engine_profile *profile, struct diag *diag) MUST_CHECK;

/* Length of one iteration: `decoding` sequences holding `context` KV tokens (new ones included) and
 * `prompt` prompt tokens. At least 1 ns. */
int64_t profile_iteration_ns(const struct engine_profile *profile, int64_t decoding,
                             int64_t context, int64_t prompt);
/* Fastest a lone request can be served on an idle engine: from hand-in to first and last token. */
int64_t profile_first_token_ns(const struct engine_profile *profile, int64_t prompt_tokens);
int64_t profile_request_ns(const struct engine_profile *profile, int64_t prompt_tokens,
                           int64_t output_tokens);

#endif
