/* through_library.c - drives libsluice beside the core. The configuration is written from the
 * option tables, so that every value takes the way that a person's value takes. */
#include "through_library.h"

#include <math.h>
#include <string.h>

#include <sluice/sluice.h>

#include "base/duration.h"
#include "core/policy.h"

#define TEXT_BYTES_MAX ((size_t)64 << 20)
#define NAME_BYTES_MAX 160

/* ---- a configuration in words ---- */

static void write_options(struct json_writer *w, const struct opt *rows, size_t count,
                          const void *base);

static void write_list(struct json_writer *w, const struct opt *row, const void *base)
{
    size_t count = 0;
    const char *element = opt_elements(row, base);
    memcpy(&count, (const char *)base + row->count_offset, sizeof(count));
    json_key(w, row->name);
    json_array(w);
    for (size_t i = 0; i < count; i++) {
        json_object(w);
        write_options(w, row->sub, row->sub_count, element + i * row->size);
        json_object_end(w);
    }
    json_array_end(w);
}

static void write_number(struct json_writer *w, const struct opt *row, const void *at)
{
    double value = 0;
    memcpy(&value, at, sizeof(value));
    if (!isnan(value))
        json_member_number(w, row->name, value);
}

static void write_whole(struct json_writer *w, const struct opt *row, const void *at)
{
    int64_t value = 0;
    char text[DURATION_TEXT_MAX];
    memcpy(&value, at, sizeof(value));
    if (row->kind == OPT_INT) {
        json_member_int(w, row->name, value);
        return;
    }
    (void)duration_print(value, text);
    json_member_text(w, row->name, text);
}

static void write_choice(struct json_writer *w, const struct opt *row, const void *at)
{
    int value = 0;
    memcpy(&value, at, sizeof(value));
    for (const struct opt_choice *c = row->choices; c->name != NULL; c++)
        if (c->value == value)
            json_member_text(w, row->name, c->name);
}

static void write_option(struct json_writer *w, const struct opt *row, const void *base)
{
    const void *at = (const char *)base + row->offset;
    switch (row->kind) {
    case OPT_BOOL:
        json_member_bool(w, row->name, *(const bool *)at);
        return;
    case OPT_INT:
    case OPT_DURATION:
        write_whole(w, row, at);
        return;
    case OPT_NUMBER:
    case OPT_QUANTITY:
        write_number(w, row, at);
        return;
    case OPT_TEXT:
        if (((const char *)at)[0] != '\0')
            json_member_text(w, row->name, at);
        return;
    case OPT_ENUM:
        write_choice(w, row, at);
        return;
    case OPT_STRUCT:
        json_key(w, row->name);
        json_object(w);
        write_options(w, row->sub, row->sub_count, at);
        json_object_end(w);
        return;
    case OPT_LIST:
        write_list(w, row, base);
        return;
    case OPT_TEXTS:
    case OPT_TREE:
        return; /* no policy has one */
    }
}

static void write_options(struct json_writer *w, const struct opt *rows, size_t count,
                          const void *base)
{
    for (size_t i = 0; i < count; i++)
        write_option(w, &rows[i], base);
}

static void write_pool(struct json_writer *w, const struct pool_spec *pool, bool grouped)
{
    json_key(w, pool->name);
    json_object(w);
    json_key(w, "target");
    json_object(w);
    json_key(w, "process");
    json_object(w);
    json_member_text(w, "command", "none {port}");
    json_object_end(w);
    json_object_end(w);
    json_member_int(w, "minReplicas", pool->replicas_min);
    json_member_int(w, "maxReplicas", pool->replicas_max);
    if (grouped)
        json_member_text(w, "group", "pair");
    for (const struct opt_choice *c = role_choices; c->name != NULL; c++)
        if (c->value == pool->role)
            json_member_text(w, "role", c->name);
    json_key(w, "autoscaling");
    json_object(w);
    json_member_text(w, "policy", pool->policy->name);
    json_member_bool(w, "exact", pool->exact);
    json_key(w, pool->policy->name);
    json_object(w);
    write_options(w, pool->policy->options, pool->policy->option_count, pool->policy_config);
    json_object_end(w);
    json_object_end(w);
    json_object_end(w);
}

static void write_pools(struct buf *text, const struct pool_spec *pools, size_t count)
{
    struct json_writer w;
    json_init(&w, text);
    json_object(&w);
    json_key(&w, "pools");
    json_object(&w);
    for (size_t i = 0; i < count; i++)
        write_pool(&w, &pools[i], count > 1);
    json_object_end(&w);
    json_object_end(&w);
}

static bool told(struct through_library *t, const struct sluice_error *error)
{
    buf_printf(t->why, "libsluice: %s: %s", error->where, error->text);
    return false;
}

bool through_library_start(struct through_library *t, const struct pool_spec *pools, size_t count,
                           int64_t now_ns, int64_t replicas)
{
    struct sluice_error error = SLUICE_INIT(struct sluice_error);
    struct buf text;
    buf_init(&text, TEXT_BYTES_MAX);
    write_pools(&text, pools, count);
    t->handle = sluice_open("vector.json", text.ptr, text.len, &error);
    const bool good = t->handle != NULL || told(t, &error);
    if (good)
        sluice_start(t->handle, now_ns, (int64_t[2]){replicas, replicas});
    buf_done(&text);
    return good;
}

