/* fuzz_config.c - YAML and JSON into a configuration: what is refused is told with a place inside
 * the text; what is accepted can be explained, compared with itself and read again the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/resolved.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool print_value(void *user, const struct resolved *value)
{
    resolved_print(user, value->row, value->base);
    return true;
}

static void check_accepted(const struct config *config, const struct config *again)
{
    struct config_diff diff;
    struct buf out;
    CHECK(config && again);
    CHECK(config->pool_count >= 1);
    for (size_t i = 0; i < config->pool_count; i++) {
        const struct pool_spec *spec = &config->pool[i]->core;
        CHECK(spec->replicas_min >= 0 && spec->replicas_min <= spec->replicas_max);
        CHECK(spec->replicas_max <= REPLICAS_MAX);
        CHECK(config->pool[i]->target.kind != TARGET_NONE);
        CHECK(config->pool[i]->target_hash == again->pool[i]->target_hash);
    }
    CHECK(config_diff(config, again, &diff) == RC_OK);
    CHECK(diff.general_count == 0 && diff.pool_count == config->pool_count);
    for (size_t i = 0; i < diff.pool_count; i++)
        CHECK(diff.pool[i].change == POOL_UNCHANGED);
    config_diff_done(&diff);
    buf_init(&out, 1 << 26);
    config_visit(config, print_value, &out);
    buf_done(&out);
}

static void check_refused(const struct problem_list *problems, struct span text)
{
    struct buf out;
    buf_init(&out, 1 << 26);
    CHECK(problems->errors > 0 && problems->count > 0);
    for (size_t i = 0; i < problems->count; i++) {
        const struct problem *p = &problems->item[i];
        CHECK(p->line <= text.len + 1 && p->column <= text.len + 2);
        CHECK(p->text[0] != '\0');
        problem_print(&out, p, text, false);
    }
    CHECK(!out.failed);
    buf_done(&out);
}

static void read_as(const char *file, struct span text)
{
    static const struct env_pair pairs[] = {{"A", "1"}, {"B", "[x: ${env:A}"}};
    const struct env_table env = {.item = pairs, .count = 2};
    struct problem_list problems, again;
    problem_list_init(&problems);
    problem_list_init(&again);
    struct config *config = config_read(file, text, &env, &problems);
    struct config *second = config_read(file, text, &env, &again);
    CHECK((config == NULL) == (problems.errors > 0));
    CHECK(problems.count == again.count);
    if (config)
        check_accepted(config, second);
    else
        check_refused(&problems, text);
    config_free(config);
    config_free(second);
    problem_list_done(&problems);
    problem_list_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span text = span_of(data, size);
    if (size > 65536)
        return 0;
    read_as(size > 0 && data[0] == '{' ? "fuzz.json" : "fuzz.yaml", text);
    return 0;
}
