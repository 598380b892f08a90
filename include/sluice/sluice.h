/* sluice.h - the decisions of Sluice as a library: configuration text in, observations in,
 * decisions with their reasons out; the state can be saved and loaded at any time.
 *
 * A handle holds all pools of one configuration. The same calls give the same bytes anywhere: no
 * clock, file, environment or thread is used; times are arguments. Handles are independent of each
 * other; one handle is used by one thread at a time. sluice_observe() and sluice_decide() allocate
 * nothing.
 *
 * Every struct begins with its size, set by the caller before the first use (SLUICE_INIT), so that
 * a program and a library of different versions understand each other: members are only ever added
 * at the end, and what one side does not know is left at its default.
 *
 * Times `_ns` are nanoseconds on one monotonic axis of the caller's choice, `wall_ns` is Unix time.
 * Counts are replicas; SLUICE_NONE is "not set" for those that may be. */
#ifndef SLUICE_SLUICE_H
#define SLUICE_SLUICE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_API __attribute__((visibility("default")))
#define SLUICE_INIT(type)                                                                          \
    {                                                                                              \
        .size = sizeof(type)                                                                       \
    }
#define SLUICE_NONE INT64_C(-1)
#define SLUICE_CLASSES 8
#define SLUICE_BATCHES 16

struct sluice; /* opaque */

/* What went wrong. code is 0 when nothing did, else one of the words of sluice_code(). */
struct sluice_error {
    size_t size;
    int32_t code;
    uint32_t errors; /* how many problems a configuration has; the first one is told here */
    uint32_t line;   /* 1-based; 0 = no place */
    uint32_t column;
    char where[192];
    char text[320];
};

/* "0.1.0" */
SLUICE_API const char *sluice_version(void);
/* The stable name of a code: "ok", "syntax", "range", ... */
SLUICE_API const char *sluice_code(int32_t code);

/* ---- life ---- */

/* Reads a configuration (YAML, or JSON when the name ends in ".json"). NULL when it has errors or
 * memory is out; `error` may be NULL. The state begins at time 0 with no replicas: call
 * sluice_start() or sluice_load() before the first decision. */
SLUICE_API struct sluice *sluice_open(const char *name, const char *config, size_t length,
                                      struct sluice_error *error);
/* All problems of a configuration, warnings too, as a person reads them, with the line and a caret:
 * at most `size` bytes with a NUL. Returns the number of errors. */
SLUICE_API size_t sluice_check(const char *name, const char *config, size_t length, char *report,
                               size_t size);
/* Takes another configuration for the pools; what they remember is carried over by name. On errors
 * nothing changes and the code is returned. */
SLUICE_API int32_t sluice_reload(struct sluice *s, const char *name, const char *config,
                                 size_t length, int64_t now_ns, struct sluice_error *error);
SLUICE_API void sluice_close(struct sluice *s); /* NULL is fine */

/* Pools in the order of the configuration. */
SLUICE_API size_t sluice_pool_count(const struct sluice *s);
SLUICE_API const char *sluice_pool_name(const struct sluice *s,
                                        size_t pool); /* NULL past the end */
SLUICE_API int64_t sluice_pool_find(const struct sluice *s, const char *name); /* -1 = unknown */
/* Nanoseconds between two decisions, at most; more may be asked for at any time. */
SLUICE_API int64_t sluice_period_ns(const struct sluice *s);

/* ---- state ---- */

/* Begins afresh: replicas[i] of pool i exist now. */
SLUICE_API void sluice_start(struct sluice *s, int64_t now_ns, const int64_t *replicas);
/* The state as text. Returns the bytes it takes without the NUL, 0 when memory is out; what does
 * not fit into `size` is not written. */
SLUICE_API size_t sluice_save(const struct sluice *s, char *text, size_t size);
/* Takes a saved state of the same configuration; on errors nothing changes. */
SLUICE_API int32_t sluice_load(struct sluice *s, const char *text, size_t length,
                               struct sluice_error *error);
/* What was last decided for a pool. */
SLUICE_API int64_t sluice_desired(const struct sluice *s, size_t pool);
/* What was really applied of the last decision. */
SLUICE_API void sluice_applied(struct sluice *s, size_t pool, int64_t replicas);

/* ---- observations ---- */

enum sluice_signal_state {
    SLUICE_VALUE,
    SLUICE_ABSENT, /* nobody could report it: no traffic, no replica */
    SLUICE_FAILED, /* we could not know; neither of both is ever 0 */
};

/* A signal of a pool by its name: "tokens-in-queue", "ttft-p95", "external:lag". Index and name are
 * found once; -1 when the pool does not know such a signal. */
SLUICE_API int64_t sluice_signal_find(const struct sluice *s, size_t pool, const char *name);

struct sluice_sample {
    size_t size;
    uint32_t pool;
    uint32_t state; /* enum sluice_signal_state */
    int64_t signal; /* from sluice_signal_find() */
    int64_t t_ns;
    double value;
    double weight;     /* observations behind it; 1 unless it is a mean of several */
    uint32_t covered;  /* replicas that reported ... */
    uint32_t expected; /* ... of so many; both 0 = not by replica */
};
/* Files samples into the windows. What cannot be is not taken for a number: absurd, negative and
 * infinite values count as failed. Returns how many were of a known pool and signal. */
SLUICE_API size_t sluice_observe(struct sluice *s, const struct sluice_sample *sample,
                                 size_t count);

enum sluice_pod_phase {
    SLUICE_POD_RUNNING,
    SLUICE_POD_PENDING,
    SLUICE_POD_FAILED,
    SLUICE_POD_GONE,
};
enum sluice_pod_readiness {
    SLUICE_POD_READY,
    SLUICE_POD_UNREADY,
    SLUICE_POD_READINESS_UNKNOWN,
    SLUICE_POD_READINESS_NONE,
};
/* One measurement of one pod, for policies that judge each by itself; a sample of the same signal
 * and time closes the round. */
