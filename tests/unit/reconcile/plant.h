/* plant.h - a whole installation for tests, under virtual time: pools whose policy says what the
 * test wants, targets that start slowly, crash or refuse, gateways that answer or are silent.
 *
 * Everything that the control step says is carried out at once; what comes back comes in a later
 * step of the loop. Rules that hold at any time are checked at each action. Included by each test
 * once. */
#ifndef SLUICE_TEST_RECONCILE_PLANT_H
#define SLUICE_TEST_RECONCILE_PLANT_H

#include "../core/world.h"

#include "base/mem.h"
#include "base/rng.h"
#include "reconcile/reconcile.h"

#define PLANT_POOLS 8
#define PLANT_BODIES 4096
#define PLANT_GATEWAYS 3
#define PLANT_T0 (1000 * SECOND_NS)

/* A replica as its target has it. */
struct body {
    uint64_t id;
    size_t pool;
    bool alive;
    bool ready;
    bool told_ready;
    bool unready;
    bool stopping;
    int64_t started_ns;
    int64_t ready_ns; /* INT64_MAX = never */
    int64_t end_ns;   /* INT64_MAX = goes on */
    enum news_kind end;
    uint16_t class_;
    bool forgotten; /* its pool is not configured any more */
    int64_t drain_told_ns;
};

struct plant_gateway {
    bool up;
    bool silent;
    uint64_t generation;
    struct {
        uint64_t id;
        size_t pool;
        bool draining;
        uint64_t drain; /* generation it was told to drain at; 0 = not */
        bool confirmed;
        int64_t in_flight;
        int64_t tokens;
    } route[PLANT_BODIES];
    size_t route_count;
    int64_t waiting[PLANT_POOLS];
    int64_t excess[PLANT_POOLS]; /* of those and of the arrived ones: no demand */
    int64_t idle_ns[PLANT_POOLS];
    double arrived[PLANT_POOLS];
};

struct plant {
    struct arena arena;
    struct pool_spec pool[PLANT_POOLS];
    struct probe_config policy[PLANT_POOLS];
    struct reconcile_pool target[PLANT_POOLS];
    struct reconcile_group group[PLANT_POOLS];
    size_t pool_count;
    size_t together; /* this many first pools make one group; the others are alone */
    struct reconcile_spec spec;
    struct reconcile *r;
    int64_t now_ns;
    int64_t wall_offset_ns;

    /* behaviour of the targets, by pool */
    int64_t startup_ns[PLANT_POOLS];
    int64_t stop_ns[PLANT_POOLS];
    int64_t crash_after_ns[PLANT_POOLS]; /* a start fails after this; INT64_MAX = it does not */
    bool refuse[PLANT_POOLS];
    uint32_t refused_classes; /* bit i: no place in class i, in any pool */
    uint32_t failing_classes; /* bit i: what is started in class i ends after a second */
    struct body body[PLANT_BODIES];
    size_t body_count;

    struct plant_gateway gateway[PLANT_GATEWAYS];
    struct route_pool routed[PLANT_POOLS]; /* of the newest routes, without their replicas */
    bool ask_pending[PLANT_GATEWAYS][PLANT_POOLS];
    struct gateway_snapshot snapshot;

    size_t starts;
    size_t stops;
    size_t killed; /* stops that were told the hard way */
    size_t records;
    size_t tells;
    size_t limits_told;
    struct pool_limits limits; /* newest */
    char model[TEXT_SIZE];     /* first of the newest routes */
    uint64_t hash;             /* of all actions */
    char notes[4096][32];
    size_t note_count;
    char last_text[TEXT_SIZE];
    struct tick_record record; /* newest; `before` is gone with its action */
    struct sample *sample;     /* those of the record */
    size_t sample_cap;
    void (*on_record)(struct plant *plant, const struct tick_record *record);
    void *user;
    void (*on_action)(struct plant *plant, const struct action *action);
    bool hurried; /* a second shutdown: nobody is asked any more */
};

/* ---- making ---- */

static inline struct plant *plant_new(void)
{
    struct plant *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    arena_init(&p->arena, 256U << 20);
    p->now_ns = PLANT_T0;
    p->wall_offset_ns = WORLD_WALL;
    p->gateway[0].up = true;
    p->spec.cost_per_hour = (double)INFINITY;
    return p;
}

