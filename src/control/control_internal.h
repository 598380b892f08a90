/* control_internal.h - what the files of the control shell share: control.c (the turn, news,
 * readers), start.c (the begin), stop.c (the end), actions.c (what reconcile asks for), feed.c
 * (samples of sources), history.c (written while it runs), restore.c (read at the begin), reload.c,
 * certificate.c, conditions.c. Not for others.
 */
#ifndef SLUICE_CONTROL_CONTROL_INTERNAL_H
#define SLUICE_CONTROL_CONTROL_INTERNAL_H

#include "config/schedule.h"
#include "control/accounts.h"
#include "control/control.h"
#include "control/notify.h"
#include "gateway/gateway_thread.h"
#include "io/file.h"
#include "sim/installation.h"
#include "source/sources.h"
#include "store/store_writer.h"
#include "target/target.h"

/* Kinds of documents in the store. */
#define KIND_REPLICA "replica"
#define KIND_IDS "ids"
#define KIND_PIN "pin"
#define KIND_PAUSE "pause"
#define KIND_STARTUPS "startups"

#define INSTALLATION_SIZE 17 /* 16 hex digits */
#define CONDITIONS_MAX 256
#define IDS_AHEAD 1000 /* reserved in the store at a time: a crash skips at most so many */
#define STATE_EVERY_NS (10 * SECOND_NS) /* unchanged states are stored this often */
#define CHORES_EVERY_NS SECOND_NS
#define WALL_JUMP_NS (2 * SECOND_NS)
#define RECORD_BYTES_MAX (4U << 20)

#define IDLE_RECORD_EVERY_NS MINUTE_NS /* ticks of a group at rest are stored this often */
#define STOP_LOOK_NS (50 * MILLISECOND_NS)

/* One configuration with all that is made of it. Counted: the one in force, the one of the start,
 * and those that a gateway still reads. */
struct setting {
    struct config *config;
    struct installation *installation;
    struct arena arena; /* of the schedules */
    struct pool_schedule *schedule;
    size_t schedule_count; /* pools that have some */
    size_t users;
};

struct pool_schedule {
    const char *pool;
    const struct schedule_set *set;
    struct schedule_floor told;
    bool known; /* `told` was */
};

/* Money of the day that an earlier run has spent. */
struct paid {
    char pool[NAME_SIZE];
    int64_t day;
    double cost;
};

/* What was last stored of a group. */
struct group_memory {
    int64_t state_ns; /* TIME_NONE = never */
    int64_t tick_ns;
    struct account *account; /* one a pool; NULL = not yet */
    size_t accounts;
};

struct control {
    struct loop *loop;
    struct control_options options;
    const struct log *log;
    char state_path[TEXT_SIZE];
    char log_folder[TEXT_SIZE];
    struct setting *setting;    /* in force */
    struct setting *first;      /* that of the start */
    struct handover *handovers; /* settings that the gateway was told and has not confirmed */
    bool gateway_behind;        /* it could not be told the setting in force: again later */
    bool gateway_idle;          /* it takes no new requests and has none open */
    struct reconcile *reconcile;
    struct targets *targets;
    struct sources *sources;
    struct notify *notify;          /* NULL before it has started */
    struct feed_place *place;       /* of each pool of the configuration in force */
    struct gateway_thread *gateway; /* NULL: no gateway is asked for */
    struct store_writer *store;     /* NULL: there is no store */
    char installation[INSTALLATION_SIZE];
    bool read_only;             /* the store: nothing is durable */
    int lock_fd;                /* one sluice per state file; -1 = none */
    char store_text[TEXT_SIZE]; /* why there is no store; "" = there is one */

    int64_t step_ns;    /* that reconcile took for the action that is being run */
    int64_t generation; /* configurations that were in force */
    struct paid *paid;  /* today, by earlier runs */
    size_t paid_count;
    int64_t axis_offset_ns; /* axis of the groups = monotonic clock + this */
    int64_t started_wall_ns;
    int64_t wall_minus_mono_ns; /* at the last look: a jump of the wall clock shows here */
    uint64_t ids_reserved;
    struct group_memory *memory; /* by group */
    size_t memory_count;

