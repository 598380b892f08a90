/* trajectory.c - drives one exact pool through compile, observe and decide. */
#include "trajectory.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/duration.h"
#include "base/limits.h"

#define SCRATCH_BYTES_MAX ((size_t)64 << 20)

static bool out_of_memory(struct trajectory *t)
{
    buf_text(t->why, "out of memory");
    return false;
}

static bool told(struct trajectory *t, const char *what, const struct diag *diag)
{
    buf_printf(t->why, "%s: %s: %s", what, diag->where, diag->text);
    return false;
}

const char *way_words(enum way way)
{
    static const char *const words[WAY_COUNT] = {
        [WAY_STRAIGHT] = "",
        [WAY_SAVED] = " (with save and load)",
        [WAY_LIBRARY] = " (through libsluice)",
    };
    return words[way];
}

bool trajectory_init(struct trajectory *t, struct arena *arena, const char *policy, enum way way,
                     struct buf *why)
{
    *t = (struct trajectory){.arena = arena, .way = way, .library = {.why = why}, .why = why};
    arena_init(&t->scratch, SCRATCH_BYTES_MAX);
    pool_spec_defaults(&t->pool);
    memcpy(t->pool.name, "peer", sizeof("peer"));
    t->pool.policy = policy_find(span_from(policy));
    if (t->pool.policy == NULL) {
        buf_printf(why, "there is no policy %s", policy);
        return false;
    }
    t->pool.exact = true;
    t->pool.replicas_min = 0;
    t->pool.replicas_max = REPLICAS_MAX;
    void *config = arena_alloc(arena, t->pool.policy->config_size);
    if (config == NULL)
        return out_of_memory(t);
    opt_defaults(t->pool.policy->options, t->pool.policy->option_count, config);
    t->pool.policy_config = config;
    observation_defaults(&t->o);
    return true;
}

void trajectory_done(struct trajectory *t)
{
    through_library_done(&t->library);
    arena_done(&t->scratch);
}

void *trajectory_config(struct trajectory *t)
{
    void *copy = arena_alloc(t->arena, t->pool.policy->config_size);
    if (copy == NULL)
        return NULL;
    memcpy(copy, t->pool.policy_config, t->pool.policy->config_size);
    t->pool.policy_config = copy;
    return copy;
}

static size_t pools_of(const struct trajectory *t, struct pool_spec ret[2])
{
    ret[0] = t->pool;
    ret[1] = t->partner;
    return t->partner.name[0] != '\0' ? 2 : 1;
}

static bool compile(struct trajectory *t)
{
    struct diag diag = {.code = RC_OK};
    struct pool_spec pools[2];
    const size_t count = pools_of(t, pools);
    if (group_compile(t->arena, "peer", pools, count, &t->group, &diag) != RC_OK)
        return told(t, "the pool is refused", &diag);
    return true;
}

bool trajectory_start(struct trajectory *t, int64_t now_ns, int64_t count)
{
    if (!compile(t))
        return false;
    t->state = arena_alloc(t->arena, group_state_size(t->group));
    if (t->state == NULL)
        return out_of_memory(t);
    group_state_init(t->group, t->state, now_ns, (int64_t[2]){count, count});
    struct pool_spec pools[2];
    const size_t pool_count = pools_of(t, pools);
    return t->way != WAY_LIBRARY ||
           through_library_start(&t->library, pools, pool_count, now_ns, count);
}

void trajectory_pair(struct trajectory *t, int role, int partner_role)
{
    t->partner = t->pool;
    memcpy(t->partner.name, "partner", sizeof("partner"));
    t->pool.role = role;
    t->partner.role = partner_role;
}

bool trajectory_change(struct trajectory *t, int64_t now_ns)
{
    const struct group_spec *old = t->group;
    const struct group_state *old_state = t->state;
    if (!compile(t))
        return false;
    t->state = arena_alloc(t->arena, group_state_size(t->group));
    if (t->state == NULL)
        return out_of_memory(t);
    group_reshape(old, old_state, t->group, t->state, now_ns);
    struct pool_spec pools[2];
    const size_t pool_count = pools_of(t, pools);
    return t->way != WAY_LIBRARY || through_library_change(&t->library, pools, pool_count, now_ns);
}

