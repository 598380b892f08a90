#include "config/source_read.h"

#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "base/json_path.h"
#include "config/lists.h"
#include "config/promql.h"

#define SOURCES "sources"

int64_t source_deadline_ns(const struct source_spec *spec)
{
    const int64_t usual_ns = spec->period_ns / 5 * 2;
    return spec->timeout_ns > 0 && spec->timeout_ns < spec->period_ns / 2 ? spec->timeout_ns
                                                                          : usual_ns;
}

int64_t source_max_age_ns(const struct source_spec *spec)
{
    const int64_t usual_ns = 4 * spec->period_ns > MINUTE_NS ? 4 * spec->period_ns : MINUTE_NS;
    return spec->max_age_ns > 0 ? spec->max_age_ns : usual_ns;
}

/* ---- the kind ---- */

static void find_kind(struct reader *r, const struct tree *item, struct source_spec *source)
{
    for (size_t kind = SOURCE_NONE + 1; kind < SOURCE_KIND_COUNT; kind++) {
        const struct tree *node = tree_get(item, source_kind_row((enum source_kind)kind)->name);
        if (!node)
            continue;
        if (source->kind != SOURCE_NONE) {
            reader_error_key(r, node, RC_CONFLICT, "a source has one kind, this one is %s already",
                             source_kind_row(source->kind)->name);
            return;
        }
        source->kind = (enum source_kind)kind;
    }
    if (source->kind == SOURCE_NONE && item->kind == TREE_OBJECT) {
        char names[160] = "";
        size_t n = 0;
        for (size_t kind = SOURCE_NONE + 1; kind < SOURCE_KIND_COUNT && n < sizeof(names); kind++)
            n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", n > 0 ? ", " : "",
                                  source_kind_row((enum source_kind)kind)->name);
        reader_error(r, item, RC_MISSING, "says not where it comes from: one of %s", names);
    }
}

/* ---- signals ---- */

static void check_signal_count(struct reader *r, const struct tree *item,
                               const struct source_spec *source)
{
    const struct source_kind_row *kind = source_kind_row(source->kind);
    const struct tree *node = tree_get(item, "signal");
    if (source->kind == SOURCE_NONE)
        return;
    if (kind->signals == SOURCE_SIGNALS_OWN && node)
        reader_warning(r, node, "has no effect: a source of the kind %s knows its signals",
                       kind->name);
    else if (kind->signals != SOURCE_SIGNALS_OWN && source->signal_count == 0)
        reader_error(r, item, RC_MISSING,
                     "\"signal\" is missing: what it measures, as \"queue-lag\"");
    else if (kind->signals == SOURCE_SIGNALS_ONE && source->signal_count > 1)
        reader_error(r, node, RC_LIMIT,
                     "names %zu signals, a source of the kind %s measures one: write a source for "
                     "each",
                     source->signal_count, kind->name);
}

static void read_signals(struct reader *r, const struct tree *item, struct source_spec *source)
{
    const struct tree *node = tree_get(item, "signal");
    const size_t up = reader_down(r, span_from("signal"));
    for (size_t i = 0; node && i < source->signal_count; i++) {
        struct diag diag = {.code = RC_OK};
        const struct tree *at = node->kind == TREE_ARRAY ? tree_at(node, i) : node;
        if (signal_parse(span_from(source->signal_text[i]), &source->signal[i], &diag) != RC_OK)
            reader_error(r, at, diag.code, "%s", diag.text);
        for (size_t k = 0; k < i; k++)
            if (strcmp(source->signal_text[i], source->signal_text[k]) == 0)
                reader_error(r, at, RC_DUPLICATE, "\"%s\" is named twice", source->signal_text[i]);
    }
    reader_up(r, up);
}

/* ---- the rest ---- */

static void make_name(struct source_spec *source)
{
    if (source->name[0] == '\0')
        (void)snprintf(source->name, sizeof(source->name), "%s%s%.40s",
                       source_kind_row(source->kind)->name, source->signal_count > 0 ? " " : "",
                       source->signal_count > 0 ? source->signal_text[0] : "");
}

static void check_times(struct reader *r, const struct tree *item, const struct source_spec *source)
{
    const struct tree *timeout = tree_get(item, "timeout");
    if (timeout && source->timeout_ns >= source->period_ns / 2) {
        const size_t up = reader_down(r, span_from("timeout"));
        reader_error(r, timeout, RC_RANGE,
                     "must be below half of `every`, so that a slow round never meets the next");
        reader_up(r, up);
    }
    if (source_max_age_ns(source) < source->period_ns) {
        const struct tree *node = tree_get(item, "maxAge");
        reader_warning(r, node ? node : item,
                       "values are asked for more seldom than they grow too old: raise maxAge "
                       "above `every`");
    }
}

static void check_url(struct reader *r, const struct tree *item, const char *url)
{
    const struct span text = span_from(url);
    const struct tree *node = tree_get(tree_get(item, source_kind_row(SOURCE_HTTP)->name), "url");
    if (!node)
        node = tree_get(tree_get(item, source_kind_row(SOURCE_PROMETHEUS)->name), "url");
    if (url[0] == '\0' || span_starts_with(text, "http://") || span_starts_with(text, "https://"))
        return; /* a missing one is told by the reader */
    reader_error(r, node ? node : item, RC_SYNTAX,
                 "is \"%.80s\", http://HOST:PORT or https://HOST is wanted", url);
}

static void check_plain_url(struct reader *r, const struct tree *section, const char *url)
{
    const struct tree *node = tree_get(section, "url");
    if (!span_starts_with(span_from(url), "http://"))
        reader_error(r, node ? node : section, RC_SYNTAX,
                     "is \"%.80s\", http://HOST:PORT is wanted", url);
}

