#include "engine/load_text.h"

#include <inttypes.h>
#include <math.h>

#include "base/tree.h"

void load_print_progress(FILE *out, const struct load_report *r)
{
    (void)fprintf(out,
                  "%.0f s  sent %" PRId64 "  open %" PRId64 "  ok %" PRId64 "  refused %" PRId64
                  "  wrong %" PRId64 "  lost %" PRId64 "\n",
                  r->seconds, r->requests, r->open, r->ok, r->refused, r->wrong, r->lost);
}

struct latency {
    const char *name;
    const char *key;
    const struct histogram *histogram;
};

static void list_latencies(const struct load_report *r, struct latency ret_rows[3])
{
    ret_rows[0] = (struct latency){"first token", "ttftMs", &r->first_s};
    ret_rows[1] = (struct latency){"inter-token", "interTokenMs", &r->between_s};
    ret_rows[2] = (struct latency){"end to end", "e2eMs", &r->whole_s};
}

static void print_ms(FILE *out, double seconds)
{
    if (isnan(seconds))
        (void)fprintf(out, " %10s", "-");
    else
        (void)fprintf(out, " %10.1f", seconds * 1e3);
}

static double per_second(double count, double seconds)
{
    return seconds > 0 ? count / seconds : 0;
}

void load_print_text(FILE *out, const struct load_report *r)
{
    struct latency rows[3];
    list_latencies(r, rows);
    (void)fprintf(out, "%-14s %10s %10s %10s %10s\n", "latency (ms)", "mean", "p50", "p95", "p99");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        (void)fprintf(out, "%-14s", rows[i].name);
        print_ms(out, histogram_mean(rows[i].histogram));
        print_ms(out, histogram_quantile(rows[i].histogram, 0.50));
        print_ms(out, histogram_quantile(rows[i].histogram, 0.95));
        print_ms(out, histogram_quantile(rows[i].histogram, 0.99));
        (void)fputc('\n', out);
    }
    (void)fprintf(out,
                  "%.1f s, %.1f requests/s, %.0f tokens/s out, at most %" PRId64
                  " open, sent at most %.1f ms late\n",
                  r->seconds, per_second((double)r->requests, r->seconds),
                  per_second((double)r->output_tokens, r->seconds), r->open_most,
                  r->late_s_max * 1e3);
    for (size_t i = 0; i < r->reason_count; i++)
        (void)fprintf(out, "  %" PRId64 " x %s\n", r->reason[i].count, r->reason[i].text);
    (void)fprintf(out,
                  "requests %" PRId64 "  lost %" PRId64 "  wrong %" PRId64 "  refused %" PRId64
                  "  ok %" PRId64 "\n",
                  r->requests, r->lost, r->wrong, r->refused, r->ok);
}

static void write_latencies(struct json_writer *w, const struct load_report *r)
{
    struct latency rows[3];
    list_latencies(r, rows);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        json_key(w, rows[i].key);
        json_object(w);
        json_member_number(w, "mean", histogram_mean(rows[i].histogram) * 1e3);
        json_member_number(w, "p50", histogram_quantile(rows[i].histogram, 0.50) * 1e3);
        json_member_number(w, "p95", histogram_quantile(rows[i].histogram, 0.95) * 1e3);
        json_member_number(w, "p99", histogram_quantile(rows[i].histogram, 0.99) * 1e3);
        json_object_end(w);
    }
}

static void write_reasons(struct json_writer *w, const struct load_report *r)
{
    json_key(w, "reasons");
    json_array(w);
    for (size_t i = 0; i < r->reason_count; i++) {
        json_object(w);
        json_member_text(w, "text", r->reason[i].text);
        json_member_int(w, "count", r->reason[i].count);
        json_object_end(w);
    }
    json_array_end(w);
}

void load_print_json(FILE *out, const struct load_report *r)
{
    struct buf text;
    buf_init(&text, 1U << 20);
    struct json_writer w;
    json_init(&w, &text);
    json_object(&w);
    json_member_int(&w, "requests", r->requests);
    json_member_int(&w, "ok", r->ok);
    json_member_int(&w, "wrong", r->wrong);
    json_member_int(&w, "lost", r->lost);
    json_member_int(&w, "refused", r->refused);
    json_member_int(&w, "openMost", r->open_most);
    json_member_int(&w, "inputTokens", r->input_tokens);
    json_member_int(&w, "outputTokens", r->output_tokens);
    json_member_number(&w, "wallSeconds", r->seconds);
    json_member_number(&w, "lateMsMax", r->late_s_max * 1e3);
    write_latencies(&w, r);
    write_reasons(&w, r);
    json_object_end(&w);
    (void)fprintf(out, "%s\n", buf_cstr(&text));
    buf_done(&text);
}
