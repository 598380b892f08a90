/* parts.h - what the files of the control step share: the tables and the steps over them. Private
 * to reconcile.
 *
 * Events change tables and ask for ticks; a tick decides; what is to be done waits in queues until
 * reconcile_next() takes it. Nothing here reads a clock: `now_ns` of struct reconcile is the newest
 * time that was told. */
#ifndef SLUICE_RECONCILE_PARTS_H
#define SLUICE_RECONCILE_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/duration.h"
#include "base/histogram.h"
#include "reconcile/reconcile.h"

/* ---- replicas ---- */

enum drain_goal {
    DRAIN_LESS,    /* fewer are wanted: taken back when more are wanted before it is over */
    DRAIN_PARK,    /* kept warm afterwards; taken back likewise */
    DRAIN_REPLACE, /* another one took its place, or will: never taken back */
};

#define SUSPECTS_MAX 3 /* complaints in SUSPECT_WINDOW_NS about a replica whose probe fails */
#define SUSPECT_WINDOW_NS MINUTE_NS

struct replica {
    struct replica_row row;
    bool alive;     /* the target has it or may have it: it holds resources */
    bool adopted;   /* not ordered by us: its start-up time is unknown */
    bool leaving;   /* to be replaced, whatever its hash says */
    bool refused;   /* BLOCKED because the target had no place for the one before it */
    bool unready;   /* BLOCKED because its probe fails */
    int64_t tries;  /* starts in a row that led to nothing, refused ones included: back-off */
    int64_t due_ns; /* STARTING: overdue; BLOCKED: next try or given up waiting; DRAINING: cut;
                       STOPPING: told again. TIME_NONE = no such time */
    enum drain_goal goal;
    uint64_t drain_generation; /* routes of this generation say that it drains */
    uint64_t confirmed;        /* gateways that answered, by bit */
    int64_t notice_ns;         /* of its notice, while row.notice */
    int64_t suspects;          /* complaints since suspect_ns */
    int64_t suspect_ns;
};

/* ---- what gateways tell of one pool ---- */

struct view {
    bool answered; /* ever */
    bool silent;   /* did not answer the newest question in time */
    bool asked;    /* an answer is outstanding */
    uint32_t round;
    int64_t t_ns; /* when it came, by our clock */
    int64_t waiting_requests;
    int64_t waiting_tokens;
    int64_t in_flight_requests;
    int64_t in_flight_tokens;
    int64_t excess_requests; /* of both: no demand */
    int64_t excess_tokens;
    int64_t oldest_wait_ns;
    int64_t idle_ns;
    int64_t sessions;
    struct replica_load *load; /* sorted as they came */
    size_t load_count;
    size_t load_cap;
};

enum amount {
    AMOUNT_ARRIVED,
    AMOUNT_COMPLETED,
    AMOUNT_FAILED,
    AMOUNT_REFUSED,
    AMOUNT_GOOD,
    AMOUNT_PROMPT_TOKENS,
    AMOUNT_EXCESS_ARRIVED,
    AMOUNT_EXCESS_PROMPT_TOKENS,
    AMOUNT_COMPLETED_PROMPT_TOKENS,
    AMOUNT_OUTPUT_TOKENS,
    AMOUNT_COMPLETED_TOKENS,
    AMOUNT_TOOL_CALLS,
    AMOUNT_BUSY_S,
    AMOUNT_ITERATIONS,
    AMOUNT_DECODED_TOKENS,
    AMOUNT_CONTEXT_TOKENS,
    AMOUNT_COMPUTED_TOKENS,
    AMOUNT_COUNT
};
struct late {
    int64_t t_ns; /* of arrival, on the axis of r->now_ns */
    double requests;
};
/* Amounts of all gateways together. */
struct traffic {
    double amount[AMOUNT_COUNT];
    struct latencies *latency; /* NULL before the first request */
    int64_t span_ns;           /* longest time covered */
    struct late
        *late; /* requests that ended without meeting the objectives; NULL before the first */
    size_t late_count; /* of LATE_SPANS_MAX */
};

