/* The forms of profile files but for kernel tables: what each member means. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/num.h"
#include "base/opt.h"
#include "model/profile_internal.h"

#define MS 1e-3

/* ---- coefficients ---- */

enum rc profile_read_coefficients(struct profile_source *source, struct engine_profile *ret,
                                  struct diag *diag)
{
    const struct {
        const char *name;
        double *cost_s;
        int64_t *size;
    } members[] = {
        {"iterationMs", &ret->iteration_s, NULL},
        {"sequenceMs", &ret->sequence_s, NULL},
        {"contextMs", &ret->context_s, NULL},
        {"promptMs", &ret->prompt_s, NULL},
        {"kvTokens", NULL, &ret->kv_tokens},
        {"sequencesMax", NULL, &ret->sequences_max},
        {"chunkTokens", NULL, &ret->chunk_tokens},
        {"kvBlockTokens", NULL, &ret->kv_block_tokens},
        {"gpus", NULL, &ret->gpus},
    };
    const char *known[COUNT_OF(members) + 1];
    for (size_t i = 0; i < COUNT_OF(members); i++)
        known[i] = members[i].name;
    known[COUNT_OF(members)] = "schema";
    for (const struct tree *m = source->root->first; m != NULL; m = m->next) {
        bool good = span_equal_text(m->key, "schema") || span_equal_text(m->key, "about");
        for (size_t i = 0; i < COUNT_OF(members) && !good; i++) {
            if (!span_equal_text(m->key, members[i].name))
                continue;
            good = members[i].size != NULL ? tree_int(m, members[i].size)
                                           : tree_number(m, members[i].cost_s);
            if (good && members[i].cost_s != NULL)
                *members[i].cost_s *= MS;
            if (!good)
                return fail(diag, RC_INVALID, "line %" PRIu32 ": \"%s\" is %s, not a%s number",
                            m->line, members[i].name, tree_kind_name(m->kind),
                            members[i].size != NULL ? " whole" : "");
        }
        if (!good) {
            const char *near = name_nearest(m->key, known, COUNT_OF(known));
            return fail(diag, RC_UNKNOWN, "line %" PRIu32 ": \"%.*s\" is not known%s%s", m->line,
                        SPAN_ARG(m->key), near != NULL ? "; the nearest is " : "",
                        near != NULL ? near : "");
        }
    }
    return RC_OK;
}

/* ---- arrays side by side ---- */

#define COLUMNS_MAX 4

struct columns {
    const char *name[COLUMNS_MAX];
    size_t count;
    const struct tree *at[COLUMNS_MAX];
};

static enum rc open_columns(const struct tree *object, const char *where, struct columns *c,
                            struct diag *diag)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct tree *array = tree_get(object, c->name[i]);
        if (array == NULL || array->kind != TREE_ARRAY || array->count == 0)
            return fail(diag, RC_MISSING, "\"%s.%s\" is wanted, an array of numbers", where,
                        c->name[i]);
        if (i > 0 && array->count != tree_get(object, c->name[0])->count)
            return fail(diag, RC_INVALID, "\"%s.%s\" has %zu numbers, \"%s.%s\" has %zu", where,
                        c->name[i], array->count, where, c->name[0],
                        tree_get(object, c->name[0])->count);
        c->at[i] = array->first;
    }
    return RC_OK;
}

/* The next row; false at the end. A value that is no number or not above 0 is an error. */
static bool next_row(struct columns *c, double *ret, enum rc *rc, struct diag *diag)
{
    if (*rc != RC_OK || c->at[0] == NULL)
        return false;
    for (size_t i = 0; i < c->count; i++) {
        if (!tree_number(c->at[i], &ret[i]) || !(ret[i] > 0)) {
            *rc = fail(diag, RC_RANGE, "line %" PRIu32 ": a value of \"%s\" is not above 0",
                       c->at[i]->line, c->name[i]);
            return false;
        }
        c->at[i] = c->at[i]->next;
    }
    return true;
}