/* A routed pool of 0 to 100 replicas that start in 5 s; change it before plant_start(). */
static inline size_t plant_pool(struct plant *p, const char *name)
{
    const size_t i = p->pool_count++;
    pool_spec_defaults(&p->pool[i]);
    (void)snprintf(p->pool[i].name, sizeof(p->pool[i].name), "%s", name);
    p->pool[i].replicas_min = 0;
    p->pool[i].replicas_max = 100;
    p->pool[i].policy = &probe;
    p->policy[i] = (struct probe_config){.exact = NAN, .period_ns = 2 * SECOND_NS};
    p->pool[i].policy_config = &p->policy[i];
    p->pool[i].behavior.down.stabilization_ns = 0;
    p->pool[i].last_replica = (struct last_replica_spec){0};
    p->target[i] = (struct reconcile_pool){
        .target_hash = 1,
        .routed = true,
        .price_each = NAN,
        .ready_timeout_ns = 60 * SECOND_NS,
        .drain_timeout_ns = 30 * SECOND_NS,
        .backoff_min_ns = SECOND_NS,
        .backoff_max_ns = 16 * SECOND_NS,
    };
    memcpy(p->target[i].name, p->pool[i].name, sizeof(p->target[i].name));
    p->startup_ns[i] = 5 * SECOND_NS;
    p->stop_ns[i] = SECOND_NS / 2;
    p->crash_after_ns[i] = INT64_MAX;
    return i;
}

static inline void plant_compile(struct plant *p)
{
    struct diag diag = {0};
    size_t next = 0;
    p->spec.group_count = 0;
    struct reconcile_group *groups = arena_array(&p->arena, PLANT_POOLS, sizeof(*groups));
    struct reconcile_pool *targets = arena_array(&p->arena, PLANT_POOLS, sizeof(*targets));
    memcpy(targets, p->target, sizeof(p->target));
    while (next < p->pool_count) {
        const size_t n = next == 0 && p->together > 1 ? p->together : 1;
        struct reconcile_group *group = &groups[p->spec.group_count++];
        if (group_compile(&p->arena, p->pool[next].name, &p->pool[next], n, &group->group, &diag) !=
            RC_OK)
            world_stop(&diag);
        group->pool = &targets[next];
        next += n;
    }
    p->spec.group = groups;
}

static inline int64_t plant_wall(const struct plant *p)
{
    return p->now_ns + p->wall_offset_ns;
}

static inline enum rc plant_try(struct plant *p, const struct event *event)
{
    struct diag diag = {0};
    const enum rc rc = reconcile_event(p->r, event, p->now_ns, plant_wall(p), &diag);
    assert_int_equal(rc == RC_OK, diag.text[0] == '\0');
    return rc;
}

static inline void plant_event(struct plant *p, const struct event *event)
{
    struct diag diag = {0};
    if (reconcile_event(p->r, event, p->now_ns, plant_wall(p), &diag) != RC_OK)
        world_stop(&diag);
}

static inline struct body *plant_body(struct plant *p, uint64_t id)
{
    for (size_t i = 0; i < p->body_count; i++)
        if (p->body[i].id == id)
            return &p->body[i];
    return NULL;
}

static inline enum rc plant_news(struct plant *p, const struct body *body, enum news_kind kind)
{
    struct replica_news news = {
        .kind = kind,
        .replica = body->id,
        .class_ = body->class_,
        .phase = PHASE_LOADING,
        .ready = body->ready,
        .target_hash = p->target[body->pool].target_hash,
        .port = (uint16_t)(1000 + body->id % 60000),
    };
    memcpy(news.pool, p->target[body->pool].name, sizeof(news.pool));
    strcpy(news.host, "127.0.0.1");
    strcpy(news.text, "said by the test");
    const struct event event = {.kind = EVENT_NEWS, .news = &news};
    return plant_try(p, &event);
}

/* An engine that ran before the control step was there; it has the hash given. */
static inline void plant_found(struct plant *p, size_t pool, uint64_t id, bool ready, uint64_t hash)
{
    struct body *body = &p->body[p->body_count++];
    *body = (struct body){.id = id,
                          .pool = pool,
                          .alive = true,
                          .ready = ready,
                          .told_ready = ready,
                          .ready_ns = ready ? p->now_ns : p->now_ns + p->startup_ns[pool],
                          .end_ns = INT64_MAX};
    const uint64_t own = p->target[pool].target_hash;
    p->target[pool].target_hash = hash;
    assert_int_equal(plant_news(p, body, NEWS_FOUND), RC_OK);
    p->target[pool].target_hash = own;
}

