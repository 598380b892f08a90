#include "cli/compare/oracle_columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPARE 2
#define COLUMN_BYTES_MAX ((size_t)1 << 20)
#define ARENA_BYTES_MAX ((size_t)64 << 20)

size_t oracle_columns_count(const struct cell *cell, int64_t peak)
{
    return (size_t)(peak + SPARE < cell->replicas_max ? peak + SPARE : cell->replicas_max);
}

static void name_column(size_t n, char *ret, size_t size)
{
    (void)snprintf(ret, size, "misses by minute of %zu", n);
}

static void print_column(const struct simulation_result *result, struct buf *ret)
{
    struct json_writer w;
    json_init(&w, ret);
    json_object(&w);
    json_member_number(&w, "attainment", result->world.attainment);
    json_member_number(&w, "gpuHours", result->world.gpu_hours);
    json_key(&w, "missed");
    json_array(&w);
    for (size_t i = 0; i < result->minute_count; i++)
        json_int(&w, result->minute[i].ended - result->minute[i].good);
    json_array_end(&w);
    json_object_end(&w);
}

/* The text of a column, from what is kept or played and put there. */
static enum rc column(struct player *player, size_t n, struct buf *ret)
{
    char name[64];
    struct sweep_point kept;
    struct simulation_result result = {.minute = NULL};
    const struct sweep_point point = {.knob = (double)n};
    const struct player_run how = {.initial = (int64_t)n, .minutes = true};
    struct buf ignored;
    name_column(n, name, sizeof name);
    player_choose(player, "static", baseline_find(span_from("static")));
    if (player_kept(player, span_from(name), &kept, ret))
        return RC_OK;
    buf_clear(ret);
    buf_init(&ignored, COLUMN_BYTES_MAX);
    enum rc rc = player_run(player, &point, &how, &result, &ignored);
    buf_done(&ignored);
    if (rc == RC_OK) {
        print_column(&result, ret);
        rc = ret->failed ? RC_LIMIT : player_keep(player, span_from(name), buf_view(ret));
    }
    free(result.minute);
    return rc;
}

void oracle_columns_play(struct player *player, const struct cell *cell, int64_t peak, size_t share,
                         size_t share_count)
{
    struct cell cold = *cell;
    enum rc rc = RC_OK;
    cold.warm = false;
    player_set(player, &cold);
    for (size_t n = oracle_columns_count(cell, peak); n >= 1 && rc == RC_OK; n--) {
        struct buf text;
        if (n % share_count != share)
            continue;
        buf_init(&text, COLUMN_BYTES_MAX);
        rc = column(player, n, &text);
        buf_done(&text);
    }
    player_set(player, cell);
}

static enum rc fill(struct oracle_table *table, size_t n, struct span text)
{
    struct arena arena;
    const struct tree *object = NULL;
    const struct json_limits limits = {.depth_max = 8};
    arena_init(&arena, ARENA_BYTES_MAX);
    enum rc rc = json_read(&arena, text, &limits, &object, NULL);
    const struct tree *missed = rc == RC_OK ? tree_get(object, "missed") : NULL;
    size_t windows = 0;
    for (const struct tree *one = missed != NULL ? missed->first : NULL; one != NULL;
         one = one->next)
        windows++;
    if (rc == RC_OK && windows == 0)
        rc = RC_CORRUPT;
    if (rc == RC_OK && table->miss == NULL)
        rc = oracle_table_init(table, windows, table->count_max);
    size_t w = 0;
    for (const struct tree *one = rc == RC_OK ? missed->first : NULL;
         one != NULL && w < table->windows; one = one->next, w++)
        (void)tree_number(one, &table->miss[w * table->count_max + n - 1]);
    arena_done(&arena);
    return rc;
}

enum rc oracle_columns_read(struct player *player, size_t count_max, struct oracle_table *ret)
{
    enum rc rc = RC_OK;
    *ret = (struct oracle_table){.count_max = count_max};
    /* From the largest fleet: its run is the shortest, as others may end with a queue. */
    for (size_t n = count_max; n >= 1 && rc == RC_OK; n--) {
        struct buf text;
        buf_init(&text, COLUMN_BYTES_MAX);
        rc = column(player, n, &text);
        if (rc == RC_OK)
            rc = fill(ret, n, buf_view(&text));
        buf_done(&text);
    }
    return rc;
}