void trajectory_put(struct trajectory *t, int64_t t_ns, enum signal_id signal, const char *external,
                    enum signal_state state, double value)
{
    const int index = external ? group_external_index(t->group, span_from(external)) : 0;
    struct sample sample = {
        .t_ns = t_ns,
        .signal = (uint16_t)signal,
        .external = (uint16_t)index,
        .state = (uint8_t)state,
        .value = value,
        .weight = 1,
    };
    for (; index >= 0 && sample.pool < group_pool_count(t->group); sample.pool++) {
        observe(t->group, t->state, &sample, 1);
        if (t->way == WAY_LIBRARY)
            through_library_put(&t->library, &sample, external);
    }
}

void trajectory_put_pod(struct trajectory *t, const char *external, const struct pod_sample *pod)
{
    observe_pods(t->group, t->state, pod, 1);
    if (t->way == WAY_LIBRARY)
        through_library_put_pod(&t->library, pod, external);
}

/* The state as a file would hold it, and back: the bytes must be the same. */
static bool save_and_load(struct trajectory *t)
{
    struct diag diag = {.code = RC_OK};
    struct buf text;
    struct json_writer writer;
    const struct tree *json = NULL;
    const size_t size = group_state_size(t->group);
    struct group_state *again = arena_alloc(&t->scratch, size);
    buf_init(&text, SCRATCH_BYTES_MAX);
    json_init(&writer, &text);
    group_state_print(t->group, t->state, &writer);
    bool good = again != NULL &&
                json_read(&t->scratch, buf_view(&text), NULL, &json, &diag) == RC_OK &&
                group_state_parse(t->group, json, again, &diag) == RC_OK &&
                group_state_check(t->group, again, size, &diag) == RC_OK;
    if (!good)
        (void)told(t, "the state is not read again", &diag);
    else if (memcmp(again, t->state, size) != 0) {
        buf_text(t->why, "the state that is read is not the one that was written");
        good = false;
    } else {
        memcpy(t->state, again, size);
    }
    buf_done(&text);
    arena_clear(&t->scratch);
    return good;
}

bool trajectory_decide_as(struct trajectory *t, int64_t now_ns, enum tick_cause cause)
{
    struct decision decisions[2];
    if (t->way == WAY_SAVED && !save_and_load(t))
        return false;
    t->o.now_ns = now_ns;
    t->o.wall_ns = now_ns;
    t->o.cause = (uint8_t)cause;
    decide(t->group, t->state, &t->o, decisions);
    t->d = decisions[0];
    if (t->partner.name[0] != '\0')
        t->partner_d = decisions[1];
    return t->way != WAY_LIBRARY || through_library_decide(&t->library, t->group, &t->o, decisions);
}

bool trajectory_decide(struct trajectory *t, int64_t now_ns)
{
    return trajectory_decide_as(t, now_ns, TICK_REPLICA);
}

const void *trajectory_state(const struct trajectory *t)
{
    return group_policy_state(t->group, t->state, 0);
}

/* ---- reading vectors ---- */

double number_of_member(const struct tree *object, const char *key, double otherwise)
{
    double value = otherwise;
    (void)tree_number(tree_get(object, key), &value); /* left alone when it is missing */
    return value;
}

int64_t int_of_member(const struct tree *object, const char *key, int64_t otherwise)
{
    int64_t value = otherwise;
    (void)tree_int(tree_get(object, key), &value); /* left alone when it is missing */
    return value;
}

bool bool_of_member(const struct tree *object, const char *key)
{
    bool value = false;
    (void)tree_bool(tree_get(object, key), &value); /* left alone when it is missing */
    return value;
}

bool text_is(const struct tree *object, const char *key, const char *text)
{
    struct span found;
    return tree_string(tree_get(object, key), &found) && span_equal_text(found, text);
}

int64_t time_of(int64_t epoch_ms, int64_t t_ms)
{
    return (epoch_ms + t_ms) * MILLISECOND_NS;
}

bool same_int(struct buf *why, size_t step, const char *what, int64_t found, int64_t expected)
{
    if (found == expected)
        return true;
    buf_printf(why, "step %zu: %s is %" PRId64 ", not %" PRId64, step, what, found, expected);
    return false;
}

bool same_number(struct buf *why, size_t step, const char *what, double found, double expected,
                 double tolerance)
{
    if (found == expected || fabs(found - expected) <= tolerance * fabs(expected))
        return true;
    buf_printf(why, "step %zu: %s is %.17g, not %.17g", step, what, found, expected);
    return false;
}