static void check_access(struct reader *r, const struct tree *item,
                         const struct source_access *access)
{
    const int ways =
        (access->token[0] != '\0') + (access->token_file[0] != '\0') + (access->user[0] != '\0');
    if (ways > 1)
        reader_error(r, item, RC_CONFLICT,
                     "token, tokenFile and user exclude each other: keep one of them");
    if (access->password[0] != '\0' && access->user[0] == '\0')
        reader_error(r, item, RC_MISSING, "a password needs a user");
}

static void read_exec(struct reader *r, struct arena *arena, struct exec_source *exec)
{
    size_t up = reader_down(r, span_from("command"));
    list_read_command(r, arena, exec->command_source, TARGET_ARGS_MAX, &exec->command);
    if (exec->command_source && (exec->command.count == 0 || exec->command.item[0][0] == '\0'))
        reader_error(r, exec->command_source, RC_MISSING, "names no program");
    reader_up(r, up);
    up = reader_down(r, span_from("env"));
    list_read_env(r, arena, exec->env_source, TARGET_ENV_MAX, &exec->env);
    reader_up(r, up);
    up = reader_down(r, span_from("passEnv"));
    list_read(r, arena, exec->pass_env_source, TARGET_ENV_MAX, &exec->pass_env);
    reader_up(r, up);
}

/* Habits that hide that nothing is known. */
static void check_query(struct reader *r, const struct tree *section,
                        const struct prometheus_source *p)
{
    struct promql_scan scan;
    struct diag diag = {.code = RC_OK};
    const struct tree *node = tree_get(section, "query");
    if (node == NULL)
        return; /* told by the reader */
    const size_t up = reader_down(r, span_from("query"));
    if (promql_scan(span_from(p->query), &scan, &diag) != RC_OK) {
        if (diag.code != RC_LIMIT || p->age_query[0] == '\0')
            reader_error(r, node, diag.code, "%s", diag.text);
    } else {
        if (scan.or_vector)
            reader_warning(r, node,
                           "\"or vector(...)\" invents a value where nobody measured one: without "
                           "it nothing is known then, and nothing is lowered on it");
        if (scan.rated.len > 0)
            reader_warning(r, node,
                           "%.*s() counts the growth of a counter, and \"%.*s\" has not the name "
                           "of one (_total, _count, _sum, _bucket): for a gauge each fall reads as "
                           "a reset",
                           SPAN_ARG(scan.rate_name), SPAN_ARG(scan.rated));
    }
    reader_up(r, up);
}

static void check_paths(struct reader *r, const struct tree *section, const struct http_source *h)
{
    const char *const names[] = {"path", "timePath"};
    const char *const values[] = {h->path, h->time_path};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct diag diag = {.code = RC_OK};
        const size_t up = reader_down(r, span_from(names[i]));
        if (json_path_check(span_from(values[i]), &diag) != RC_OK)
            reader_error(r, tree_get(section, names[i]), diag.code, "%s", diag.text);
        reader_up(r, up);
    }
}

static void read_kind(struct reader *r, struct arena *arena, const struct tree *item,
                      struct source_spec *source)
{
    const struct tree *section = tree_get(item, source_kind_row(source->kind)->name);
    const size_t up = reader_down(r, span_from(source_kind_row(source->kind)->name));
    switch (source->kind) {
    case SOURCE_PROMETHEUS:
        check_url(r, item, source->prometheus.url);
        check_access(r, section, &source->prometheus.access);
        check_query(r, section, &source->prometheus);
        break;
    case SOURCE_HTTP:
        check_url(r, item, source->http.url);
        check_access(r, section, &source->http.access);
        check_paths(r, section, &source->http);
        break;
    case SOURCE_PUSH:
        if ((source->push.secret[0] == '\0') == (source->push.secret_file[0] == '\0'))
            reader_error(r, section, RC_MISSING,
                         "needs a secret or a secretFile, one of them: values without a signature "
                         "are not taken");
        break;
    case SOURCE_EXEC:
        read_exec(r, arena, &source->exec);
        break;
    case SOURCE_ENGINE:
        if (!tree_get(item, "every"))
            source->period_ns = SECOND_NS;
        break;
    case SOURCE_DCGM:
        check_plain_url(r, section, source->dcgm.url);
        break;
    case SOURCE_RESOURCE:
    case SOURCE_NONE:
    case SOURCE_KIND_COUNT:
        break;
    }
    reader_up(r, up);
}

static void check_names(struct reader *r, const struct pool_config *pool, size_t index,
                        const struct tree *item)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(pool->source_list[i].name, pool->source_list[index].name) == 0 &&
            !tree_get(item, "name"))
            reader_error(r, item, RC_DUPLICATE,
                         "is the second source \"%s\" of the pool: give each a name",
                         pool->source_list[index].name);
}

void sources_read(struct reader *r, struct arena *arena, struct pool_config *pool)
{
    const struct tree *list = tree_get(pool->source, SOURCES);
    const size_t up = reader_down(r, span_from(SOURCES));
    for (size_t i = 0; i < pool->source_count; i++) {
        struct source_spec *source = &pool->source_list[i];
        const struct tree *item = tree_at(list, i);
        const size_t here = reader_down_index(r, i);
        source->source = item;
        find_kind(r, item, source);
        check_signal_count(r, item, source);
        read_signals(r, item, source);
        make_name(source);
        check_names(r, pool, i, item);
        check_times(r, item, source);
        read_kind(r, arena, item, source);
        reader_up(r, here);
    }
    reader_up(r, up);
}
