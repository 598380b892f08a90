/* dynamo_profile.h - how fast an engine is by its profile, as Dynamo's SLA planner reads it:
 * prefill along a spline over prompt lengths, decode from a table of cells over KV use and context
 * length (conformance/dynamo, kinds "interp_*", "find_best_decode"). Throughputs are tokens/s per
 * GPU. */
#ifndef SLUICE_CORE_POLICY_DYNAMO_PROFILE_H
#define SLUICE_CORE_POLICY_DYNAMO_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DYNAMO_PREFILL_MAX 64
#define DYNAMO_DECODE_MAX 128
#define DYNAMO_CELLS 100 /* along each axis */
#define DYNAMO_TABLE_CELLS ((size_t)DYNAMO_CELLS * DYNAMO_CELLS)

struct dynamo_prefill_point {
    double isl; /* prompt length in tokens; points rise */
    double ttft_ms;
    double throughput;
};
struct dynamo_decode_point {
    double kv_usage; /* 0 to 1 */
    double context_length;
    double itl_ms;
    double throughput;
};

/* One cell of the peer's table. */
struct dynamo_table_cell {
    double itl_ms;
    double throughput;
};

struct dynamo_profile {
    const struct dynamo_prefill_point *prefill;
    size_t prefill_count;
    double max_kv_tokens;
    /* The table: cell [y * DYNAMO_CELLS + x], or NULL; then the nearest points are weighed. */
    const struct dynamo_table_cell *table;
    double context_max; /* of the table */
    const struct dynamo_decode_point *decode;
    size_t decode_count;
};

/* Both halves are there. */
bool dynamo_profile_usable(const struct dynamo_profile *profile);

struct dynamo_prefill {
    double ttft_ms;
    double throughput;
};
struct dynamo_prefill dynamo_prefill_at(const struct dynamo_profile *profile, double isl);

struct dynamo_cell {
    int64_t x; /* of KV use */
    int64_t y; /* of context length */
    double itl_ms;
    double throughput;
};
struct dynamo_cell dynamo_decode_at(const struct dynamo_profile *profile, double concurrency,
                                    double context_length);
/* The fullest cell at that context whose inter-token latency is within the target; else the
 * emptiest.
 */
struct dynamo_cell dynamo_best_decode(const struct dynamo_profile *profile, double itl_ms,
                                      double context_length);

#endif