    struct task turn;          /* settles what events left */
    struct timer wake;         /* reconcile_deadline() */
    struct timer chore;        /* once a second */
    struct file_watch **watch; /* of each file; NULL ends it */
    bool reload_wanted;
    struct tls_context *tls; /* of the listeners; NULL: they speak plain HTTP */
    struct file_watch *certificate_watch[2];
    int certificate_looks; /* chores until changed files are read; 0 = nothing changed */

    bool stopping;
    bool keep_engines;
    bool engines_told;     /* to stop */
    int64_t stop_limit_ns; /* on the monotonic clock */
    control_done_fn *done;
    void *done_user;

    control_action_fn *listener;
    void *listener_user;
    struct condition condition[CONDITIONS_MAX];
    size_t condition_count;
    struct buf text[3]; /* scratch: samples, observation, decision */
};

/* control.c */
void control_turn_soon(struct control *control);
/* Tells reconcile; what it refuses is logged. */
void control_event(struct control *control, const struct event *event);
/* Tells reconcile that of each group and pool all is known that there is (R10), and what fits. */
void control_tell_known(struct control *control);
void control_on_message(void *control, const struct message *message);
void control_on_news(void *control, const struct replica_news *news);
void control_on_room(void *control);
const char *control_pool_name(const struct control *control, size_t pool);

/* actions.c */
void actions_run(struct control *control);
void actions_rooms(struct control *control);

/* restore.c: before the first event */
enum rc restore_open(struct control *control, struct store **ret, struct diag *diag) MUST_CHECK;
/* A new id is at least this; store may be NULL. */
uint64_t restore_first_id(struct control *control, struct store *store);
void restore_all(struct control *control, struct store *store); /* states, pins, pauses */
void restore_scan(struct control *control, struct store *store);

/* history.c: nothing here waits for the disk */
void history_config(struct control *control, const struct config *config);
void history_record(struct control *control, const struct tick_record *record);
void history_done(struct control *control);
void history_note(struct control *control, const struct action *action);
void history_startups(struct control *control, size_t pool);
void history_audit(struct control *control, const struct event *event, const char *who,
                   enum rc outcome);
void history_replica(struct control *control, uint64_t replica, bool exists);
void history_ids(struct control *control, uint64_t used);
void history_word(struct control *control, const struct event *event, const char *who);

/* feed.c */
struct feed_place {
    size_t group;
    size_t in_group;
};
enum rc feed_start(struct control *control, struct diag *diag) MUST_CHECK;
/* The setting in force has changed. */
void feed_configure(struct control *control, const struct config *before);
void feed_done(struct control *control);
/* R10: tells of each group whether all its sources have answered. */
void feed_tell_known(struct control *control);

/* certificate.c */
enum rc certificate_start(struct control *control, struct diag *diag) MUST_CHECK;
void certificate_load(struct control *control); /* again */
void certificate_look(struct control *control); /* a chore */
void certificate_done(struct control *control);

/* news.c: what hooks are told */
void notify_decision(struct control *control, const struct tick_record *record, size_t pool,
                     const char *words);
void notify_condition(struct control *control, const struct condition *condition, bool holds);
void notify_look(struct control *control); /* hooks that fail are a condition */

/* start.c */
enum rc start_all(struct control *control, struct diag *diag) MUST_CHECK;

/* stop.c */
void stop_look(struct control *control); /* goes on with an end that was asked for */

/* setting.c */
/* Takes config, also when it fails. One user. */
enum rc setting_new(struct config *config, struct setting **ret, struct diag *diag) MUST_CHECK;
struct setting *setting_ref(struct setting *setting);
void setting_unref(struct setting *setting);

/* schedules.c */
enum rc schedules_make(struct setting *setting, struct diag *diag) MUST_CHECK;
void schedules_tell(struct control *control); /* what has changed since it was told */

/* reload.c */
enum rc reload_watch(struct control *control, struct diag *diag) MUST_CHECK;
void reload_watch_done(struct control *control);
void reload_now(struct control *control);
/* Tells the gateway the setting in force; tried again later when that is not possible now. */
void reload_gateway(struct control *control);
void reload_done(struct control *control); /* when the gateway is gone: nothing is confirmed */

/* conditions.c */
void condition_set(struct control *control, const char *name, const char *pool, bool holds,
                   const char *format, ...) PRINTF_LIKE(5, 6);
void conditions_look(struct control *control);

#endif
