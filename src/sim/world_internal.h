/* world_internal.h - what the files of the simulated installation share: world.c (life, clock),
 * fleet.c (target and engines), front.c (gateway), world_check.c (checkers), world_count.c
 * (results). Not for others. */
#ifndef SLUICE_SIM_WORLD_INTERNAL_H
#define SLUICE_SIM_WORLD_INTERNAL_H

#include "base/rng.h"
#include "sim/agenda.h"
#include "sim/timers.h"
#include "sim/world.h"
#include "traffic/lookup.h"

#define WORLD_REPLICAS_MAX 1000000
#define WORLD_REQUESTS_MAX 0xffffffU
#define WORLD_VIOLATION_SIZE 256
#define WORLD_NOTES_MAX 64
#define FOREIGNS_KEPT 4 /* R16: so many counts of others ... */
#define FOREIGN_QUIET_NS                                                                           \
    INT64_C(600000000000) /* ... in so much time are a fight, until it is quiet                    \
                             for as long */
#define ENGINE_SIGNALS 3
#define SCRAPES_MAX 128                  /* a delay of minutes at the pace of ticks */
#define WORLD_STOP_NS INT64_C(100000000) /* from the stop signal to the end of a process */

enum happening {
    HAPPENS_START,   /* next phase of a starting replica */
    HAPPENS_CRASH,   /* of a replica */
    HAPPENS_END,     /* of a stopping replica */
    HAPPENS_FRONT,   /* deadline of a pool's dispatcher */
    HAPPENS_CONTROL, /* deadline of the control step */
    HAPPENS_NOTICE,  /* a replica will be taken back */
    HAPPENS_TAKEN,   /* and is */
    HAPPENS_CARRIED, /* the KV cache of a call reached the other pool */
};

enum body_state { BODY_STARTING, BODY_READY, BODY_STOPPING, BODY_GONE };

/* One simulated replica. */
struct body {
    uint64_t id;
    size_t pool;
    enum body_state state;
    struct engine *engine; /* NULL before ready and after its end */
    struct startup startup;
    int64_t ordered_ns;
    int64_t drain_ns;          /* a drain was told; TIME_NONE */
    uint64_t drain_generation; /* the routes that say so */
    uint64_t confirmed;        /* generation of the last word that nothing is left on it */
    int64_t in_flight;
    int64_t engine_ns; /* what the timers hold for it; TIME_NONE */
    uint64_t version;  /* of its items in the agenda */
    uint64_t target_hash;
    bool notice; /* its spot capacity will be taken back */
    bool fails;
    bool never_ready;
    uint16_t class_;
};

enum call_state { CALL_FREE, CALL_HELD, CALL_FLYING, CALL_CARRIED };

struct call {
    enum call_state state;
    bool byte;    /* the first token went out */
    bool decodes; /* the KV cache came from another pool */
    size_t pool;
    size_t entry;       /* pool of its arrival, whose objectives count */
    uint64_t handle;    /* of the dispatcher */
    uint64_t engine_id; /* of this try */
    uint64_t replica;
    uint32_t body; /* of the replica */
    int64_t arrived_ns;
    int64_t first_ns;
    int64_t prompt_tokens;
    int64_t output_tokens;
    int64_t cached_tokens;
    int64_t generated;
    uint32_t next_free;
};

/* A message on its way to control. */
enum up_kind { UP_SNAPSHOT, UP_WAKE, UP_DRAINED, UP_SUSPECT, UP_NEWS, UP_ROOM, UP_NOTICE };
struct up {
    enum up_kind kind;
    size_t pool;
    uint64_t replica;
    uint64_t generation;
    struct replica_news news; /* UP_NEWS */
};

