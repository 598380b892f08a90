#include "store/replay.h"

#include <stdlib.h>
#include <string.h>

#include "sim/installation.h"

#define TICK_BYTES_MAX ((size_t)256 << 20)

/* The configuration of the ticks at hand; ticks come in runs of one. */
struct known {
    uint64_t hash;
    bool valid;
    struct config *config;
    struct installation *installation;
    struct diag diag; /* why it is not there */
};

struct replay {
    struct store *store;
    const struct replay_options *options;
    struct replay_result result;
    struct known known;
    struct arena arena;
    struct buf again; /* the decision as JSON */
    struct buf what;
    struct observation observation;
    struct decision decision[POOLS_PER_GROUP_MAX];
};

/* ---- configurations ---- */

static void forget(struct known *known)
{
    installation_free(known->installation);
    config_free(known->config);
    *known = (struct known){.valid = false};
}

static enum rc load(struct replay *r, uint64_t hash, struct diag *diag)
{
    struct buf text;
    struct buf name;
    struct problem_list problems;
    buf_init(&text, CONFIG_BYTES_MAX + 1);
    buf_init(&name, 4096);
    problem_list_init(&problems);
    enum rc rc = store_config_get(r->store, hash, &text, &name, diag);
    if (rc == RC_NOT_FOUND)
        rc = fail(diag, rc, "its configuration is not in the file any more");
    else if (rc == RC_OK)
        r->known.config = config_read(buf_cstr(&name), buf_view(&text), r->options->env, &problems);
    if (rc == RC_OK && r->known.config == NULL)
        rc = fail(diag, RC_INVALID, "the stored configuration is not valid here: %s: %s",
                  problems.count > 0 ? problems.item[0].path : "",
                  problems.count > 0 ? problems.item[0].text : "");
    else if (rc == RC_OK)
        rc = installation_make(r->known.config, &r->known.installation, diag);
    problem_list_done(&problems);
    buf_done(&text);
    buf_done(&name);
    return rc;
}

static const struct group_spec *group_of(struct replay *r, const struct store_tick *tick,
                                         struct diag *diag)
{
    if (!r->known.valid || r->known.hash != tick->config_hash) {
        struct diag why = {.code = RC_OK};
        forget(&r->known);
        (void)load(r, tick->config_hash, &why); /* kept beside it */
        r->known.valid = true;
        r->known.hash = tick->config_hash;
        r->known.diag = why;
    }
    if (r->known.installation == NULL) {
        *diag = r->known.diag;
        return NULL;
    }
    const struct reconcile_spec *spec = &r->known.installation->spec;
    for (size_t i = 0; i < spec->group_count; i++)
        if (strcmp(group_name(spec->group[i].group), tick->group) == 0)
            return spec->group[i].group;
    (void)fail(diag, RC_UNKNOWN, "its configuration has no group \"%s\"", tick->group);
    return NULL;
}

static bool holds_pool(const struct group_spec *group, const char *pool)
{
    for (size_t i = 0; i < group_pool_count(group); i++)
        if (strcmp(group_pool(group, i)->name, pool) == 0)
            return true;
    return false;
}

/* ---- one tick ---- */