/* ---- pools and groups ---- */

struct startup_times {
    int64_t span_ns[STARTUPS_KEPT];
    size_t count;
    size_t next;
    int64_t p50_ns;
    int64_t p90_ns;
};

/* Starts in a class that led to nothing. */
struct class_rest {
    int64_t refused;  /* in a row */
    int64_t until_ns; /* left alone until then, while another class has room */
};

#define FOREIGN_FLIPS_MAX 4
#define FOREIGN_WINDOW_NS (10 * MINUTE_NS)

struct pool {
    const struct reconcile_pool *spec;
    const struct pool_spec *core;
    size_t index;
    size_t group;
    size_t in_group;
    struct replica **replica; /* sorted by id */
    size_t replica_count;
    size_t replica_cap;
    int64_t count[REPLICA_FAILED + 1];
    int64_t held;          /* replicas that hold resources */
    int64_t held_since_ns; /* of no meaning while `held` is 0 */
    double replica_seconds;

    bool scanned;
    bool saw_silence; /* in the last tick */
    bool ticked;
    bool full;    /* there was no place for another replica in the last try */
    bool surging; /* one more than wanted: a replacement is on its way */
    int64_t desired;
    int64_t warm_wanted;
    bool fallback;         /* money: the next pool of its models takes the requests */
    uint16_t grant_reason; /* enum reason: why allot() gave less, or took */
    int64_t unmet;         /* starts that the last tick wanted and did not get */
    int64_t unmet_since_ns;
    struct class_rest class_rest[CLASSES_PER_POOL_MAX];
    struct outcome {
        int64_t desired;
        int64_t applied;
        uint16_t reason; /* why less was applied */
        bool held;
    } outcome;        /* of the last tick */
    int64_t write_ns; /* last action on replicas; TIME_NONE = never */
    int64_t room;
    bool money_outside;      /* somebody else counts what is spent ... */
    double money_spent;      /* ... so much today; NAN = it cannot be read */
    int64_t source_fallback; /* floor while a source fails; NO_COUNT = none */
    int64_t schedule_now;
    int64_t schedule_next;
    int64_t schedule_next_ns;
    int64_t foreign; /* NO_COUNT = none since the last tick */
    int64_t flip_ns[FOREIGN_FLIPS_MAX];
    int64_t contended_until_ns; /* TIME_NONE = not contended */
    int64_t pin_count;
    int64_t pin_until_wall_ns;
    bool paused;
    int64_t pause_until_wall_ns;
    char pin_text[TEXT_SIZE];
    char pause_text[TEXT_SIZE];
    char text[TEXT_SIZE]; /* why nothing comes, for people; "" = all is well */

    struct view *view; /* by gateway */
    size_t view_count;
    struct traffic traffic;         /* since the last tick */
    struct traffic told;            /* that the last tick filed */
    struct traffic total;           /* since the start */
    struct startup_times *startups; /* NULL before the first */
};

struct group {
    const struct group_spec *spec;
    struct pool **pool;        /* group_pool_count() of them: part of reconcile.pool */
    struct group_state *state; /* part of reconcile.states */
    size_t state_size;
    size_t before_at;   /* in kept_states: as it was before the tick */
    size_t before_size; /* SIZE_MAX = memory was out: there is no record */
    bool begun;         /* has ticked or got its state from an earlier run */
    bool restored;
    bool decided; /* `observation` and `decision` hold a tick of these specifications */
    bool sourced; /* every source but the gateways has answered */
    bool complete;
    bool asked;  /* takes part in the round that waits for snapshots */
    bool wake;   /* tick at once */
    bool chosen; /* ticks now */
    uint8_t cause;
    int64_t born_ns;    /* the grace of R10 counts from here */
    int64_t next_ns;    /* on the grid of its period */
    int64_t early_ns;   /* TIME_NONE = no early tick is asked for */
    int64_t last_ns;    /* last tick, as it counted the time; TIME_NONE */
    int64_t last_at_ns; /* when it really was */
    int64_t last_wall_ns;
    struct sample *sample; /* since the last tick */
    size_t sample_count;
    size_t sample_cap;
    int64_t sample_dropped;
    struct sample *filed; /* those of the last tick, until its record is taken */
    size_t filed_count;
    struct observation *observation; /* observation_size() bytes: an idle pool has no room for 8 */
    struct decision *decision;
    struct tick_record record;
};