static inline void plant_gateway_up(struct plant *p, uint16_t gateway, bool up)
{
    p->gateway[gateway].up = up;
    const struct event event = {.kind = EVENT_GATEWAY, .gateway = gateway, .up = up};
    plant_event(p, &event);
}

static inline void plant_create(struct plant *p)
{
    plant_compile(p);
    p->r = reconcile_new(&p->spec, 1);
    assert_non_null(p->r);
    for (uint16_t g = 0; g < PLANT_GATEWAYS; g++)
        if (p->gateway[g].up)
            plant_gateway_up(p, g, true);
}

static inline void plant_scanned(struct plant *p)
{
    const struct event scanned = {.kind = EVENT_SCANNED, .pool = ""};
    plant_event(p, &scanned);
    for (size_t i = 0; i < p->spec.group_count; i++) {
        const struct event source = {.kind = EVENT_SOURCE, .group = i, .up = true};
        plant_event(p, &source);
    }
}

static inline void plant_start(struct plant *p)
{
    plant_create(p);
    plant_scanned(p);
}

static inline void plant_free(struct plant *p)
{
    reconcile_free(p->r);
    arena_done(&p->arena);
    free(p->sample);
    free(p);
}

/* ---- reading ---- */

static inline struct pool_status plant_status(const struct plant *p, size_t pool)
{
    struct pool_status status;
    reconcile_pool_status(p->r, pool, &status);
    return status;
}

static inline int64_t plant_count(const struct plant *p, size_t pool, enum replica_state state)
{
    return plant_status(p, pool).count[state];
}

static inline bool plant_noted(const struct plant *p, const char *code)
{
    for (size_t i = 0; i < p->note_count && i < COUNT_OF(p->notes); i++)
        if (strcmp(p->notes[i], code) == 0)
            return true;
    return false;
}

static inline size_t plant_alive(const struct plant *p, size_t pool)
{
    size_t n = 0;
    for (size_t i = 0; i < p->body_count; i++)
        n += p->body[i].alive && !p->body[i].forgotten && p->body[i].pool == pool ? 1 : 0;
    return n;
}

/* ---- carrying out ---- */

static inline void plant_act_start(struct plant *p, const struct action *a)
{
    assert_true(p->body_count < PLANT_BODIES);
    assert_true(a->pool < p->pool_count);
    assert_null(plant_body(p, a->replica)); /* an id is started once */
    assert_int_equal(reconcile_replica(p->r, a->replica)->state, REPLICA_STARTING);
    struct body *body = &p->body[p->body_count++];
    *body = (struct body){.id = a->replica,
                          .pool = a->pool,
                          .alive = true,
                          .started_ns = p->now_ns,
                          .ready_ns = p->startup_ns[a->pool] == INT64_MAX
                                          ? INT64_MAX
                                          : p->now_ns + p->startup_ns[a->pool],
                          .end_ns = INT64_MAX,
                          .class_ = a->class_};
    if (p->refuse[a->pool] || (p->refused_classes >> a->class_ & 1) != 0) {
        body->end_ns = p->now_ns;
        body->end = NEWS_REFUSED;
    } else if (p->crash_after_ns[a->pool] != INT64_MAX ||
               (p->failing_classes >> a->class_ & 1) != 0) {
        body->end_ns =
            p->now_ns +
            (p->crash_after_ns[a->pool] == INT64_MAX ? SECOND_NS : p->crash_after_ns[a->pool]);
        body->end = NEWS_FAILED;
    }
    p->starts++;
}

/* Two-phase: nobody routes to it any more, or its time to drain is over. */
static inline void plant_act_stop(struct plant *p, const struct action *a)
{
    struct body *body = plant_body(p, a->replica);
    assert_non_null(body);
    const bool late = body->drain_told_ns != 0 &&
                      p->now_ns - body->drain_told_ns >= p->target[body->pool].drain_timeout_ns;
    for (size_t g = 0; g < PLANT_GATEWAYS; g++)
        for (size_t i = 0; i < p->gateway[g].route_count; i++)
            if (p->gateway[g].up && p->gateway[g].route[i].id == a->replica && !p->hurried) {
                assert_true(p->gateway[g].route[i].draining);
                assert_true(late || p->gateway[g].route[i].confirmed);
            }
    p->stops++;
    p->killed += a->kill ? 1 : 0;
    body->stopping = true;
    if (body->alive && (body->end_ns == INT64_MAX || a->kill)) {
        body->end_ns = p->now_ns + (a->kill ? 0 : p->stop_ns[body->pool]);
        body->end = NEWS_GONE;
    }
}

