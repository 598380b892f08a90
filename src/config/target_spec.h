/* target_spec.h - how one replica of a pool is started, probed and stopped: the `target` of a pool
 * as plain data.
 *
 * Filled by pool_read(); lists and texts live in the arena of the configuration and are as constant
 * as it is. Command, environment and paths may hold the placeholders {port} {model} {gpus}
 * {replica} {pool}; target_expand() puts the values of one replica in. Anything else in braces
 * stays as it is, so JSON in an argument needs no escaping. */
#ifndef SLUICE_CONFIG_TARGET_SPEC_H
#define SLUICE_CONFIG_TARGET_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/opt.h"
#include "base/span.h"
#include "base/tree.h"

enum target_kind { TARGET_NONE, TARGET_PROCESS, TARGET_HTTP };
enum engine_kind {
    ENGINE_AUTO, /* told by the names of its metrics */
    ENGINE_VLLM,
    ENGINE_SGLANG,
    ENGINE_TENSORRT_LLM,
    ENGINE_TGI,
    ENGINE_LLAMA_CPP,
    ENGINE_OTHER, /* serves HTTP, has no metrics that we know */
};
enum stop_signal { STOP_TERM, STOP_INT, STOP_QUIT, STOP_HUP };

/* NUL-terminated texts. */
struct text_list {
    const char *const *item;
    size_t count;
};

struct env_pair {
    const char *name;
    const char *value; /* may hold placeholders; may be a secret: never print it */
};
struct env_list {
    const struct env_pair *item;
    size_t count;
};

struct ready_spec {
    char path[TEXT_SIZE]; /* 2xx means ready; "" = a connection is enough */
    int64_t timeout_ns;   /* start-up longer than this is overdue */
    int64_t interval_ns;
};

struct restart_spec {
    int64_t backoff_min_ns;
    int64_t backoff_max_ns;
    int64_t give_up_after; /* failed starts in a row; 0 = never */
};

struct process_target {
    const struct tree *command_source; /* as written: list or one text */
    const struct tree *args_source;
    const struct tree *env_source;
    const struct tree *pass_env_source;
    struct text_list command;  /* program and arguments, `args` already appended */
    struct env_list env;       /* all that the engine gets besides PATH, HOME and pass_env */
    struct text_list pass_env; /* names that are handed on from sluice's own environment */
    char workdir[TEXT_SIZE];   /* "" = the folder sluice runs in */
    int engine;                /* enum engine_kind */
    int64_t port;              /* 0 = a free one from port_first on */
    int64_t port_first;
    double gpus;             /* 1, 2, ... devices or a fraction below 1 of one */
    double gpu_memory_bytes; /* > 0: this much of one device */
    char gpu_type[NAME_SIZE];
    double memory_bytes; /* limit; 0 = none */
    double cpus;         /* limit; 0 = none */
    struct ready_spec ready;
    int64_t drain_timeout_ns; /* how long answers may take to end before the stop signal */
    int stop_signal;          /* enum stop_signal */
    int64_t stop_grace_ns;    /* from the stop signal to SIGKILL */
    struct restart_spec restart;
    double log_bytes_max;         /* of one replica's output on disk */
    char log_folder[TEXT_SIZE];   /* "" = beside the state file */
    char metrics_path[TEXT_SIZE]; /* "" = none */
};

struct http_target {
    const struct tree *endpoints_source;
    struct text_list endpoints; /* "http://HOST:PORT" */
    struct ready_spec ready;
    char metrics_path[TEXT_SIZE];
    int engine;
};

struct target_spec {
    int kind; /* enum target_kind */
    struct process_target process;
    struct http_target http;
};

extern const struct opt process_target_options[], http_target_options[];
extern const size_t process_target_option_count, http_target_option_count;

/* What makes one replica different from another one of the same pool. */
struct target_values {
    const char *pool;
    const char *model;   /* first model of the pool */
    const char *gpus;    /* "0,1" */
    const char *replica; /* its id in decimal */
    uint16_t port;
};
/* Appends text with its placeholders replaced. */
void target_expand(struct span text, const struct target_values *values, struct buf *out);
/* True when some argument or environment value holds the placeholder ("{port}"). */
bool target_uses(const struct process_target *target, const char *placeholder);
/* Hash of everything whose change replaces replicas (rows with CHANGE_REPLACE): replicas carry it.
 */
uint64_t target_spec_hash(const struct target_spec *target);

/* Splits one text as a shell would split words ('...', "...", backslash), with nothing else of a
 * shell: no variables, no globs, no operators. RC_SYNTAX for an open quote, RC_NO_MEMORY. */
enum rc command_split(struct arena *arena, struct span text, struct text_list *ret,
                      struct diag *diag) MUST_CHECK;

#endif
