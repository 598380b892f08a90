/* request_stats.c - integrals of open requests over time, in the order of the peer. */
#include "core/request_stats.h"

#include "base/duration.h"

void request_stats_init(struct request_stats *s, int64_t now_ns)
{
    *s = (struct request_stats){.last_ns = now_ns};
}

static void pass_time(struct request_stats *s, int64_t now_ns)
{
    if (now_ns <= s->last_ns)
        return;
    const int64_t passed_ns = now_ns - s->last_ns;
    const int64_t whole_s = passed_ns / SECOND_NS;
    const double passed = (double)whole_s + (double)(passed_ns % SECOND_NS) / 1e9;
    s->seconds += passed;
    s->integral += (double)s->open * passed;
    s->integral_proxied += (double)s->open_proxied * passed;
    s->last_ns = now_ns;
}

void request_stats_start(struct request_stats *s, int64_t now_ns, bool proxied)
{
    pass_time(s, now_ns);
    s->started++;
    s->open++;
    s->started_proxied += proxied;
    s->open_proxied += proxied;
}

void request_stats_end(struct request_stats *s, int64_t now_ns, bool proxied)
{
    pass_time(s, now_ns);
    s->open--;
    s->open_proxied -= proxied;
}

struct request_report request_stats_report(struct request_stats *s, int64_t now_ns)
{
    pass_time(s, now_ns);
    const struct request_report report = {
        .concurrency = s->seconds > 0 ? s->integral / s->seconds : 0,
        .concurrency_proxied = s->seconds > 0 ? s->integral_proxied / s->seconds : 0,
        .requests = s->started,
        .requests_proxied = s->started_proxied,
    };
    *s = (struct request_stats){
        .last_ns = s->last_ns, .open = s->open, .open_proxied = s->open_proxied};
    return report;
}