static inline void plant_routes(struct plant *p, const struct routes *routes, size_t gateway)
{
    struct plant_gateway *g = &p->gateway[gateway];
    assert_true(routes->generation > g->generation);
    struct plant_gateway old = *g;
    g->generation = routes->generation;
    g->route_count = 0;
    assert_true(routes->pool_count <= PLANT_POOLS);
    for (size_t i = 0; i < routes->pool_count; i++)
        for (size_t k = 0; k < routes->pool[i].replica_count; k++) {
            const struct route_replica *replica = &routes->pool[i].replica[k];
            const struct body *body = plant_body(p, replica->id);
            assert_non_null(body);
            assert_false(body->stopping); /* never both routed and stopped */
            const size_t at = g->route_count++;
            memset(&g->route[at], 0, sizeof(g->route[at]));
            g->route[at].id = replica->id;
            g->route[at].pool = i;
            g->route[at].draining = replica->draining;
            for (size_t j = 0; j < old.route_count; j++)
                if (old.route[j].id == replica->id) {
                    g->route[at].in_flight = old.route[j].in_flight;
                    g->route[at].tokens = old.route[j].tokens;
                    g->route[at].drain = old.route[j].drain;
                    g->route[at].confirmed = old.route[j].confirmed;
                }
        }
}

static inline void plant_act_tell(struct plant *p, const struct message *m)
{
    struct body *body = plant_body(p, m->replica);
    if (m->kind == MESSAGE_DRAIN && body != NULL && body->drain_told_ns == 0)
        body->drain_told_ns = p->now_ns;
    if (m->kind == MESSAGE_UNDRAIN && body != NULL)
        body->drain_told_ns = 0;
    p->tells++;
    if (m->kind == MESSAGE_LIMITS) {
        p->limits_told++;
        p->limits = m->limits;
    }
    if (m->kind == MESSAGE_ROUTES && m->routes->model_count > 0)
        memcpy(p->model, m->routes->model[0].name, sizeof(p->model));
    for (size_t i = 0; m->kind == MESSAGE_ROUTES && i < m->routes->pool_count; i++)
        p->routed[i] = m->routes->pool[i];
    for (size_t g = 0; g < PLANT_GATEWAYS; g++) {
        struct plant_gateway *gateway = &p->gateway[g];
        if (!gateway->up)
            continue;
        if (m->kind == MESSAGE_ROUTES)
            plant_routes(p, m->routes, g);
        if (m->kind == MESSAGE_ASK)
            for (size_t i = 0; i < p->pool_count; i++)
                if (m->pool == MESSAGE_POOLS || m->pool == i)
                    p->ask_pending[g][i] = true;
        for (size_t i = 0; i < gateway->route_count; i++)
            if (gateway->route[i].id == m->replica) {
                if (m->kind != MESSAGE_DRAIN && m->kind != MESSAGE_UNDRAIN)
                    continue;
                gateway->route[i].drain = m->kind == MESSAGE_DRAIN ? m->generation : 0;
                gateway->route[i].confirmed = false;
            }
    }
}

static inline void plant_keep_record(struct plant *p, const struct tick_record *record)
{
    void *sample = p->sample;
    const size_t n = record->sample_count;
    assert_int_equal(mem_grow(&sample, &p->sample_cap, n > 0 ? n : 1, sizeof(*p->sample), SIZE_MAX),
                     RC_OK);
    p->sample = sample;
    if (n > 0)
        memcpy(p->sample, record->samples, n * sizeof(*p->sample));
    p->record = *record;
    p->record.before = (struct span){0};
    p->record.samples = p->sample;
}