/* ---- what waits to be taken ---- */

struct action_queue {
    struct action *item;
    size_t head;
    size_t count; /* items behind head */
    size_t cap;
};
struct tell_queue {
    struct message *item;
    size_t head;
    size_t count;
    size_t cap;
};

struct name_index {
    const char *name;
    size_t pool;
};

/* States before the ticks of one round, see before.c. */
struct kept_states {
    unsigned char *bytes;
    size_t used;
    size_t cap;
    unsigned char *whole; /* room for the largest state: the one laid open last ... */
    size_t whole_end;     /* ... and zero behind this */
    unsigned char *was;   /* room likewise: the one that ticks now, up to was_end */
    size_t was_end;
};

struct reconcile {
    const struct reconcile_spec *spec;
    struct group *group;
    size_t group_count;
    void *states; /* of all groups: pages that nobody touches where they are zero */
    struct kept_states kept;
    struct group *taken; /* its record was handed out last */
    struct pool **pool;
    size_t pool_count;
    struct name_index *by_name;
    struct replica **replica; /* all of them, sorted by id */
    size_t replica_count;
    size_t replica_cap;
    uint64_t next_id;
    int64_t now_ns;
    int64_t wall_ns;
    int64_t born_ns;        /* first event; TIME_NONE before */
    int64_t grid_ns;        /* first tick of all; TIME_NONE before */
    int64_t due_ns;         /* nothing is to be done before; TIME_NONE = never */
    bool closing;           /* everything is drained and stopped */
    bool left;              /* nothing is done any more */
    bool following;         /* the lease is somebody else's: we look on (R8) */
    int64_t lease_until_ns; /* ours is not good any longer from here on; TIME_NONE = without end */
    double gpus_free;

    uint64_t gateways;        /* by bit */
    uint64_t silent_gateways; /* that said nothing since they were last asked */
    bool asking;
    uint32_t round;
    size_t outstanding; /* answers of this round */
    int64_t ask_until_ns;

    struct action_queue first; /* starts: nothing stands before them */
    bool routes_stale;
    int64_t routes_again_ns; /* memory was out: not before; TIME_NONE */
    struct routes routes;
    size_t routes_replica_cap;
    struct route_replica *routes_replica;
    size_t routes_pool_cap;
    uint64_t routes_since; /* generations from here on count pools as we do */
    uint64_t routes_before_since;
    size_t *routes_before; /* pool index of the generations before -> ours; SIZE_MAX = gone */
    size_t routes_before_count;
    struct tell_queue tell; /* behind the routes they refer to */
    struct action_queue then;
    struct message message; /* handed out last */
    uint64_t lost_notes;

    struct allot_want *want; /* pool_count of each */
    struct allot_grant *grant;
    int64_t *starts;
    size_t *scratch;
    struct gateway_snapshot *snapshot; /* for pool_status */
};

/* ---- actions.c: queues ---- */

/* Room for what one change of one replica says: false when memory is out, and nothing may change
 * then. */
bool actions_room(struct reconcile *r);
void action_start(struct reconcile *r, const struct pool *pool, const struct replica *replica);
void action_stop(struct reconcile *r, const struct pool *pool, const struct replica *replica,
                 bool kill);
void action_record(struct reconcile *r, struct group *group);
void action_tell(struct reconcile *r, const struct message *message);
/* A note that finds no memory is counted. pool, replica may be NULL. */
void note(struct reconcile *r, const struct pool *pool, const struct replica *replica,
          const char *code, const char *format, ...) PRINTF_LIKE(5, 6);