static enum rc read_samples(struct replay *r, const struct group_spec *group, struct span text,
                            struct sample **ret, size_t *ret_count, struct diag *diag)
{
    const struct tree *list = NULL;
    enum rc rc = json_read(&r->arena, text, NULL, &list, diag);
    if (rc != RC_OK)
        return rc;
    struct sample *sample = arena_array(&r->arena, list->count + 1, sizeof(*sample));
    if (sample == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory left");
    size_t n = 0;
    for (const struct tree *t = list->first; t != NULL && rc == RC_OK; t = t->next) {
        rc = sample_parse(group, t, &sample[n], diag);
        if (rc != RC_OK)
            diag_at(diag, "samples[%zu]", n);
        n++;
    }
    *ret = sample;
    *ret_count = n;
    return rc;
}

/* Zeros at the end are not kept. */
static size_t state_room(const struct group_spec *group, const struct store_tick *tick)
{
    const size_t size = group_state_size(group);
    return size > tick->state.len ? size : tick->state.len;
}

static enum rc decide_again(struct replay *r, const struct group_spec *group,
                            const struct store_tick *tick, struct group_state *state,
                            struct diag *diag)
{
    const struct tree *json = NULL;
    struct sample *sample = NULL;
    size_t count = 0;
    struct json_writer w;
    const size_t size = state_room(group, tick);
    memcpy(state, tick->state.ptr, tick->state.len);
    memset((unsigned char *)state + tick->state.len, 0, size - tick->state.len);
    enum rc rc = group_state_check(group, state, size, diag);
    if (rc == RC_OK)
        rc = read_samples(r, group, tick->samples, &sample, &count, diag);
    if (rc == RC_OK)
        rc = json_read(&r->arena, tick->observation, NULL, &json, diag);
    if (rc == RC_OK)
        rc = observation_parse(group, json, &r->observation, diag);
    if (rc != RC_OK)
        return rc;
    observe(group, state, sample, count);
    decide(group, state, &r->observation, r->decision);
    json_init(&w, &r->again);
    json_array(&w);
    for (size_t i = 0; i < group_pool_count(group); i++)
        decision_print(group, i, &r->decision[i], &w);
    json_array_end(&w);
    return r->again.failed ? fail(diag, RC_LIMIT, "the decision is too long to print") : RC_OK;
}

/* The part of a text around the first byte that differs from another. */
static struct span around_difference(struct span text, struct span other)
{
    size_t at = 0;
    while (at < text.len && at < other.len && text.ptr[at] == other.ptr[at])
        at++;
    return span_slice(text, at > 40 ? at - 40 : 0, 120);
}

static void tell_difference(struct replay *r, const struct store_tick *tick)
{
    const struct span was = around_difference(tick->decision, buf_view(&r->again));
    const struct span is = around_difference(buf_view(&r->again), tick->decision);
    buf_printf(&r->what, "decided differently\n  recorded ...%.*s...\n  now      ...%.*s...",
               SPAN_ARG(was), SPAN_ARG(is));
}

static bool on_tick(void *context, const struct store_tick *tick)
{
    struct replay *r = context;
    struct diag diag = {.code = RC_OK};
    const struct group_spec *group = group_of(r, tick, &diag);
    arena_clear(&r->arena);
    buf_clear(&r->again);
    buf_clear(&r->what);
    const char *pool = r->options->pool;
    if (group != NULL && pool != NULL && !holds_pool(group, pool))
        return true;
    struct group_state *state = group == NULL ? NULL : malloc(state_room(group, tick) + 1);
    struct replay_tick seen = {.tick = tick};
    if (group != NULL && state == NULL)
        (void)fail(&diag, RC_NO_MEMORY, "no memory left");
    if (state != NULL && decide_again(r, group, tick, state, &diag) == RC_OK) {
        seen.same = span_equal(buf_view(&r->again), tick->decision);
        seen.group = group;
        seen.observation = &r->observation;
        seen.decision = r->decision;
        seen.state = state;
        if (!seen.same)
            tell_difference(r, tick);
    } else {
        buf_printf(&r->what, "%s%s%s", diag.where, diag.where[0] != '\0' ? ": " : "", diag.text);
    }
    seen.what = buf_cstr(&r->what);
    r->result.passed += seen.same;
    r->result.failed += !seen.same;
    const bool more = r->options->each == NULL || r->options->each(r->options->context, &seen);
    free(state);
    return more;
}

enum rc store_replay(struct store *store, const struct replay_options *options,
                     struct replay_result *ret, struct diag *diag)
{
    struct replay *r = mem_new(1, sizeof(*r));
    if (r == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory left");
    r->store = store;
    r->options = options;
    arena_init(&r->arena, TICK_BYTES_MAX);
    buf_init(&r->again, TICK_BYTES_MAX);
    buf_init(&r->what, 8192);
    const enum rc rc = store_ticks(store, &options->query, on_tick, r, diag);
    if (rc == RC_OK)
        *ret = r->result;
    forget(&r->known);
    arena_done(&r->arena);
    buf_done(&r->again);
    buf_done(&r->what);
    free(r);
    return rc;
}
