/* target_internal.h - what the kinds of targets share: the set, one replica's common part, and the
 * news that wait to be told. Private to the folder.
 *
 * News are marks on the replica, not a queue: they cost no memory that could be missing, and what
 * became untrue before it was told is not told. They are told at the end of the loop's current
 * callback. */
#ifndef SLUICE_TARGET_INTERNAL_H
#define SLUICE_TARGET_INTERNAL_H

#include "io/http_client.h"
#include "target/inventory.h"
#include "target/outputs.h"
#include "target/probe.h"
#include "target/target.h"

#define TARGET_REPLICAS_MAX 65536 /* known at once, over all pools */
#define SCAN_PROBE_NS SECOND_NS   /* all probes of a scan together */

struct target_ops;

struct replica {
    struct targets *set;
    const struct target_ops *ops;
    uint64_t id;
    char pool[NAME_SIZE];
    uint16_t class_;
    uint64_t hash;
    char host[ADDRESS_SIZE];
    uint16_t port;
    int64_t started_ns; /* on the axis of the groups */
    struct probe probe;
    bool accepts; /* its port was open once */
    bool serves;  /* the probe says so now */
    bool served;  /* was ready once, or was found: its end is no failed start */
    uint32_t due; /* DUE_* not told yet */
    bool queued;  /* stands in the list of those with something due */
    bool ended;   /* DUE_END was set: freed once that is told */
    enum news_kind end;
    struct replica *next_due;
    char text[TEXT_SIZE];
};
#define DUE_PHASE(phase) (1U << (phase))
#define DUE_READY (1U << PHASE_COUNT)
#define DUE_UNREADY (2U << PHASE_COUNT)
#define DUE_END (4U << PHASE_COUNT)
#define DUE_FOUND (8U << PHASE_COUNT)

struct target_ops {
    const char *name;
    int kind; /* enum target_kind */
    size_t replica_size;
    /* The replica is in the set; the outcome comes as news. NULL: never started by us. */
    void (*start)(struct replica *r, const struct pool_config *pool);
    void (*stop)(struct replica *r, bool kill);
    /* The engine listens now; may be NULL. */
    void (*accepts)(struct replica *r);
    /* Finds what exists already; calls replica_found() for each. */
    void (*scan)(struct targets *t, const struct span *recorded, size_t count);
    /* Another configuration is in force, for all of this kind, before each replica is asked. */
    void (*configured)(struct targets *t);
    /* The same for one replica; pool is NULL when its pool is gone. */
    void (*adapt)(struct replica *r, const struct pool_config *pool);
    /* Lets go of everything of ours; the replica itself goes on. */
    void (*release)(struct replica *r);
    /* Replicas that fit, own ones included; NO_COUNT = unlimited. NULL: always unlimited. */
    int64_t (*room)(const struct targets *t, const struct pool_config *pool);
    bool (*holds)(const struct replica *r, size_t device); /* of the inventory */
    /* The next two may be NULL: not of this machine. */
    bool (*usage)(const struct replica *r, const struct pool_config *pool,
                  struct target_usage *ret);
    const char *(*gpus)(const struct replica *r);
    /* Members of an open object: what finds it again. */
    void (*document)(const struct replica *r, struct json_writer *w);
};

struct targets {
    struct task task; /* tells what is due */
    struct loop *loop;
    struct targets_config config;
    const struct config *spec;
    struct http_client *client;
    struct inventory inventory;
    struct gpu_inventory *found; /* GPUs of this machine, by its driver */
    struct outputs outputs;
    struct replica **replica; /* sorted by id */
    size_t replica_count;
    size_t replica_cap;
    struct replica *due_first;
    struct replica *due_last;
    struct replica *spare; /* tells that there was no memory for another one */
    bool room_changed;
    bool dead;          /* freed as soon as its task has run */
    bool group_refused; /* that groups cannot be made was said */
    char boot[NAME_SIZE];
};

#define TARGET(name) extern const struct target_ops target_##name;
#include "target/registry.def"
#undef TARGET

const struct target_ops *target_ops_of(int kind); /* NULL for TARGET_NONE */
int64_t targets_now(const struct targets *t);     /* on the axis of the groups */
struct replica *targets_find(const struct targets *t, uint64_t id);
/* Puts a new replica of this kind into the set. NULL when memory is out or the id is taken. */
struct replica *replica_new(struct targets *t, const struct target_ops *ops, uint64_t id,
                            const char *pool);
/* Out of the set, without news. */
void replica_remove(struct replica *r);

void replica_due(struct replica *r, uint32_t due);
/* The last news of this replica. */
void replica_end(struct replica *r, enum news_kind end, const char *format, ...) PRINTF_LIKE(3, 4);
/* An end that was not told yet is taken back. */
void replica_revive(struct replica *r, const struct ready_spec *ready);
/* Tells NEWS_FOUND at once, as the probe has seen it. */
void replica_found(struct replica *r);
struct asked_replica {
    struct replica *replica;
    const struct ready_spec *ready;
    enum probe_state state; /* out */
};
/* Probes all at once before they are told as found; takes SCAN_PROBE_NS at most. */
void replicas_ask(struct asked_replica *asked, size_t count);
/* Starts to probe host:port of the replica; its news follow. `state`: what is known already. */
enum rc replica_probe(struct replica *r, const struct ready_spec *ready,
                      enum probe_state state) MUST_CHECK;
void targets_room_changed(struct targets *t);

#endif