bool action_queue_pop(struct action_queue *queue, struct action *ret);
void actions_quiet(struct reconcile *r); /* all were taken: what a rush needed goes back */
bool tell_queue_pop(struct tell_queue *queue, struct message *ret);
void actions_done(struct reconcile *r);

/* ---- before.c: states before the tick ---- */

void before_look(struct reconcile *r, const struct group *group); /* before the tick */
void before_keep(struct reconcile *r, struct group *group);       /* after it */
/* group_applied() with the state before kept. */
void before_correct(struct reconcile *r, struct group *group, size_t in_group, int64_t count);
/* Whole, until the next one. The state is as before_keep() saw it. */
struct span before_open(struct reconcile *r, const struct group *group);
void before_clear(struct reconcile *r); /* all records of the round were taken */
void before_done(struct reconcile *r);

/* ---- reconcile.c ---- */

void time_seen(struct reconcile *r, int64_t now_ns, int64_t wall_ns);

/* ---- table.c: replicas ---- */

struct replica *replica_find(const struct reconcile *r, uint64_t id);
/* A new row; NULL when a limit is reached or memory is out. */
struct replica *replica_add(struct reconcile *r, struct pool *pool, uint64_t id,
                            enum replica_state state);
void replica_forget(struct reconcile *r, struct replica *replica);
void replica_enter(struct reconcile *r, struct replica *replica, enum replica_state state);
void replica_hold(struct reconcile *r, struct replica *replica, bool alive);
void replica_say(struct replica *replica, const char *text);
struct pool *pool_of(const struct reconcile *r, const struct replica *replica);
/* Frees the rows of a pool without a word. */
void pool_clear(struct reconcile *r, struct pool *pool);
bool is_leaving(const struct replica *replica); /* old, unwanted or under notice */

/* ---- news.c: what targets tell; back-off ---- */

enum rc news_take(struct reconcile *r, const struct replica_news *news, struct diag *diag);
/* The replica leads to nothing: another one waits for its turn in its place, unless it is on its
 * way out anyway. The caller then removes or stops it. */
void replica_succeed(struct reconcile *r, const struct replica *replica, bool refused,
                     const char *text);

/* ---- class_choice.c ---- */

void class_failed(struct reconcile *r, struct pool *pool, size_t class); /* a start in it */
void class_works(struct reconcile *r, struct pool *pool, size_t class);
/* Starts in a row that led to nothing, while the class is left alone for it; 0 otherwise. */
int64_t class_refused(const struct reconcile *r, const struct pool *pool, size_t class);
uint16_t class_for_start(const struct reconcile *r, const struct pool *pool);
/* How many starts classes ask for that are not left alone; 0 without a choice. */
int64_t classes_open(const struct reconcile *r, const struct pool *pool);

/* ---- gateways.c, gateway_signals.c ---- */

/* Takes the first gateway out of a set that has one. */
static inline unsigned gateway_take_first(uint64_t *set)
{
    const unsigned first = (unsigned)__builtin_ctzll(*set);
    *set &= *set - 1;
    return first;
}

enum rc message_take(struct reconcile *r, const struct event *event, struct diag *diag);
enum rc gateway_take(struct reconcile *r, uint16_t gateway, bool up, struct diag *diag);
/* Asks for snapshots of the routed pools of groups with `asked`; counts what is outstanding. */
void gateways_ask(struct reconcile *r);
void gateways_give_up(struct reconcile *r); /* those that did not answer are silent */
bool gateways_answered(const struct reconcile *r, const struct pool *pool); /* R10 */
bool gateways_silent(const struct reconcile *r, const struct pool *pool);
void gateways_observe(const struct reconcile *r, const struct pool *pool,
                      struct pool_observation *ret);
/* Appends what gateways told since the last tick as samples at now_ns. */
void gateways_file(struct reconcile *r, struct group *group, size_t in_group, int64_t now_ns);
void gateways_snapshot(const struct reconcile *r, const struct pool *pool,
                       struct gateway_snapshot *ret);
void pool_views_done(struct pool *pool);

/* ---- routes.c ---- */

