/* load.h - open-loop load: requests leave when their time comes, whether or not earlier ones were
 * answered, and every answer is checked byte by byte.
 *
 * Each request is counted exactly once: ok, wrong, lost or refused. One thread: that of the loop.
 */
#ifndef SLUICE_ENGINE_LOAD_H
#define SLUICE_ENGINE_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/histogram.h"
#include "base/mem.h"
#include "base/rc.h"
#include "engine/check.h"
#include "io/loop.h"
#include "sim/trace.h"

#define LOAD_MODELS_MAX 64
#define LOAD_REASONS_MAX 32

struct load;

struct load_model {
    struct span name;
    double weight; /* > 0 */
};

struct load_config {
    struct span host; /* numeric, or a name */
    uint16_t port;
    struct span base_path; /* put before the API's path; may be empty */
    const struct check_api *api;
    bool stream;
    bool usage;         /* ask for usage in streams */
    bool check_content; /* the other side is an emulated engine: compare every byte */
    double speed;       /* trace seconds in a second of the clock */
    struct load_model model[LOAD_MODELS_MAX];
    size_t model_count;
    double input_scale;
    double output_scale;
    int64_t input_max; /* tokens; applied after scaling */
    int64_t output_max;
    int64_t open_max;   /* requests at one time; more are lost, for arrivals do not wait */
    int64_t timeout_ns; /* without a byte of the answer */
    struct span lines;  /* header lines to send, "Name: value\r\n" each */
    const char *id_prefix;
    uint64_t seed;
    /* Where the requests come from: RC_OK, RC_NOT_FOUND at the end, or an error. */
    enum rc (*next)(void *source, struct trace_row *ret, struct diag *diag);
    void *source;
    /* Told once, when the source is used up and every request has been answered or given up. */
    void (*finished)(void *user);
    void *user;
};

struct load_reason {
    char text[CHECK_WHY_MAX];
    int64_t count;
};

struct load_report {
    int64_t requests; /* = ok + wrong + lost + refused, once finished */
    int64_t ok;
    int64_t wrong;
    int64_t lost;
    int64_t refused; /* answered with 429 or 503 */
    int64_t open;
    int64_t open_most;
    int64_t input_tokens;
    int64_t output_tokens;      /* received */
    struct histogram first_s;   /* of answers that were right */
    struct histogram between_s; /* between tokens, of all streams */
    struct histogram whole_s;
    double late_s_max; /* this program's own: from a request's time to its leaving */
    double seconds;
    struct load_reason reason[LOAD_REASONS_MAX]; /* of wrong, lost and refused, by first sight */
    size_t reason_count;
    enum rc source_rc; /* why the source ended, when not at its end */
    struct diag source_diag;
};

/* Spans and strings of the config must outlive it. Starts at once. */
enum rc load_new(struct loop *loop, const struct load_config *config, struct load **ret,
                 struct diag *diag) MUST_CHECK;
void load_free(struct load *load);
/* No further requests; what is open goes on. */
void load_stop(struct load *load);
/* What is open is given up and counted as lost. */
void load_give_up(struct load *load);
const struct load_report *load_result(struct load *load); /* of this instant */

#endif
