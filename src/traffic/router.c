#include "traffic/router.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/opt.h"
#include "base/rng.h"
#include "traffic/lookup.h"

#define NAME_SEED UINT64_C(0x40de1)

/* Entries of one name stand together, by order. */
struct entry {
    struct route_model model;
    size_t name; /* index of its name */
    size_t rank; /* place in the snapshot, for a stable sort */
};

struct name {
    const char *text; /* inside entries */
    size_t len;       /* without the '*' of a wildcard */
    size_t first;     /* entries */
    size_t count;
    bool wildcard;
};

struct router {
    struct entry *entries;
    size_t entry_count;
    struct name *names; /* in order of first mention */
    size_t name_count;
    const char **plain; /* names without wildcards, for suggestions and lists */
    uint16_t *plain_pool;
    size_t plain_count;
    struct lookup by_name; /* hash of the name */
};

static uint64_t name_hash(struct span name)
{
    return hash_span(NAME_SEED, name);
}

static int entry_compare(const void *a, const void *b)
{
    const struct entry *x = a;
    const struct entry *y = b;
    if (x->name != y->name)
        return x->name < y->name ? -1 : 1;
    if (x->model.order != y->model.order)
        return x->model.order < y->model.order ? -1 : 1;
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

void router_free(struct router *router)
{
    if (!router)
        return;
    free(router->entries);
    free(router->names);
    free(router->plain);
    free(router->plain_pool);
    lookup_done(&router->by_name);
    free(router);
}

/* Numbers the names in order of first mention. */
static enum rc number_names(struct router *router)
{
    for (size_t i = 0; i < router->entry_count; i++) {
        struct entry *entry = &router->entries[i];
        const uint64_t hash = name_hash(span_from(entry->model.name));
        const uint32_t known = lookup_get(&router->by_name, hash);
        if (known != SLOT_NONE) {
            entry->name = known;
            continue;
        }
        const enum rc rc = lookup_put(&router->by_name, hash, (uint32_t)router->name_count);
        if (rc != RC_OK)
            return rc;
        entry->name = router->name_count++;
    }
    return RC_OK;
}

static void group_entries(struct router *router)
{
    qsort(router->entries, router->entry_count, sizeof(*router->entries), entry_compare);
    for (size_t i = 0; i < router->entry_count; i++) {
        const struct entry *entry = &router->entries[i];
        struct name *name = &router->names[entry->name];
        if (name->count++ > 0)
            continue;
        name->text = entry->model.name;
        name->first = i;
        name->len = strlen(name->text);
        name->wildcard = name->len > 0 && name->text[name->len - 1] == '*';
        if (name->wildcard) {
            name->len--;
        } else {
            router->plain_pool[router->plain_count] = entry->model.pool;
            router->plain[router->plain_count++] = name->text;
        }
    }
}

struct router *router_new(const struct routes *routes)
{
    struct router *router = mem_new(1, sizeof(*router));
    if (!router)
        return NULL;
    const size_t room = routes->model_count > 0 ? routes->model_count : 1;
    router->entries = mem_new(room, sizeof(*router->entries));
    router->names = mem_new(room, sizeof(*router->names));
    router->plain = mem_new(room, sizeof(*router->plain));
    router->plain_pool = mem_new(room, sizeof(*router->plain_pool));
    if (!router->entries || !router->names || !router->plain || !router->plain_pool)
        goto failed;
    for (size_t i = 0; i < routes->model_count; i++) {
        if (routes->model[i].pool >= routes->pool_count || routes->model[i].name[0] == '\0')
            continue;
        struct entry *entry = &router->entries[router->entry_count++];
        entry->model = routes->model[i];
        entry->model.name[sizeof(entry->model.name) - 1] = '\0';
        entry->model.upstream[sizeof(entry->model.upstream) - 1] = '\0';
        entry->rank = i;
    }
    if (number_names(router) != RC_OK)
        goto failed;
    group_entries(router);
    return router;
failed:
    router_free(router);
    return NULL;
}

static const struct name *exact(const struct router *router, struct span model)
{
    const uint32_t at = lookup_get(&router->by_name, name_hash(model));
    if (at == SLOT_NONE || router->names[at].wildcard ||
        !span_equal_text(model, router->names[at].text))
        return NULL;
    return &router->names[at];
}

static const struct name *match(const struct router *router, struct span model)
{
    static const char latest[] = ":latest";
    const size_t tag = sizeof(latest) - 1;
    const struct name *found = exact(router, model);
    if (!found && model.len > tag && span_ends_with(model, latest))
        found = exact(router, span_slice(model, 0, model.len - tag));
    if (!found && model.len + tag < TEXT_SIZE && model.len > 0 &&
        span_find_byte(model, ':', 0) == SIZE_MAX) {
        char tagged[TEXT_SIZE];
        memcpy(tagged, model.ptr, model.len);
        memcpy(tagged + model.len, latest, tag);
        found = exact(router, span_of(tagged, model.len + tag));
    }
    for (size_t i = 0; !found && i < router->name_count; i++) {
        const struct name *name = &router->names[i];
        if (!name->wildcard || model.len < name->len ||
            memcmp(model.ptr, name->text, name->len) != 0)
            continue;
        found = name;
        for (size_t j = i + 1; j < router->name_count; j++) { /* the longest prefix */
            const struct name *other = &router->names[j];
            if (other->wildcard && other->len > found->len && model.len >= other->len &&
                memcmp(model.ptr, other->text, other->len) == 0)
                found = other;
        }
    }
    return found;
}

static double weight_of(const struct entry *entry)
{
    const double weight = entry->model.weight_percent;
    return weight > 0 && weight < 1e9 ? weight : 0;
}

/* Index of the entry of [first, end) on which the draw falls; all of weight 0 share equally. */
static size_t drawn(const struct router *router, size_t first, size_t end, uint64_t draw)
{
    double total = 0;
    for (size_t i = first; i < end; i++)
        total += weight_of(&router->entries[i]);
    const double unit = (double)(draw >> 11) / 9007199254740992.0; /* 2^53 */
    if (total <= 0)
        return first + (size_t)(unit * (double)(end - first));
    double left = unit * total;
    for (size_t i = first; i < end; i++) {
        left -= weight_of(&router->entries[i]);
        if (left < 0)
            return i;
    }
    return end - 1;
}

static size_t add(const struct entry *entry, struct router_choice *ret, size_t count)
{
    if (count < ROUTER_CHOICES_MAX)
        ret[count++] = (struct router_choice){.pool = entry->model.pool,
                                              .order = entry->model.order,
                                              .upstream = entry->model.upstream};
    return count;
}

size_t router_find(const struct router *router, struct span model, uint64_t draw,
                   struct router_choice ret[ROUTER_CHOICES_MAX])
{
    const struct name *name = match(router, model);
    if (!name)
        return 0;
    size_t count = 0;
    const size_t last = name->first + name->count;
    for (size_t at = name->first; at < last;) {
        size_t end = at + 1;
        while (end < last && router->entries[end].model.order == router->entries[at].model.order)
            end++;
        const size_t first = drawn(router, at, end, draw);
        count = add(&router->entries[first], ret, count);
        for (size_t i = at; i < end; i++)
            if (i != first && weight_of(&router->entries[i]) > 0)
                count = add(&router->entries[i], ret, count);
        at = end;
    }
    return count;
}

size_t router_near(const struct router *router, struct span model, const char *ret[ROUTER_NEAR_MAX])
{
    size_t count = 0;
    const char *left[64];
    size_t n = router->plain_count < 64 ? router->plain_count : 64;
    for (size_t i = 0; i < n; i++)
        left[i] = router->plain[i];
    while (count < ROUTER_NEAR_MAX) {
        const char *near = name_nearest(model, left, n);
        if (!near)
            break;
        ret[count++] = near;
        for (size_t i = 0; i < n; i++)
            if (left[i] == near) {
                left[i] = left[--n];
                break;
            }
    }
    return count;
}

size_t router_count(const struct router *router)
{
    return router->plain_count;
}

const char *router_name(const struct router *router, size_t index)
{
    assert(index < router->plain_count);
    return router->plain[index];
}

uint16_t router_pool(const struct router *router, size_t index)
{
    assert(index < router->plain_count);
    return router->plain_pool[index];
}
