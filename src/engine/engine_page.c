#include "engine/engine_page.h"

#include <inttypes.h>
#include <math.h>

#include "base/num.h"

/* Bucket bounds end with +Inf. */
static const double first_token[] = {0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08,    0.1,
                                     0.25,  0.5,   0.75, 1,    2.5,  5,    7.5,     10,
                                     20,    40,    80,   160,  640,  2560, INFINITY};
static const double per_token[] = {0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5,
                                   0.75, 1,     2.5,  5,     7.5, 10,   20,  40,  80,  INFINITY};
static const double per_request[] = {0.3, 0.5, 0.8, 1,  1.5, 2,   2.5, 5,   10,   15,   20,
                                     30,  40,  50,  60, 120, 240, 480, 960, 1920, 7680, INFINITY};
static const double tokens[] = {1,   2,    5,    10,   20,    50,    100,     200,
                                500, 1000, 2000, 5000, 10000, 20000, INFINITY};

struct series {
    const char *name;
    const char *help;
    const double *bound;
};
static const struct series table[PAGE_SERIES_COUNT] = {
    {"time_to_first_token_seconds", "Time to first token in seconds.", first_token},
    {"inter_token_latency_seconds", "Time between two tokens in seconds.", per_token},
    {"request_time_per_output_token_seconds", "Mean time per output token of a request.",
     per_token},
    {"e2e_request_latency_seconds", "Request latency from end to end in seconds.", per_request},
    {"request_queue_time_seconds", "Time a request waited in seconds.", per_request},
    {"request_prefill_time_seconds", "Time a request spent in prefill in seconds.", per_request},
    {"request_decode_time_seconds", "Time a request spent in decode in seconds.", per_request},
    {"request_prompt_tokens", "Prompt tokens of a request.", tokens},
    {"request_generation_tokens", "Generated tokens of a request.", tokens},
};

void engine_page_record_many(struct engine_page *page, enum page_series series, double value,
                             uint64_t times)
{
    const double *bound = table[series].bound;
    size_t i = 0;
    while (value > bound[i])
        i++;
    page->bucket[series][i] += times;
    page->sum[series] += value * (double)times;
    page->count[series] += times;
}

void engine_page_record(struct engine_page *page, enum page_series series, double value)
{
    engine_page_record_many(page, series, value, 1);
}

/* Label values escape backslash, quote and line feed. */
static void print_label(struct buf *out, const char *value)
{
    for (; *value != '\0'; value++) {
        if (*value == '\\' || *value == '"')
            buf_byte(out, '\\');
        if (*value == '\n')
            buf_text(out, "\\n");
        else
            buf_byte(out, *value);
    }
}

static void print_head(struct buf *out, const char *name, const char *kind, const char *help)
{
    buf_printf(out, "# HELP vllm:%s %s\n# TYPE vllm:%s %s\n", name, help, name, kind);
}

static void print_name(struct buf *out, const char *name, const char *suffix, const char *model)
{
    buf_printf(out, "vllm:%s%s{engine=\"0\",model_name=\"", name, suffix);
    print_label(out, model);
    buf_byte(out, '"');
}

static void print_value(struct buf *out, double value)
{
    buf_text(out, "} ");
    buf_number(out, value);
    buf_byte(out, '\n');
}

static void print_one(struct buf *out, const char *model, const char *name, const char *kind,
                      const char *help, double value)
{
    print_head(out, name, kind, help);
    print_name(out, name, "", model);
    print_value(out, value);
}

static void print_bucket(struct buf *out, const char *name, const char *model, double bound,
                         double count)
{
    print_name(out, name, "_bucket", model);
    buf_text(out, ",le=\"");
    buf_number(out, bound);
    buf_byte(out, '"');
    print_value(out, count);
}

static void print_sums(struct buf *out, const char *name, const char *model, double sum,
                       double count)
{
    print_name(out, name, "_sum", model);
    print_value(out, sum);
    print_name(out, name, "_count", model);
    print_value(out, count);
}

