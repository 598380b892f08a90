/* What an earlier run left, read before the first event: the time axis, ids, states of groups, pins
 * and pauses, and the engines that still run. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "base/num.h"
#include "control/control_internal.h"
#include "io/clock.h"

#define DOCUMENTS_MAX 4096
#define DOCUMENT_BYTES_MAX (16U << 20)

/* ---- opening ---- */

/* What cannot be read is begun afresh; people should know. */
static void tell_unread(struct control *control, const char *what, enum rc rc,
                        const struct diag *diag)
{
    if (rc != RC_OK)
        log_event(control->log, LOG_PROBLEM, LOG_TEXT("what", what),
                  LOG_TEXT("text", "the state file holds some that cannot be read"),
                  LOG_TEXT("why", diag->text));
}

static void read_documents(struct control *control, struct store *store, const char *kind,
                           store_document_fn *each, void *context)
{
    struct diag diag = {0};
    tell_unread(control, kind, store_each(store, kind, each, context, &diag), &diag);
}

static bool newest_tick(void *context, const struct store_tick *tick)
{
    struct store_tick *ret = context;
    ret->wall_ns = tick->wall_ns;
    ret->now_ns = tick->now_ns;
    return false;
}

/* R7: the axis goes on behind what was seen last, by the time that really passed as far as the wall
 * clock can tell; never back. */
static void continue_axis(struct control *control, struct store *store)
{
    struct store_tick newest = {0};
    const struct store_query query = {
        .to_ns = INT64_MAX, .from_ns = INT64_MIN, .newest_first = true, .limit = 1};
    struct diag diag = {0};
    tell_unread(control, "ticks", store_ticks(store, &query, newest_tick, &newest, &diag), &diag);
    const int64_t last_ns = store_last_now(store);
    if (last_ns == 0)
        return;
    int64_t now_ns = num_add_sat(last_ns, SECOND_NS);
    if (newest.wall_ns > 0) {
        const int64_t away_ns = num_add_sat(clock_wall_ns(), -newest.wall_ns);
        const int64_t told_ns = num_add_sat(newest.now_ns, away_ns);
        now_ns = told_ns > now_ns ? told_ns : now_ns;
    }
    control->axis_offset_ns = now_ns - clock_monotonic_ns();
}

enum rc restore_open(struct control *control, struct store **ret, struct diag *diag)
{
    struct store_opening opening;
    const enum rc rc = store_open(control->state_path, ret, &opening, diag);
    if (rc != RC_OK)
        return rc;
    if (opening.renamed_aside)
        log_event(control->log, LOG_STATE_DAMAGED, LOG_TEXT("file", control->state_path),
                  LOG_TEXT("aside", opening.aside_path));
    control->read_only = opening.read_only;
    continue_axis(control, *ret);
    return RC_OK;
}

static bool take_id(void *context, struct span key, struct span json)
{
    uint64_t *first = context;
    int64_t value = 0;
    (void)key;
    if (num_parse_int(json, &value) == RC_OK && value > 0)
        *first = (uint64_t)value;
    return false;
}

uint64_t restore_first_id(struct control *control, struct store *store)
{
    uint64_t first = 1;
    if (store != NULL)
        read_documents(control, store, KIND_IDS, take_id, &first);
    control->ids_reserved = first;
    return first;
}

/* ---- before the first event ---- */

static void restore_group(struct control *control, struct store *store, size_t group)
{
    const struct group_spec *spec = reconcile_group_of(control->reconcile, group);
    struct buf bytes;
    struct diag diag = {0};
    uint64_t hash = 0;
    int64_t now_ns = 0;
    buf_init(&bytes, RECORD_BYTES_MAX);
    const enum rc rc = store_state_get(store, group_name(spec), &hash, &now_ns, &bytes, &diag);
    while (rc == RC_OK && bytes.len < group_state_size(spec) && !bytes.failed)
        buf_byte(&bytes, 0); /* zeros at the end are not kept */
    if (rc == RC_OK &&
        reconcile_restore(control->reconcile, group, bytes.ptr, bytes.len, &diag) != RC_OK)
        log_event(control->log, LOG_PROBLEM, LOG_TEXT("group", group_name(spec)),
                  LOG_TEXT("text", "its history does not fit the configuration: begun afresh"),
                  LOG_TEXT("why", diag.text));
    buf_done(&bytes);
}

struct words {
    struct control *control;
    enum event_kind kind;
    struct arena arena;
};

