#include "model/profile_read.h"

#include <inttypes.h>
#include <math.h>

#include "base/num.h"
#include "base/tree.h"
#include "model/profile_fit.h"
#include "model/profile_internal.h"

#define TREE_BYTES_MAX ((size_t)256 << 20)
#define LISTED_BYTES 260 /* of engines that a message names */
#define ERROR_MAX 1.0    /* a fit that is wrong by more says nothing */

/* ---- words behind the name of the file ---- */

static bool next_word(struct span *words, struct span *ret)
{
    if (words->len == 0)
        return false;
    size_t len = 0;
    while (len < words->len && words->ptr[len] != ',')
        len++;
    *ret = span_of(words->ptr, len);
    *words = len < words->len ? span_of(words->ptr + len + 1, words->len - len - 1)
                              : span_of(words->ptr + len, 0);
    return true;
}

static bool split(struct span word, struct span *name, struct span *value)
{
    for (size_t i = 0; i < word.len; i++)
        if (word.ptr[i] == '=') {
            *name = span_of(word.ptr, i);
            *value = span_of(word.ptr + i + 1, word.len - i - 1);
            return true;
        }
    return false;
}

static int64_t *size_named(struct engine_profile *profile, struct span name)
{
    const struct {
        const char *name;
        int64_t *value;
    } sizes[] = {{"kv", &profile->kv_tokens},
                 {"batch", &profile->sequences_max},
                 {"chunk", &profile->chunk_tokens},
                 {"gpus", &profile->gpus}};
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        if (span_equal_text(name, sizes[i].name))
            return sizes[i].value;
    return NULL;
}

static enum rc take_sizes(struct span words, struct engine_profile *ret, struct diag *diag)
{
    struct span word;
    while (next_word(&words, &word)) {
        struct span name;
        struct span value;
        double number;
        int64_t *size = split(word, &name, &value) ? size_named(ret, name) : NULL;
        if (size == NULL)
            continue;
        if (num_parse(value, &number) != RC_OK || !(number >= 1 && number <= 1e12))
            return fail(diag, RC_RANGE, "\"%.*s\" wants a number from 1 on", SPAN_ARG(word));
        *size = num_to_int(number, 1, INT64_C(1) << 40);
    }
    return RC_OK;
}

/* The words ask for this engine. Every word must be said by its label; sizes are not asked for. */
static bool wanted(struct span words, const char *label)
{
    struct span word;
    while (next_word(&words, &word)) {
        struct span name;
        struct span value;
        struct engine_profile ignored;
        if (word.len == 0 || (split(word, &name, &value) && size_named(&ignored, name) != NULL))
            continue;
        struct span have = span_from(label);
        struct span part;
        bool said = false;
        while (next_word(&have, &part))
            said |= span_equal_nocase(part, word);
        if (!said)
            return false;
    }
    return true;
}

bool profile_choice_take(struct profile_choice *choice, struct span words, const char *label)
{
    bool known = false;
    for (size_t i = 0; i < choice->count && i < PROFILE_CHOICES_MAX; i++)
        known |= span_equal_text(buf_view(&choice->label[i]), label);
    if (!wanted(words, label))
        return false;
    if (!known) {
        if (choice->count < PROFILE_CHOICES_MAX) {
            buf_init(&choice->label[choice->count], 1024);
            buf_text(&choice->label[choice->count], label);
        }
        choice->count++;
    }
    return choice->count == 1 || known;
}

static enum rc check_choice(struct profile_choice *choice, struct span words, struct diag *diag)
{
    struct buf list;
    size_t named = 0;
    if (choice->count == 0)
        return fail(diag, RC_UNKNOWN, "no engine of the file is called \"%.*s\"", SPAN_ARG(words));
    if (choice->count == 1)
        return RC_OK;
    buf_init(&list, 4096);
    for (; named < PROFILE_CHOICES_MAX && named < choice->count && list.len < LISTED_BYTES;
         named++) {
        buf_text(&list, named > 0 ? "; " : "");
        buf_span(&list, buf_view(&choice->label[named]));
    }
    const bool many = choice->count > PROFILE_CHOICES_MAX;
    const enum rc rc =
        fail(diag, RC_MISSING,
             "the file holds %s%zu engines; say which one behind its name, with # and commas: %s%s",
             many ? "more than " : "", many ? (size_t)PROFILE_CHOICES_MAX : choice->count,
             buf_cstr(&list), named < choice->count ? "; ..." : "");
    buf_done(&list);
    return rc;
}