/* R17: what stands in a record is all that is needed to work its decision out again. */
static inline void plant_recompute(const struct tick_record *record)
{
    struct decision decision[POOLS_PER_GROUP_MAX];
    struct group_state *state = malloc(record->before.len);
    assert_non_null(state);
    memcpy(state, record->before.ptr, record->before.len);
    observe(record->spec, state, record->samples, record->sample_count);
    decide(record->spec, state, record->observation, decision);
    for (size_t i = 0; i < group_pool_count(record->spec); i++)
        assert_true(decision_equal(&decision[i], &record->decision[i]));
    const struct group_state *after = (const void *)record->after.ptr;
    bool corrected = false; /* by what was granted */
    for (size_t i = 0; i < group_pool_count(record->spec); i++)
        corrected |= group_desired(record->spec, after, i) != decision[i].desired;
    if (!corrected)
        assert_memory_equal(state, after, record->after.len);
    free(state);
}

static inline void plant_act(struct plant *p, const struct action *a)
{
    const uint64_t numbers[] = {(uint64_t)a->kind, (uint64_t)a->pool, a->replica,
                                a->class_,         a->kill ? 1 : 0,   (uint64_t)p->now_ns};
    p->hash = hash_bytes(p->hash, numbers, sizeof(numbers));
    if (p->on_action != NULL)
        p->on_action(p, a);
    switch (a->kind) {
    case ACTION_START:
        plant_act_start(p, a);
        break;
    case ACTION_STOP:
        plant_act_stop(p, a);
        break;
    case ACTION_TELL:
        plant_act_tell(p, a->message);
        p->hash = hash_u64(p->hash, (uint64_t)a->message->kind);
        break;
    case ACTION_RECORD:
        p->records++;
        plant_keep_record(p, a->record);
        plant_recompute(a->record);
        p->hash = hash_bytes(p->hash, a->record->before.ptr, a->record->before.len);
        p->hash = hash_bytes(p->hash, a->record->decision, offsetof(struct decision, shadow));
        if (p->on_record != NULL)
            p->on_record(p, a->record);
        break;
    case ACTION_NOTE:
        p->hash = hash_span(p->hash, span_from(a->text));
        (void)snprintf(p->notes[p->note_count++ % COUNT_OF(p->notes)], sizeof(p->notes[0]), "%s",
                       a->code);
        memcpy(p->last_text, a->text, sizeof(p->last_text));
        break;
    }
}

/* ---- what comes back ---- */

static inline void plant_snapshot(struct plant *p, uint16_t gateway, size_t pool,
                                  enum message_kind kind)
{
    struct plant_gateway *g = &p->gateway[gateway];
    struct gateway_snapshot *s = &p->snapshot;
    memset(s, 0, offsetof(struct gateway_snapshot, replica));
    s->pool = (uint16_t)pool;
    s->gateway = gateway;
    s->generation = g->generation;
    s->t_ns = p->now_ns;
    s->waiting_requests = g->waiting[pool];
    s->waiting_tokens = 100 * g->waiting[pool];
    s->idle_ns = g->idle_ns[pool];
    s->excess_requests = g->excess[pool];
    s->excess_tokens = 100 * g->excess[pool];
    s->arrived_requests = g->arrived[pool];
    s->excess_arrived = (double)g->excess[pool];
    g->arrived[pool] = 0;
    for (size_t i = 0; i < g->route_count; i++) {
        if (g->route[i].pool != pool)
            continue;
        s->in_flight_requests += g->route[i].in_flight;
        s->in_flight_tokens += g->route[i].tokens;
        s->replica[s->replica_count++] =
            (struct replica_load){.id = g->route[i].id,
                                  .in_flight_requests = g->route[i].in_flight,
                                  .in_flight_tokens = g->route[i].tokens};
    }
    const struct message message = {
        .kind = kind, .pool = (uint16_t)pool, .generation = g->generation, .snapshot = s};
    const struct event event = {.kind = EVENT_MESSAGE, .gateway = gateway, .message = &message};
    (void)plant_try(p, &event);
}

/* Somebody waits in front of a pool that serves nobody. */
static inline void plant_wake(struct plant *p, uint16_t gateway, size_t pool, int64_t waiting)
{
    p->gateway[gateway].waiting[pool] = waiting;
    p->gateway[gateway].arrived[pool] += (double)waiting;
    plant_snapshot(p, gateway, pool, MESSAGE_WAKE);
}