/* The books of world_rules.c. */
struct watch_group {
    int64_t told_ns;    /* time that the last tick bore; TIME_NONE */
    int64_t changed_ns; /* last change of a count, by our clock */
    int64_t ticked_ns;  /* last tick, by our clock */
};
struct watch_pool {
    int64_t write_ns;      /* last start; TIME_NONE */
    int64_t asked;         /* by the policy, last */
    int64_t raised_ns;     /* it asked for more than before */
    int64_t failed_ns;     /* first failure while starts fail */
    int64_t foreign_count; /* told since the last tick; NO_COUNT */
    int64_t foreign_ns[FOREIGNS_KEPT];
    int64_t contended_ns; /* a fight began */
    int64_t contended_until_ns;
};
struct watch {
    struct watch_group *group;
    struct watch_pool *pool;
    bool leads;
    int64_t lease_until_ns; /* TIME_NONE = without end */
};

/* One look at the metrics pages of a pool. */
struct scrape {
    int64_t at_ns;
    bool failed;
    uint32_t ready;
    double value[ENGINE_SIGNALS];
};
/* Those that are still on their way, oldest first. */
struct scrapes {
    struct scrape item[SCRAPES_MAX];
    size_t first;
    size_t count;
};

struct world {
    struct world_spec spec;
    enum world_metrics metrics;
    void *state; /* scratch for check_again() */
    size_t state_cap;
    struct world_pool *pool; /* own copy: faults may change */
    struct reconcile *reconcile;
    struct agenda agenda;
    struct timers engines; /* next event of each replica's engine */
    struct rng rng;
    int64_t begin_ns; /* of the run, on the axis of the groups */
    int64_t now_ns;   /* axis of the groups */
    int64_t wall_offset_ns;
    int64_t control_ns; /* what the agenda holds; TIME_NONE */
    bool control_due;   /* something was told to control, or its time came */
    bool silent;
    int64_t spoke_ns; /* it answers again since; TIME_NONE = it was never silent */
    bool stalled;
    enum rc rc; /* first failure of memory */

    struct dispatch **front; /* by pool */
    int64_t *front_ns;       /* what the agenda holds for each */
    bool *front_dirty;
    uint64_t generation;
    struct gateway_snapshot snapshot; /* scratch */

    struct body *body; /* in the order of their starts */
    struct lookup body_by_id;
    size_t body_cap;
    size_t body_count;
    uint32_t *alive; /* bodies that are not gone, in the order of their starts */
    size_t alive_cap;
    size_t alive_count;
    double gpus_used;
    double price; /* of all replicas that hold resources, per hour */
    int64_t (*gone_until_ns)[CLASSES_PER_POOL_MAX]; /* by pool: no node of the class before */
    struct scrapes *scrapes;                        /* by pool */

    struct call *call;
    size_t call_cap;
    size_t call_count;
    int64_t open;    /* of them: waiting or in flight */
    int64_t carried; /* of these: on their way from one pool to the next */
    uint32_t call_free;
    uint64_t tries;
    struct world_arrival arrival; /* the next one */
    uint64_t arrival_sequence;
    bool arrivals_left;
    int64_t last_arrival_ns;

    struct up *up; /* ring is not needed: emptied in order, then reset */
    size_t up_cap;
    size_t up_count;
    size_t up_done;

    struct world_result result;
    int64_t holding; /* replicas that hold resources */
    int64_t counted_ns;
    int64_t *desired; /* by pool, of the last decision */
    struct watch watch;
    int64_t *direction_ns;
    int *direction;
    struct world_minute *minute;
    size_t minute_cap;
    size_t minute_count;
    struct world_change *change;
    size_t change_cap;
    size_t change_count;
    char violation[WORLD_VIOLATION_SIZE];
    struct {
        const char *code;
        int64_t count;
    } note[WORLD_NOTES_MAX];
    size_t note_count;
};

int64_t world_wall_ns(const struct world *world);
/* Puts something on the agenda; a failure ends the run. */
void world_plan(struct world *world, int64_t at_ns, enum happening what, size_t index,
                uint64_t version);
void world_give(struct world *world, const struct event *event); /* to control, now */
void world_tell(struct world *world, const struct up *up);