/* ---- all ---- */

static const struct {
    const char *schema;
    profile_reader *read;
} readers[] = {
    {"sluice-profile/1", profile_read_coefficients},
    {"engine-profile/dynamo-presweep/1", profile_read_sweep},
    {"engine-points/1", profile_read_points},
    {"engine-load-curves/1", profile_read_curves},
    {"engine-kernel-tables/1", profile_read_kernels},
};

static enum rc unknown_schema(struct span schema, struct diag *diag)
{
    struct buf known;
    buf_init(&known, 1024);
    for (size_t i = 0; i < COUNT_OF(readers); i++)
        buf_printf(&known, "%s%s", i > 0 ? ", " : "", readers[i].schema);
    const enum rc rc = fail(diag, RC_UNKNOWN, "\"schema\" is \"%.*s\"; profiles are made from %s",
                            (int)(schema.len < 80 ? schema.len : 80), schema.ptr, buf_cstr(&known));
    buf_done(&known);
    return rc;
}

static enum rc finish(const struct profile_source *source, struct engine_profile *ret,
                      struct diag *diag)
{
    double error = 0;
    enum rc rc = source->chooses ? check_choice(source->choice, source->words, diag) : RC_OK;
    if (rc == RC_OK && source->fit->count > 0 &&
        (!profile_fit_solve(source->fit, ret, &error) || error > ERROR_MAX))
        rc = fail(diag, RC_INVALID,
                  "the %zu measurements do not tell how long an iteration takes: there must be "
                  "prompts, and tokens of batches of several sizes",
                  source->fit->count);
    else if (rc == RC_OK && source->fit->count == 0 && !(ret->iteration_s > 0))
        rc = fail(diag, RC_MISSING, "the file holds no measurement");
    if (rc == RC_OK)
        rc = take_sizes(source->words, ret, diag);
    if (rc == RC_OK && ret->kv_tokens <= 0)
        rc = fail(diag, RC_MISSING,
                  "the file does not say how many tokens the KV cache of an engine holds: add "
                  "kv=TOKENS behind its name, as in FILE#kv=450000");
    return rc == RC_OK ? profile_check(ret, diag) : rc;
}

enum rc profile_read(struct span json, struct span words, struct span name,
                     struct engine_profile *ret, struct diag *diag)
{
    struct arena arena;
    struct profile_choice choice = {.count = 0};
    struct profile_fit fit = {.count = 0};
    struct engine_profile profile = {
        .sequences_max = 256, .kv_block_tokens = 16, .chunk_tokens = 2048, .gpus = 1};
    struct profile_source source = {.words = words, .choice = &choice, .fit = &fit};
    struct span schema = span_of("", 0);
    profile_reader *read = NULL;
    arena_init(&arena, TREE_BYTES_MAX);
    const struct json_limits limits = {.depth_max = 16};
    enum rc rc = json_read(&arena, json, &limits, &source.root, diag);
    if (rc == RC_OK && !tree_string(tree_get(source.root, "schema"), &schema))
        rc = fail(diag, RC_MISSING, "this is no engine profile: it has no member \"schema\"");
    for (size_t i = 0; rc == RC_OK && i < COUNT_OF(readers); i++)
        if (span_equal_text(schema, readers[i].schema))
            read = readers[i].read;
    if (rc == RC_OK && read == NULL)
        rc = unknown_schema(schema, diag);
    if (rc == RC_OK)
        rc = take_sizes(words, &profile, diag); /* the chunk counts iterations */
    if (rc == RC_OK)
        rc = read(&source, &profile, diag);
    if (rc == RC_OK)
        rc = finish(&source, &profile, diag);
    if (rc == RC_OK) {
        *ret = profile;
        (void)span_copy(name.len < NAME_SIZE ? name : span_of(name.ptr, NAME_SIZE - 1), ret->name,
                        sizeof ret->name); /* cut to fit */
    }
    for (size_t i = 0; i < choice.count && i < PROFILE_CHOICES_MAX; i++)
        buf_done(&choice.label[i]);
    arena_done(&arena);
    return rc;
}