/* A pin or pause as history_word() wrote it. */
static bool restore_word(void *context, struct span key, struct span json)
{
    struct words *words = context;
    const struct tree *tree = NULL;
    char pool[NAME_SIZE];
    char text[TEXT_SIZE] = "";
    struct span span;
    struct event event = {
        .kind = words->kind, .pool = pool, .count = NO_COUNT, .up = true, .text = text};
    if (!span_copy(key, pool, sizeof(pool)) ||
        json_read(&words->arena, json, NULL, &tree, NULL) != RC_OK)
        return true;
    event.until_wall_ns = TIME_NONE;
    (void)tree_int(tree_get(tree, "replicas"), &event.count);
    (void)tree_int(tree_get(tree, "until"), &event.until_wall_ns);
    if (tree_string(tree_get(tree, "reason"), &span))
        (void)span_copy(span, text, sizeof(text));
    if (event.until_wall_ns == TIME_NONE || event.until_wall_ns > clock_wall_ns())
        control_event(words->control, &event);
    arena_clear(&words->arena);
    return true;
}

static void restore_words(struct control *control, struct store *store, const char *kind,
                          enum event_kind event)
{
    struct words words = {.control = control, .kind = event};
    arena_init(&words.arena, 1U << 20);
    read_documents(control, store, kind, restore_word, &words);
    arena_done(&words.arena);
}

struct startups {
    struct control *control;
    struct arena arena;
};

static bool restore_startups(void *context, struct span key, struct span json)
{
    struct startups *startups = context;
    const struct tree *tree = NULL;
    char pool[NAME_SIZE];
    if (span_copy(key, pool, sizeof(pool)) &&
        json_read(&startups->arena, json, NULL, &tree, NULL) == RC_OK && tree->kind == TREE_ARRAY) {
        for (const struct tree *item = tree->first; item != NULL; item = item->next) {
            int64_t span_ns = 0;
            if (tree_int(item, &span_ns) &&
                reconcile_startup(startups->control->reconcile, pool, span_ns) != RC_OK)
                break; /* no such pool any more */
        }
    }
    arena_clear(&startups->arena);
    return true;
}

/* The rows of a pool stand together. */
static bool take_bill(void *context, const struct store_bill *bill)
{
    struct control *control = context;
    struct paid *last = control->paid_count > 0 ? &control->paid[control->paid_count - 1] : NULL;
    if (last != NULL && strcmp(last->pool, bill->pool) == 0) {
        last->cost += bill->cost;
        return true;
    }
    void *array = control->paid;
    size_t cap = control->paid_count;
    if (mem_grow(&array, &cap, control->paid_count + 1, sizeof(struct paid), CONFIG_POOLS_MAX) !=
        RC_OK)
        return false;
    control->paid = array;
    last = &control->paid[control->paid_count++];
    *last = (struct paid){.day = bill->day, .cost = bill->cost};
    (void)span_copy(span_from(bill->pool), last->pool, sizeof(last->pool));
    return true;
}

static void restore_money(struct control *control, struct store *store)
{
    struct diag diag = {0};
    const int64_t today = clock_wall_ns() / DAY_NS;
    tell_unread(control, "money", store_bills(store, NULL, today, take_bill, control, &diag),
                &diag);
}

void restore_all(struct control *control, struct store *store)
{
    struct startups startups = {.control = control};
    arena_init(&startups.arena, 1U << 20);
    read_documents(control, store, KIND_STARTUPS, restore_startups, &startups);
    arena_done(&startups.arena);
    for (size_t i = 0; i < control->setting->installation->spec.group_count; i++)
        restore_group(control, store, i);
    restore_words(control, store, KIND_PIN, EVENT_PIN);
    restore_words(control, store, KIND_PAUSE, EVENT_PAUSE);
    restore_money(control, store);
}

struct documents {
    struct arena arena;
    struct span *item;
    size_t count;
};

static bool take_document(void *context, struct span key, struct span json)
{
    (void)key;
    struct documents *documents = context;
    const struct span copy = arena_copy(&documents->arena, json);
    if (copy.ptr == NULL || documents->count == DOCUMENTS_MAX)
        return false;
    documents->item[documents->count++] = copy;
    return true;
}

void restore_scan(struct control *control, struct store *store)
{
    struct documents documents = {0};
    arena_init(&documents.arena, DOCUMENT_BYTES_MAX);
    documents.item = arena_array(&documents.arena, DOCUMENTS_MAX, sizeof(*documents.item));
    if (store != NULL && documents.item != NULL)
        read_documents(control, store, KIND_REPLICA, take_document, &documents);
    targets_scan(control->targets, documents.item, documents.count);
    arena_done(&documents.arena);
}