bool routes_build(struct reconcile *r); /* next generation; false when memory is out */
void routes_done(struct reconcile *r);
void routes_tell_limits(struct reconcile *r, const struct pool *pool);
bool pool_start_failed(const struct pool *pool);
const char *pool_text(const struct pool *pool); /* why nothing comes; "" = all is well */
/* Index of a pool as a message of that generation counts; NULL when it is gone or unknown. */
struct pool *routes_pool(const struct reconcile *r, uint64_t generation, uint16_t index);

/* ---- startup_times.c ---- */

void startup_record(struct pool *pool, int64_t span_ns);
int64_t startup_p50_ns(const struct pool *pool); /* 0 = unknown */
int64_t startup_p90_ns(const struct pool *pool);

/* ---- drain.c ---- */

void drain_begin(struct reconcile *r, struct replica *replica, enum drain_goal goal);
void drain_take_back(struct reconcile *r, struct replica *replica);
enum rc drain_confirm(struct reconcile *r, uint16_t gateway, uint64_t replica, uint64_t generation,
                      struct diag *diag);
/* What is drained or overdue goes on. */
bool drain_step(struct reconcile *r); /* true when something did */
void drain_tell_again(struct reconcile *r,
                      uint16_t gateway); /* it begins anew, and knows nothing */
void replica_stop(struct reconcile *r, struct replica *replica, bool kill);
void close_down(struct reconcile *r);

/* ---- tick.c: rounds ---- */

void schedule(struct reconcile *r, int64_t at_ns);
void forgive_stall(struct reconcile *r);
void tick_early(struct reconcile *r, const struct pool *pool, enum tick_cause cause);
void tick_wake(struct reconcile *r, struct pool *pool);
bool tick_step(struct reconcile *r); /* true when something was done */
/* ---- round.c: one round over the chosen groups ---- */
void round_run(struct reconcile *r);
enum rc samples_take(struct reconcile *r, size_t group, const struct sample *samples, size_t n,
                     struct diag *diag);
struct sample *samples_room(struct group *group, size_t n); /* NULL when memory is out */

/* ---- observation.c ---- */

void pool_observe(const struct reconcile *r, const struct pool *pool, struct pool_observation *ret);

/* ---- apply.c, victims.c, rolling.c ---- */

/* Starts that a pool needs now. */
int64_t apply_starts(struct reconcile *r, struct pool *pool);
void apply_pool(struct reconcile *r, struct pool *pool, int64_t starts, bool may_lower);
bool may_write(const struct reconcile *r); /* R8 */
bool pool_may_act(const struct reconcile *r, const struct pool *pool);
bool pool_wrote(const struct reconcile *r, const struct pool *pool); /* R5: a moment ago */
int64_t pool_surplus(const struct pool *pool); /* replicas above what is wanted */
/* Next one to give up among the allowed ones that are not on their way out; NULL when there is
 * none. */
typedef bool victim_fn(const struct replica *replica, const void *context);
struct replica *victim_next(const struct pool *pool, victim_fn *allowed, const void *context);
/* Idle ready ones that may be taken for another pool. */
int64_t victims_idle(const struct reconcile *r, const struct pool *pool);
/* Before the starts are counted: what serves nobody is replaced at once, and whether one more than
 * wanted may exist. */
void rolling_plan(struct reconcile *r, struct pool *pool);
void rolling_step(struct reconcile *r, struct pool *pool);

/* ---- operator.c: what people and others set ---- */

enum rc pin_take(struct reconcile *r, struct pool *pool, const struct event *event,
                 struct diag *diag);
enum rc pause_take(struct reconcile *r, struct pool *pool, const struct event *event,
                   struct diag *diag);
enum rc foreign_take(struct reconcile *r, struct pool *pool, const struct event *event,
                     struct diag *diag);
enum rc stop_replica_take(struct reconcile *r, uint64_t id, const char *text, struct diag *diag);
void operator_expire(struct reconcile *r, struct pool *pool);
enum rc notice_take(struct reconcile *r, uint64_t id, bool up, struct diag *diag);

#endif