static inline bool plant_gateways_step(struct plant *p)
{
    bool any = false;
    for (uint16_t g = 0; g < PLANT_GATEWAYS; g++) {
        struct plant_gateway *gateway = &p->gateway[g];
        for (size_t i = 0; i < p->pool_count; i++) {
            if (!p->ask_pending[g][i] || gateway->silent || !gateway->up)
                continue;
            p->ask_pending[g][i] = false;
            plant_snapshot(p, g, i, MESSAGE_SNAPSHOT);
            any = true;
        }
        for (size_t i = 0; i < gateway->route_count && gateway->up && !gateway->silent; i++) {
            const uint64_t generation = gateway->route[i].drain;
            if (generation == 0 || gateway->route[i].in_flight > 0 ||
                gateway->generation < generation)
                continue;
            gateway->route[i].drain = 0;
            gateway->route[i].confirmed = true;
            const struct message message = {
                .kind = MESSAGE_DRAINED, .replica = gateway->route[i].id, .generation = generation};
            const struct event event = {.kind = EVENT_MESSAGE, .gateway = g, .message = &message};
            (void)plant_try(p, &event);
            any = true;
        }
    }
    return any;
}

static inline bool plant_bodies_step(struct plant *p)
{
    for (size_t i = 0; i < p->body_count; i++) {
        struct body *body = &p->body[i];
        if (!body->alive)
            continue;
        if (body->end_ns <= p->now_ns) {
            body->alive = false;
            (void)plant_news(p, body, body->end);
            return true;
        }
        if (!body->told_ready && body->ready_ns <= p->now_ns) {
            body->ready = true;
            body->told_ready = true;
            (void)plant_news(p, body, NEWS_READY);
            return true;
        }
    }
    return false;
}

static inline void plant_drain_actions(struct plant *p)
{
    struct action action;
    size_t n = 0;
    while (reconcile_next(p->r, p->now_ns, plant_wall(p), &action)) {
        plant_act(p, &action);
        assert_true(++n < 100000); /* it comes to rest */
    }
}

static inline void plant_settle(struct plant *p)
{
    do
        plant_drain_actions(p);
    while (plant_gateways_step(p) || plant_bodies_step(p));
}

static inline int64_t plant_next_ns(const struct plant *p, int64_t until_ns)
{
    const int64_t deadline_ns = reconcile_deadline(p->r);
    int64_t next_ns = until_ns;
    if (deadline_ns != TIME_NONE && deadline_ns < next_ns)
        next_ns = deadline_ns;
    for (size_t i = 0; i < p->body_count; i++) {
        const struct body *body = &p->body[i];
        if (body->alive && body->end_ns < next_ns)
            next_ns = body->end_ns;
        if (body->alive && !body->told_ready && body->ready_ns < next_ns)
            next_ns = body->ready_ns;
    }
    return next_ns > p->now_ns ? next_ns : p->now_ns;
}

/* Time passes. */
static inline void plant_run(struct plant *p, int64_t span_ns)
{
    const int64_t until_ns = p->now_ns + span_ns;
    plant_settle(p);
    while (p->now_ns < until_ns) {
        p->now_ns = plant_next_ns(p, until_ns);
        plant_settle(p);
        assert_true(reconcile_deadline(p->r) == TIME_NONE || reconcile_deadline(p->r) > p->now_ns);
    }
}

/* The policy of a pool asks for a count; it is heard at its next period. */
static inline void plant_ask(struct plant *p, size_t pool, int64_t replicas)
{
    p->policy[pool].replicas = replicas;
}

static inline void plant_kill(struct plant *p, uint64_t id)
{
    struct body *body = plant_body(p, id);
    assert_non_null(body);
    body->end_ns = p->now_ns;
    body->end = NEWS_GONE;
}

static inline void plant_load(struct plant *p, uint64_t id, int64_t in_flight, int64_t tokens)
{
    for (size_t g = 0; g < PLANT_GATEWAYS; g++)
        for (size_t i = 0; i < p->gateway[g].route_count; i++)
            if (p->gateway[g].route[i].id == id && p->gateway[g].up) {
                p->gateway[g].route[i].in_flight = in_flight;
                p->gateway[g].route[i].tokens = tokens;
                return;
            }
    assert_true(false);
}

static inline uint64_t plant_id(const struct plant *p, size_t pool, size_t index)
{
    const struct replica_row *row;
    for (size_t i = 0; (row = reconcile_replica_at(p->r, i)) != NULL; i++)
        if (row->pool == pool && index-- == 0)
            return row->id;
    return 0;
}

#endif