static void print_series(struct buf *out, const char *model, const struct engine_page *page,
                         size_t index)
{
    const struct series *series = &table[index];
    print_head(out, series->name, "histogram", series->help);
    uint64_t total = 0;
    for (size_t i = 0;; i++) {
        total += page->bucket[index][i];
        print_bucket(out, series->name, model, series->bound[i], (double)total);
        if (isinf(series->bound[i]))
            break;
    }
    print_sums(out, series->name, model, page->sum[index], (double)page->count[index]);
}

static void print_iterations(struct buf *out, const char *model,
                             const struct engine_counters *counters)
{
    static const char name[] = "iteration_tokens_total";
    print_head(out, name, "histogram", "Tokens in one iteration of the engine.");
    uint64_t total = 0;
    for (size_t i = 0; i < ENGINE_ITERATION_BUCKETS; i++) {
        total += counters->iteration_tokens_bucket[i];
        const int64_t bound = engine_iteration_bucket_bound(i);
        print_bucket(out, name, model, bound == INT64_MAX ? (double)INFINITY : (double)bound,
                     (double)total);
    }
    print_sums(out, name, model, (double)counters->iteration_tokens_sum, (double)total);
}

static void print_success(struct buf *out, const char *model, const struct engine_page *page)
{
    static const char name[] = "request_success_total";
    const struct {
        const char *reason;
        uint64_t count;
    } rows[] = {{"stop", page->stopped}, {"length", page->cut_by_length}, {"abort", page->aborted}};
    print_head(out, name, "counter", "Requests by the reason they ended.");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        print_name(out, name, "", model);
        buf_printf(out, ",finished_reason=\"%s\"", rows[i].reason);
        print_value(out, (double)rows[i].count);
    }
}

static void print_gauges(struct buf *out, const char *model, const struct engine *engine)
{
    struct engine_load load;
    engine_load_of(engine, &load);
    print_one(out, model, "num_requests_running", "gauge", "Requests in the batch.",
              (double)load.running);
    print_one(out, model, "num_requests_waiting", "gauge", "Requests that wait for the batch.",
              (double)load.waiting);
    print_one(out, model, "kv_cache_usage_perc", "gauge", "KV cache in use; 1 is all of it.",
              engine_kv_usage_ratio(engine));
}

static void print_counters(struct buf *out, const char *model,
                           const struct engine_counters *counters)
{
    const struct {
        const char *name;
        const char *help;
        uint64_t value;
    } rows[] = {
        {"prefix_cache_queries_total", "Prompt tokens looked up in the prefix cache.",
         counters->prompt_tokens},
        {"prefix_cache_hits_total", "Prompt tokens found in the prefix cache.",
         counters->cached_tokens},
        {"num_preemptions_total", "Preemptions.", counters->preemptions},
        {"prompt_tokens_total", "Prompt tokens processed.", counters->prompt_tokens},
        {"generation_tokens_total", "Tokens generated.", counters->generation_tokens},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        print_one(out, model, rows[i].name, "counter", rows[i].help, (double)rows[i].value);
}

static void print_config(struct buf *out, const struct engine *engine)
{
    const struct engine_profile *profile = engine_profile_of(engine);
    print_head(out, "cache_config_info", "gauge", "Configuration of the KV cache.");
    buf_printf(out,
               "vllm:cache_config_info{block_size=\"%" PRId64
               "\",cache_dtype=\"auto\",enable_prefix_caching=\"True\",engine=\"0\","
               "gpu_memory_utilization=\"0.9\",num_gpu_blocks=\"%" PRId64
               "\",sliding_window=\"None\"} 1\n",
               profile->kv_block_tokens, profile->kv_tokens / profile->kv_block_tokens);
}

void engine_page_print(const struct engine_page *page, const struct engine *engine,
                       const char *model, struct buf *out)
{
    const struct engine_counters *counters = engine_counters_of(engine);
    print_gauges(out, model, engine);
    print_counters(out, model, counters);
    print_success(out, model, page);
    print_iterations(out, model, counters);
    for (size_t i = 0; i < PAGE_SERIES_COUNT; i++)
        print_series(out, model, page, i);
    print_config(out, engine);
}
