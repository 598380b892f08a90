/* fuzz_core.c - the whole core: a configuration, a line "%%", then lines of observations as `sluice
 * decide` reads them. What is taken decides the same bytes twice, within bounds, and its state
 * comes back from text as it was. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/groups.h"
#include "core/group.h"
#include "core/policy.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)
#define INPUT_BYTES_MAX 32768
#define STATE_BYTES_MAX ((size_t)4 << 20)
#define LINES_MAX 200
#define SAVE_EVERY 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct play {
    const struct group_spec *group;
    struct group_state *state;
    struct group_state *copy;
    struct arena arena; /* of one line */
    int64_t now_ns;
};

static void put_samples(struct play *p, const struct tree *list, bool pods)
{
    const struct tree *one = list != NULL && list->kind == TREE_ARRAY ? list->first : NULL;
    for (; one != NULL; one = one->next) {
        struct sample sample;
        struct pod_sample pod;
        if (pods && pod_sample_parse(p->group, one, &pod, NULL) == RC_OK)
            observe_pods(p->group, p->state, &pod, 1);
        else if (!pods && sample_parse(p->group, one, &sample, NULL) == RC_OK)
            observe(p->group, p->state, &sample, 1);
    }
}

static void check_decision(const struct play *p, const struct observation *o, size_t index,
                           const struct decision *d)
{
    const struct pool_spec *pool = group_pool(p->group, index);
    const struct pool_observation *seen = &o->pool[index];
    CHECK(d->desired >= 0 && d->desired <= REPLICAS_MAX);
    CHECK(d->proposal.replicas >= 0 && d->proposal.replicas <= REPLICAS_MAX);
    CHECK(d->trail_count <= TRAIL_MAX);
    if (!pool->exact && seen->pin_count < 0 && seen->paused == 0 && seen->bound_max < 0)
        CHECK(d->desired <= pool->replicas_max); /* R4 */
    struct buf words;
    buf_init(&words, 1 << 20);
    for (uint32_t i = 0; i < d->trail_count; i++)
        trail_words(p->group, index, &d->trail[i], &words);
    CHECK(!words.failed);
    buf_done(&words);
}

/* The state as text and back. */
static void check_state(struct play *p)
{
    struct buf text;
    struct json_writer w;
    const struct tree *json = NULL;
    const size_t size = group_state_size(p->group);
    buf_init(&text, (size_t)64 << 20);
    json_init(&w, &text);
    group_state_print(p->group, p->state, &w);
    CHECK(json_read(&p->arena, buf_view(&text), NULL, &json, NULL) == RC_OK);
    CHECK(group_state_parse(p->group, json, p->copy, NULL) == RC_OK);
    CHECK(memcmp(p->copy, p->state, size) == 0);
    buf_done(&text);
}

static void play_line(struct play *p, struct span line, size_t number)
{
    static struct decision first[POOLS_PER_GROUP_MAX];
    static struct decision second[POOLS_PER_GROUP_MAX];
    const struct tree *json = NULL;
    struct observation o;
    arena_clear(&p->arena);
    if (json_read(&p->arena, line, NULL, &json, NULL) != RC_OK)
        return;
    put_samples(p, tree_get(json, "samples"), false);
    put_samples(p, tree_get(json, "pods"), true);
    const struct tree *observation = tree_get(json, "observation");
    if (observation == NULL || observation_parse(p->group, observation, &o, NULL) != RC_OK)
        return;
    memcpy(p->copy, p->state, group_state_size(p->group));
    memset(second, 0xa5, sizeof(second));
    decide(p->group, p->state, &o, first);
    decide(p->group, p->copy, &o, second);
    CHECK(memcmp(p->state, p->copy, group_state_size(p->group)) == 0);
    for (size_t i = 0; i < group_pool_count(p->group); i++) {
        CHECK(decision_equal(&first[i], &second[i]));
        check_decision(p, &o, i, &first[i]);
    }
    if (number % SAVE_EVERY == 0)
        check_state(p);
}

static void play_group(const struct config_group *from, struct arena *arena, struct span lines)
{
    const struct pool_spec *core[POOLS_PER_GROUP_MAX];
    const int64_t initial[POOLS_PER_GROUP_MAX] = {1, 2, 3, 4};
    struct play p = {.now_ns = 0};
    for (size_t i = 0; i < from->count; i++)
        core[i] = &from->pool[i]->core;
    if (group_compile_kept(arena, from->name, core, from->count, &p.group, NULL) != RC_OK ||
        group_state_size(p.group) > STATE_BYTES_MAX)
        return;
    p.state = malloc(group_state_size(p.group));
    p.copy = malloc(group_state_size(p.group));
    CHECK(p.state != NULL && p.copy != NULL);
    arena_init(&p.arena, (size_t)256 << 20);
    group_state_init(p.group, p.state, 0, initial);
    struct span line;
    for (size_t i = 0; i < LINES_MAX && span_split(&lines, '\n', &line); i++)
        play_line(&p, line, i);
    arena_done(&p.arena);
    free(p.state);
    free(p.copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct env_table none = {.item = NULL};
    const struct span all = span_of(data, size);
    struct problem_list problems;
    struct config_groups groups;
    struct arena arena;
    const char *cut = size > 0 && size <= INPUT_BYTES_MAX ? memmem(data, size, "\n%%\n", 4) : NULL;
    if (cut == NULL)
        return 0;
    const size_t at = (size_t)(cut - all.ptr) + 1;
    problem_list_init(&problems);
    arena_init(&arena, (size_t)256 << 20);
    struct config *config = config_read(data[0] == '{' ? "fuzz.json" : "fuzz.yaml",
                                        span_slice(all, 0, at), &none, &problems);
    if (config != NULL && config_groups_of(config, &arena, &groups, NULL) == RC_OK)
        for (size_t i = 0; i < groups.count; i++)
            play_group(&groups.item[i], &arena, span_slice(all, at + 3, size));
    arena_done(&arena);
    config_free(config);
    problem_list_done(&problems);
    return 0;
}