bool through_library_change(struct through_library *t, const struct pool_spec *pools, size_t count,
                            int64_t now_ns)
{
    struct sluice_error error = SLUICE_INIT(struct sluice_error);
    struct buf text;
    buf_init(&text, TEXT_BYTES_MAX);
    write_pools(&text, pools, count);
    const bool good =
        sluice_reload(t->handle, "vector.json", text.ptr, text.len, now_ns, &error) == 0 ||
        told(t, &error);
    buf_done(&text);
    return good;
}

void through_library_done(struct through_library *t)
{
    sluice_close(t->handle);
    t->handle = NULL;
}

/* ---- what is measured ---- */

static int64_t signal_of(const struct through_library *t, const struct sample *sample,
                         const char *external)
{
    struct signal_ref ref = {.id = (enum signal_id)sample->signal};
    char name[NAME_BYTES_MAX];
    if (external != NULL)
        (void)span_copy(span_from(external), ref.external, sizeof(ref.external)); /* short ones */
    signal_print(&ref, name, sizeof(name));
    return sluice_signal_find(t->handle, sample->pool, name);
}

void through_library_put(struct through_library *t, const struct sample *sample,
                         const char *external)
{
    struct sluice_sample s = SLUICE_INIT(struct sluice_sample);
    s.pool = sample->pool;
    s.state = sample->state;
    s.signal = signal_of(t, sample, external);
    s.t_ns = sample->t_ns;
    s.value = sample->value;
    s.weight = sample->weight;
    s.covered = sample->covered;
    s.expected = sample->expected;
    (void)sluice_observe(t->handle, &s, 1); /* one that nobody reads is not taken */
}

void through_library_put_pod(struct through_library *t, const struct pod_sample *pod,
                             const char *external)
{
    struct sluice_pod s = SLUICE_INIT(struct sluice_pod);
    s.pool = pod->sample.pool;
    s.state = pod->sample.state;
    s.signal = signal_of(t, &pod->sample, external);
    s.t_ns = pod->sample.t_ns;
    s.value = pod->sample.value;
    s.measured_ns = pod->measured_ns;
    s.window_ns = pod->window_ns;
    s.ready_since_ns = pod->ready_since_ns;
    s.started_ns = pod->started_ns;
    s.request = pod->request;
    s.phase = pod->phase;
    s.readiness = pod->readiness;
    s.leaving = pod->leaving;
    (void)sluice_observe_pods(t->handle, &s, 1); /* as above */
}

/* ---- decisions ---- */

/* What trajectories set of an observation; the rest has its default. */
static void world_of(const struct pool_observation *o, struct sluice_world *ret)
{
    *ret = (struct sluice_world)SLUICE_INIT(struct sluice_world);
    sluice_world_init(ret);
    ret->ready = o->ready;
    ret->pending = o->pending;
    ret->blocked = o->blocked;
    ret->busy = o->busy;
    ret->actual = o->actual_count;
    ret->counts_state = o->counts_state;
    ret->waiting_state = o->waiting_state;
    ret->waiting_requests = o->waiting_requests;
    ret->waiting_tokens = o->waiting_tokens;
    ret->in_flight_requests = o->in_flight_requests;
    ret->idle_ns = o->idle_ns;
    ret->foreign = o->foreign_count;
    ret->bound_min = o->bound_min;
    ret->bound_max = o->bound_max;
}

static bool same_decision(struct through_library *t, const struct group_spec *group, size_t pool,
                          const struct decision *expected)
{
    static char found[1 << 20];
    struct buf text;
    struct json_writer w;
    buf_init(&text, TEXT_BYTES_MAX);
    json_init(&w, &text);
    decision_print(group, pool, expected, &w);
    const size_t length = sluice_decision_text(t->handle, pool, found, sizeof(found));
    const bool same = length == text.len && memcmp(found, text.ptr, length) == 0;
    if (!same)
        buf_printf(t->why, "through libsluice: %.*s, not %.*s", (int)length, found, (int)text.len,
                   text.ptr);
    buf_done(&text);
    return same;
}

bool through_library_decide(struct through_library *t, const struct group_spec *group,
                            const struct observation *o, const struct decision *expected)
{
    struct sluice_tick tick = SLUICE_INIT(struct sluice_tick);
    struct sluice_world world[POOLS_PER_GROUP_MAX];
    struct sluice_decision decision[POOLS_PER_GROUP_MAX];
    tick.now_ns = o->now_ns;
    tick.wall_ns = o->wall_ns;
    tick.cause = o->cause;
    for (size_t i = 0; i < group_pool_count(group); i++) {
        world_of(&o->pool[i], &world[i]);
        decision[i] = (struct sluice_decision)SLUICE_INIT(struct sluice_decision);
    }
    if (sluice_decide(t->handle, &tick, world, decision) != 0)
        return false;
    for (size_t i = 0; i < group_pool_count(group); i++)
        if (!same_decision(t, group, i, &expected[i]) || decision[i].desired != expected[i].desired)
            return false;
    return true;
}