/* fleet.c */
struct body *fleet_body(struct world *world, uint64_t id); /* NULL when unknown */
void fleet_begin(struct world *world, size_t pool, int64_t count);
void fleet_found(struct world *world); /* tells of all that run or start */
void fleet_start(struct world *world, size_t pool, uint64_t id, uint16_t class_);
void fleet_stop(struct world *world, uint64_t id, bool kill);
void fleet_happens(struct world *world, const struct agenda_item *item);
void fleet_engine(struct world *world, uint32_t body); /* its engine has an event now */
/* Hands a request to an engine; false: the replica is not there. */
bool fleet_submit(struct world *world, uint32_t call);
/* Tells the gateway what tokens came so far. */
void fleet_sync(struct world *world, size_t pool);
void fleet_end(struct world *world, struct body *body, const char *why); /* it is dead now */
double fleet_gpus_each(const struct world *world, size_t pool);
const struct reconcile_pool *fleet_pool_of(const struct world *world, size_t pool);
const struct pool_spec *fleet_pool_spec(const struct world *world, size_t pool);
int64_t fleet_room(const struct world *world, size_t pool);

void world_hand_up(struct world *world); /* all that waits for control */

/* lead.c */
void lead_begin(struct world *world);

/* spot.c */
double spot_gpus(const struct world *world, size_t pool, size_t class_);
double spot_price(const struct world *world, size_t pool, size_t class_);
bool spot_has_node(const struct world *world, size_t pool, size_t class_);
void spot_expect(struct world *world, const struct body *body); /* it is ready now */
void spot_notice(struct world *world, struct body *body, int64_t notice_ns);

/* carry.c */
/* Queue of the prefill pool and load of each decode engine, for both policies of the pair. */
void carry_scrape(struct world *world, size_t prefill);
struct engine_request carry_ask(const struct world *world, const struct call *call);
bool carry_begins(const struct world *world, const struct call *call);
void carry_start(struct world *world, uint32_t call);
void carry_arrive(struct world *world, uint32_t call);

/* scrape.c */
/* Group of a pool; makes its index that in the group. */
size_t scrape_group(const struct world *world, size_t *pool);
void scrape_engines(struct world *world, size_t pool);

/* front.c */
void front_next(struct world *world); /* fetches the next arrival */
void front_arrive(struct world *world);
void front_message(struct world *world, const struct message *message);
/* Carries out what the dispatcher of a pool has to say. */
void front_settle(struct world *world, size_t pool);
void front_engine_event(struct world *world, struct body *body, const struct engine_event *event);
/* An answer of the dispatcher about a call. A try that fails at once is tried again at once. */
void front_follow(struct world *world, uint32_t index, struct dispatch_answer answer);
/* The try of a call is lost: connection refused or reset. */
void front_try_failed(struct world *world, uint32_t call, enum outcome cause);
struct call *front_call(struct world *world, uint32_t index);

/* world_count.c */
void count_time(struct world *world); /* before what is held changes, and at the end */
void count_ended(struct world *world, const struct call *call, bool whole, bool refused);
bool count_scores(const struct world *world, int64_t at_ns); /* axis of the groups */
/* Returns the index of its first pool. */
size_t count_record(struct world *world, const struct tick_record *record);

/* world_check.c */
void check_broken(struct world *world, const char *format, ...) PRINTF_LIKE(2, 3);
void check_routes(struct world *world, const struct routes *routes);
void check_drain(struct world *world, uint64_t replica, uint64_t generation);
void check_stop(struct world *world, uint64_t replica);
void check_record(struct world *world, const struct tick_record *record, size_t first);
void check_kv(struct world *world, const struct body *body, const struct engine_load *load);
void check_engine(struct world *world, const struct body *body);
void check_counts(struct world *world);

/* world_rules.c */
bool rules_begin(struct world *world);
void rules_end(struct world *world);
void rules_pass_over(struct world *world);
void rules_succeed(struct world *world); /* another control step, which remembers no writes */
void rules_foreign(struct world *world, size_t pool, int64_t count);
bool rules_contended(const struct world *world, size_t pool);
void rules_failed(struct world *world, size_t pool);
void rules_write(struct world *world, const struct body *body, size_t pool, const char *what);
void rules_start(struct world *world, size_t pool, uint64_t replica);
void rules_stop(struct world *world, const struct body *body);
void rules_late(struct world *world);
void rules_record(struct world *world, const struct tick_record *record, size_t first);

#endif