struct sluice_pod {
    size_t size;
    uint32_t pool;
    uint32_t state;
    int64_t signal;
    int64_t t_ns;
    double value;
    int64_t measured_ns;
    int64_t window_ns;
    int64_t ready_since_ns;
    int64_t started_ns; /* INT64_MIN = not started */
    double request;     /* of the resource; NAN = none */
    uint32_t phase;     /* enum sluice_pod_phase */
    uint32_t readiness; /* enum sluice_pod_readiness */
    uint32_t leaving;
    uint32_t reserved;
};
SLUICE_API size_t sluice_observe_pods(struct sluice *s, const struct sluice_pod *pod, size_t count);

struct sluice_batch {
    int64_t count;
    int64_t due_ns;
};

/* The world of one pool at a decision. sluice_world_init() sets what is not told. */
struct sluice_world {
    size_t size;
    int64_t ready;
    int64_t pending; /* starting and not overdue */
    int64_t warm;
    int64_t draining;
    int64_t blocked;        /* unschedulable, crash-looping or overdue */
    int64_t busy;           /* ready with something in flight */
    int64_t actual;         /* replicas that exist or are ordered */
    uint32_t counts_state;  /* enum sluice_signal_state of the counts above */
    uint32_t waiting_state; /* ... of the next three */
    int64_t waiting_requests;
    int64_t waiting_tokens;
    int64_t in_flight_requests;
    int64_t idle_ns;         /* since the last byte of any request */
    int64_t foreign;         /* somebody else set this count */
    int64_t inventory_limit; /* limits: SLUICE_NONE = none */
    int64_t quota_limit;
    int64_t budget_limit;
    uint32_t budget_unreadable;
    uint32_t paused;
    int64_t pin; /* a person's number */
    int64_t bound_min;
    int64_t bound_max;
    int64_t schedule_now; /* scheduled size in force */
    int64_t schedule_next;
    int64_t schedule_next_wall_ns; /* INT64_MIN = none */
    int64_t start_p50_ns;          /* measured start-up time; 0 = unknown */
    int64_t start_p90_ns;
    double spent_today; /* NAN = unknown */
    int64_t class_ready[SLUICE_CLASSES];
    int64_t class_pending[SLUICE_CLASSES];
    int64_t class_notice[SLUICE_CLASSES];      /* spot replicas under notice */
    struct sluice_batch batch[SLUICE_BATCHES]; /* of `pending`, by time */
    uint32_t batch_count;
    uint32_t reserved;
    int64_t class_refused[SLUICE_CLASSES]; /* starts in a row that led to nothing, while the class
                                              is left alone for it; 0 otherwise */
};
/* A world without replicas, gateway, limits and pins, in which nothing is known. world->size is
 * set already. */
SLUICE_API void sluice_world_init(struct sluice_world *world);

/* ---- decisions ---- */

enum sluice_cause {
    SLUICE_PERIOD,
    SLUICE_WAKE, /* an early one, for a request in front of no replica */
    SLUICE_QUEUE,
    SLUICE_REPLICA,
    SLUICE_CONFIG,
    SLUICE_OPERATOR,
    SLUICE_START,
};
struct sluice_tick {
    size_t size;
    int64_t now_ns;
    int64_t wall_ns;
    uint32_t cause;      /* enum sluice_cause */
    uint32_t incomplete; /* some source has not answered since the start: nothing is lowered */
};

#define SLUICE_IS_WAKE 1U
#define SLUICE_IS_URGENT 2U
#define SLUICE_IS_HELD 4U      /* doubt held it: something required is unknown */
#define SLUICE_IS_EVALUATED 8U /* the policy ran; else its last proposal stands */
#define SLUICE_IS_FALLBACK 16U
#define SLUICE_IS_ABSTAINED 32U /* the policy has no answer */

struct sluice_decision {
    size_t size;
    int64_t desired; /* serving replicas in all classes */
    int64_t previous;
    int64_t warm; /* replicas to keep warm beside them */
    int64_t class_desired[SLUICE_CLASSES];
    int64_t proposed; /* the policy's own number */
    double proposed_exact;
    double proposed_number[4];
    uint32_t flags;
    uint32_t trail_count;
    uint32_t trail_dropped;
    uint32_t reserved;
};
/* One decision of every pool: world[i] and decision[i] belong to pool i; the size of the first
 * element counts for all. Returns 0, or the code of a struct whose size cannot be. */
SLUICE_API int32_t sluice_decide(struct sluice *s, const struct sluice_tick *tick,
                                 const struct sluice_world *world,
                                 struct sluice_decision *decision);

/* Why: an entry of the last decision of a pool. */
struct sluice_trail {
    size_t size;
    const char *stage;  /* "policy", "unknown", "bounds", ... */
    const char *reason; /* stable code: "signal-failed" */
    int64_t before;
    int64_t after;
    int64_t metric; /* index of the metric it is about; -1 = none */
    double number[4];
};
SLUICE_API int32_t sluice_trail(const struct sluice *s, size_t pool, size_t entry,
                                struct sluice_trail *trail);
/* The same as a sentence of at most `size` bytes with a NUL; returns the bytes it takes. */
SLUICE_API size_t sluice_words(const struct sluice *s, size_t pool, size_t entry, char *text,
                               size_t size);
/* The last decision of a pool as JSON, everything in it; as sluice_save(). */
SLUICE_API size_t sluice_decision_text(const struct sluice *s, size_t pool, char *text,
                                       size_t size);

#ifdef __cplusplus
}
#endif

#endif
