/* decide_lines.c - the lines that `sluice decide` reads: samples, pods, an observation and what to
 * go on from; the decision of each is printed at once. */
#include <stdlib.h>
#include <string.h>

#include "cli/decide.h"

#define SAMPLES_PER_LINE_MAX 100000

/* A sample without a time is of the time of its tick. */
static enum rc read_samples(struct decide_lines *l, const struct tree *list, int64_t now_ns,
                            struct diag *diag)
{
    l->sample_count = 0;
    if (list == NULL)
        return RC_OK;
    if (list->kind != TREE_ARRAY || list->count > SAMPLES_PER_LINE_MAX)
        return fail(diag, RC_INVALID, "\"samples\" is an array of at most %d samples, not %s",
                    SAMPLES_PER_LINE_MAX, tree_kind_name(list->kind));
    l->sample = arena_array(&l->arena, list->count + 1, sizeof(*l->sample));
    if (l->sample == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory left");
    for (const struct tree *t = list->first; t != NULL; t = t->next) {
        struct sample *s = &l->sample[l->sample_count];
        const enum rc rc = sample_parse(l->group, t, s, diag);
        if (rc != RC_OK) {
            diag_at(diag, "samples[%zu]", l->sample_count);
            return rc;
        }
        if (tree_get(t, "t") == NULL)
            s->t_ns = now_ns;
        l->sample_count++;
    }
    return RC_OK;
}

static enum rc read_pods(struct decide_lines *l, const struct tree *list, int64_t now_ns,
                         struct diag *diag)
{
    l->pod_count = 0;
    if (list == NULL)
        return RC_OK;
    if (list->kind != TREE_ARRAY || list->count > SAMPLES_PER_LINE_MAX)
        return fail(diag, RC_INVALID, "\"pods\" is an array of at most %d samples, not %s",
                    SAMPLES_PER_LINE_MAX, tree_kind_name(list->kind));
    l->pod = arena_array(&l->arena, list->count + 1, sizeof(*l->pod));
    if (l->pod == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory left");
    for (const struct tree *t = list->first; t != NULL; t = t->next) {
        struct pod_sample *s = &l->pod[l->pod_count];
        const enum rc rc = pod_sample_parse(l->group, t, s, diag);
        if (rc != RC_OK) {
            diag_at(diag, "pods[%zu]", l->pod_count);
            return rc;
        }
        if (tree_get(t, "t") == NULL)
            s->sample.t_ns = now_ns;
        l->pod_count++;
    }
    return RC_OK;
}

static enum rc read_observation(const struct decide_lines *l, const struct tree *json,
                                struct observation *ret, struct diag *diag)
{
    const struct tree *observation = tree_get(json, "observation");
    if (observation == NULL)
        return fail(diag, RC_MISSING, "a line needs an \"observation\"");
    const enum rc rc = observation_parse(l->group, observation, ret, diag);
    if (rc != RC_OK) {
        diag_at(diag, "observation");
        return rc;
    }
    if (tree_get(observation, "nowNs") == NULL)
        ret->now_ns = l->now_ns + DECIDE_TICK_NS;
    if (tree_get(observation, "wallNs") == NULL)
        ret->wall_ns = ret->now_ns;
    return RC_OK;
}

/* State of the first line: as it says, else fresh from the counts that exist. */
static enum rc begin(struct decide_lines *l, const struct tree *json, const struct observation *o,
                     struct diag *diag)
{
    const struct tree *desired = tree_get(json, "desired");
    int64_t initial[POOLS_PER_GROUP_MAX] = {0};
    for (size_t i = 0; i < group_pool_count(l->group); i++) {
        const struct pool_observation *pool = &o->pool[i];
        const struct tree *own = desired;
        initial[i] = pool->actual_count > 0 ? pool->actual_count : pool->ready + pool->pending;
        if (desired != NULL && desired->kind == TREE_OBJECT)
            own = tree_get(desired, group_pool(l->group, i)->name);
        if (own != NULL && !tree_int(own, &initial[i]))
            return fail(diag, RC_INVALID, "\"desired\" is a count, or an object of counts by pool");
    }
    group_state_init(l->group, l->state, o->now_ns, initial);
    return RC_OK;
}

static enum rc decide_line(struct decide_lines *l, struct span text, struct diag *diag)
{
    static struct decision decision[POOLS_PER_GROUP_MAX];
    const struct tree *json = NULL;
    struct observation o;
    arena_clear(&l->arena);
    enum rc rc = json_read(&l->arena, text, NULL, &json, diag);
    if (rc == RC_OK)
        rc = read_observation(l, json, &o, diag);
    if (rc == RC_OK)
        rc = read_samples(l, tree_get(json, "samples"), o.now_ns, diag);
    if (rc == RC_OK)
        rc = read_pods(l, tree_get(json, "pods"), o.now_ns, diag);
    if (rc == RC_OK && tree_get(json, "state") != NULL) {
        rc = group_state_parse(l->group, tree_get(json, "state"), l->state, diag);
        l->started = rc == RC_OK;
        if (rc != RC_OK)
            diag_at(diag, "state");
    } else if (rc == RC_OK && !l->started) {
        rc = begin(l, json, &o, diag);
        l->started = rc == RC_OK;
    }
    if (rc != RC_OK)
        return rc;
    observe(l->group, l->state, l->sample, l->sample_count);
    observe_pods(l->group, l->state, l->pod, l->pod_count);
    decide(l->group, l->state, &o, decision);
    l->now_ns = o.now_ns;
    decide_print(l->options, &(struct decide_tick){
                                 .group = l->group,
                                 .line = l->line,
                                 .observation = &o,
                                 .decision = decision,
                                 .state = l->options->state ? l->state : NULL,
                                 .only_pool = l->only_pool,
                             });
    return RC_OK;
}

static void tell_line(const char *file, int64_t line, const struct diag *diag)
{
    (void)fprintf(stderr, "sluice decide: %s:%lld: %s%s%s\n", file, (long long)line, diag->where,
                  diag->where[0] != '\0' ? ": " : "", diag->text);
}

int decide_lines_read(struct decide_lines *l, const char *file)
{
    FILE *in = strcmp(file, "-") == 0 ? stdin : fopen(file, "r");
    char *text = NULL;
    size_t cap = 0;
    ssize_t len = 0;
    int code = EXIT_OK;
    if (in == NULL) {
        (void)fprintf(stderr, "sluice decide: %s cannot be opened\n", file);
        return EXIT_FAILED;
    }
    while ((len = getline(&text, &cap, in)) >= 0) {
        struct diag diag = {.code = RC_OK};
        const struct span line = span_trim(span_of(text, (size_t)len));
        l->line++;
        if (line.len == 0 || line.ptr[0] == '\n' || line.ptr[0] == '#')
            continue;
        if (decide_line(l, line, &diag) == RC_OK)
            continue;
        tell_line(strcmp(file, "-") == 0 ? "standard input" : file, l->line, &diag);
        code = EXIT_FAILED;
    }
    free(text);
    if (in != stdin)
        (void)fclose(in); /* it was only read */
    return code;
}