/* A prompt alone: as many iterations as it has chunks. */
static void add_prompt(struct profile_fit *fit, const struct engine_profile *profile, double tokens,
                       double seconds)
{
    const struct fit_point point = {.iterations = ceil(tokens / (double)profile->chunk_tokens),
                                    .prompt = tokens,
                                    .seconds = seconds};
    profile_fit_add(fit, &point);
}

/* ---- a sweep of Dynamo's profiler ---- */

enum rc profile_read_sweep(struct profile_source *source, struct engine_profile *ret,
                           struct diag *diag)
{
    struct columns prefill = {.name = {"isl", "ttft_ms"}, .count = 2};
    struct columns decode = {.name = {"concurrency_derived", "context_length", "itl_ms"},
                             .count = 3};
    double row[COLUMNS_MAX];
    const char *parallel[] = {"tp", "dp", "pp"};
    enum rc rc = open_columns(tree_get(source->root, "prefill"), "prefill", &prefill, diag);
    if (rc == RC_OK)
        rc = open_columns(tree_get(source->root, "decode"), "decode", &decode, diag);
    while (next_row(&prefill, row, &rc, diag))
        add_prompt(source->fit, ret, row[0], MS * row[1]);
    while (next_row(&decode, row, &rc, diag)) {
        const struct fit_point point = {.iterations = 1,
                                        .sequences = row[0],
                                        .context = row[0] * row[1],
                                        .seconds = MS * row[2]};
        profile_fit_add(source->fit, &point);
    }
    (void)tree_int(tree_get(source->root, "max_kv_tokens"), &ret->kv_tokens);
    (void)tree_int(tree_get(source->root, "max_batch_size"), &ret->sequences_max);
    for (size_t i = 0; i < COUNT_OF(parallel); i++) {
        int64_t gpus = 1;
        (void)tree_int(tree_get(source->root, parallel[i]), &gpus); /* what is not said is 1 */
        ret->gpus = num_mul_sat(ret->gpus, gpus);
    }
    return rc;
}

/* ---- points: rows with named columns ---- */

#define POINT_COLUMNS 8
enum { MODEL, HARDWARE, TP, PROMPT, BATCH, OUTPUT, PROMPT_MS, TOKEN_MS };

static bool find_columns(const struct tree *columns, size_t *ret)
{
    static const char *const names[POINT_COLUMNS][2] = {
        {"model", NULL},
        {"hardware", NULL},
        {"tp", NULL},
        {"prompt_tokens", NULL},
        {"batch_size", NULL},
        {"output_tokens", NULL},
        {"prompt_time_ms", NULL},
        {"decode_ms_per_token", "token_time_ms"},
    };
    for (size_t i = 0; i < POINT_COLUMNS; i++) {
        size_t index = 0;
        bool found = false;
        for (const struct tree *c = columns != NULL ? columns->first : NULL; c != NULL;
             c = c->next, index++) {
            struct span name;
            for (size_t k = 0; k < 2 && names[i][k] != NULL && !found; k++)
                if (tree_string(c, &name) && span_equal_text(name, names[i][k])) {
                    ret[i] = index;
                    found = true;
                }
        }
        if (!found)
            return false;
    }
    return true;
}

