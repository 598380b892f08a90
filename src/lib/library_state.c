/* library_state.c - the states of all groups of a handle as one JSON text, and back. */
#include <stdlib.h>
#include <string.h>

#include "base/tree.h"
#include "lib/library.h"

#define LOAD_BYTES_MAX ((size_t)4 << 30)

void sluice_start(struct sluice *s, int64_t now_ns, const int64_t *replicas)
{
    for (size_t i = 0; i < s->group_count; i++) {
        struct library_group *group = &s->group[i];
        int64_t initial[POOLS_PER_GROUP_MAX] = {0};
        for (size_t k = 0; k < group->pool_count; k++)
            initial[k] = replicas[group->pool[k]];
        group_state_init(group->spec, group->state, now_ns, initial);
    }
}

/* What a text takes; it is written whole or not at all. */
static size_t hand_out(struct buf *text, char *ret, size_t size)
{
    const size_t length = text->failed ? 0 : text->len;
    if (length > 0 && length < size) {
        memcpy(ret, text->ptr, length);
        ret[length] = '\0';
    }
    buf_done(text);
    return length;
}

size_t sluice_save(const struct sluice *s, char *text, size_t size)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, LIBRARY_TEXT_MAX);
    json_init(&w, &out);
    json_object(&w);
    for (size_t i = 0; i < s->group_count; i++) {
        json_key(&w, s->group[i].name);
        group_state_print(s->group[i].spec, s->group[i].state, &w);
    }
    json_object_end(&w);
    return hand_out(&out, text, size);
}

/* Into a copy, so that nothing changes when it is refused. */
static enum rc load_group(const struct library_group *group, const struct tree *json,
                          struct arena *arena, struct group_state **ret, struct diag *diag)
{
    const struct tree *own = tree_get(json, group->name);
    const size_t size = group_state_size(group->spec);
    struct group_state *state = arena_alloc(arena, size);
    if (own == NULL)
        return fail(diag, RC_MISSING, "there is no state of \"%s\"", group->name);
    if (state == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory left");
    enum rc rc = group_state_parse(group->spec, own, state, diag);
    if (rc == RC_OK)
        rc = group_state_check(group->spec, state, size, diag);
    if (rc != RC_OK)
        diag_at(diag, "%s", group->name);
    *ret = state;
    return rc;
}

int32_t sluice_load(struct sluice *s, const char *text, size_t length, struct sluice_error *error)
{
    struct diag diag = {.code = RC_OK};
    struct arena arena;
    const struct tree *json = NULL;
    arena_init(&arena, LOAD_BYTES_MAX);
    struct group_state **state = arena_array(&arena, s->group_count, sizeof(struct group_state *));
    enum rc rc = state == NULL ? fail(&diag, RC_NO_MEMORY, "no memory left")
                               : json_read(&arena, span_of(text, length), NULL, &json, &diag);
    for (size_t i = 0; i < s->group_count && rc == RC_OK; i++)
        rc = load_group(&s->group[i], json, &arena, &state[i], &diag);
    for (size_t i = 0; i < s->group_count && rc == RC_OK; i++)
        memcpy(s->group[i].state, state[i], group_state_size(s->group[i].spec));
    arena_done(&arena);
    diag.code = rc;
    return library_told(error, &diag, rc != RC_OK);
}

size_t sluice_decision_text(const struct sluice *s, size_t pool, char *text, size_t size)
{
    struct buf out;
    struct json_writer w;
    if (pool >= s->pool_count)
        return 0;
    const struct library_group *group = library_group_of(s, pool);
    buf_init(&out, LIBRARY_TEXT_MAX);
    json_init(&w, &out);
    decision_print(group->spec, s->place[pool].pool, &group->decision[s->place[pool].pool], &w);
    return hand_out(&out, text, size);
}