enum rc profile_read_points(struct profile_source *source, struct engine_profile *ret,
                            struct diag *diag)
{
    size_t column[POINT_COLUMNS];
    const struct tree *rows = tree_get(source->root, "rows");
    source->chooses = true;
    if (!find_columns(tree_get(source->root, "columns"), column))
        return fail(diag, RC_MISSING,
                    "\"columns\" must name model, hardware, tp, prompt_tokens, "
                    "batch_size, output_tokens, prompt_time_ms and token_time_ms "
                    "or decode_ms_per_token");
    for (const struct tree *row = rows != NULL ? rows->first : NULL; row != NULL; row = row->next) {
        char label[256];
        double n[POINT_COLUMNS] = {0};
        struct span model;
        struct span hardware;
        bool good = tree_string(tree_at(row, column[MODEL]), &model) &&
                    tree_string(tree_at(row, column[HARDWARE]), &hardware);
        for (size_t i = TP; i < POINT_COLUMNS; i++)
            good = good && tree_number(tree_at(row, column[i]), &n[i]) && n[i] >= 0;
        if (!good || !(n[BATCH] > 0))
            return fail(diag, RC_INVALID, "line %" PRIu32 ": a row does not fit the columns",
                        row->line);
        (void)snprintf(label, sizeof label, "%.*s,%.*s,tp=%.0f", SPAN_ARG(model),
                       SPAN_ARG(hardware), n[TP]);
        if (!profile_choice_take(source->choice, source->words, label))
            continue;
        ret->gpus = num_to_int(n[TP], 1, 1024);
        const struct fit_point batch = {.iterations = 1, /* these were measured in one piece */
                                        .prompt = n[PROMPT] * n[BATCH],
                                        .seconds = MS * n[PROMPT_MS]};
        profile_fit_add(source->fit, &batch);
        const struct fit_point point = {.iterations = 1,
                                        .sequences = n[BATCH],
                                        .context = n[BATCH] * (n[PROMPT] + n[OUTPUT] / 2),
                                        .seconds = MS * n[TOKEN_MS]};
        profile_fit_add(source->fit, &point);
    }
    return RC_OK;
}

/* ---- closed-loop curves ---- */

/* So many requests are always in flight: each iteration they make a token each, and prompts come
 * as fast as answers end. The lowest concurrency tells a prompt nearly alone. */
static enum rc add_curve(struct profile_source *source, const struct tree *curve,
                         const struct engine_profile *profile, struct diag *diag)
{
    struct columns c = {.name = {"concurrency", "ttft_ms", "tpot_ms"}, .count = 3};
    double row[COLUMNS_MAX];
    double isl = 0;
    double osl = 0;
    bool first = true;
    if (!tree_number(tree_get(curve, "isl"), &isl) || !tree_number(tree_get(curve, "osl"), &osl) ||
        !(isl > 0) || !(osl > 0))
        return fail(diag, RC_RANGE, "line %" PRIu32 ": isl and osl of a curve must be above 0",
                    curve->line);
    enum rc rc = open_columns(curve, "curve", &c, diag);
    while (next_row(&c, row, &rc, diag)) {
        const struct fit_point point = {.iterations = 1,
                                        .sequences = row[0],
                                        .context = row[0] * (isl + osl / 2),
                                        .prompt = row[0] * isl / osl,
                                        .seconds = MS * row[2]};
        profile_fit_add(source->fit, &point);
        if (first)
            add_prompt(source->fit, profile, isl, MS * row[1]);
        first = false;
    }
    return rc;
}

static void label_of(const struct tree *curve, struct buf *ret)
{
    static const char *const texts[] = {"model", "system", "backend", "backend_version",
                                        "precision"};
    static const char *const numbers[] = {"tp", "attention_dp", "moe_tp", "moe_ep"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct span text = span_of("", 0);
        (void)tree_string(tree_get(curve, texts[i]), &text); /* what is not said is empty */
        buf_text(ret, i > 0 ? "," : "");
        buf_span(ret, text);
    }
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        double number = 1;
        (void)tree_number(tree_get(curve, numbers[i]), &number); /* ... or 1 */
        buf_printf(ret, ",%s=%.0f", numbers[i], number);
    }
}

enum rc profile_read_curves(struct profile_source *source, struct engine_profile *ret,
                            struct diag *diag)
{
    const struct tree *curves = tree_get(source->root, "curves");
    enum rc rc = RC_OK;
    source->chooses = true;
    for (const struct tree *curve = curves != NULL ? curves->first : NULL;
         curve != NULL && rc == RC_OK; curve = curve->next) {
        struct buf label;
        int64_t tp = 1;
        int64_t dp = 1;
        buf_init(&label, 1024);
        label_of(curve, &label);
        if (profile_choice_take(source->choice, source->words, buf_cstr(&label))) {
            (void)tree_int(tree_get(curve, "tp"), &tp);
            (void)tree_int(tree_get(curve, "attention_dp"), &dp);
            ret->gpus = num_clamp(num_mul_sat(tp, dp), 1, 1024);
            rc = add_curve(source, curve, ret, diag);
        }
        buf_done(&label);
    }
    return rc;
}
