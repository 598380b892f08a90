/* opt.c - defaults from option rows, hashes of field rows, and the nearest known name. */
#include "base/opt.h"

#include <math.h>
#include <string.h>

#include "base/duration.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/rc.h"
#include "base/rng.h"

#define OPT_DEPTH_MAX 8 /* tables nest by hand; deeper is a table that contains itself */

static void set_text(const struct opt *row, char *member)
{
    if (row->size == 0)
        return;
    memset(member, 0, row->size);
    (void)span_copy(span_from(row->def_text), member, row->size); /* a table is not outside data */
}

const void *opt_elements(const struct opt *row, const void *config)
{
    const char *member = (const char *)config + row->offset;
    return row->flags & OPT_FLAG_APART ? *(const void *const *)(const void *)member : member;
}

const void *opt_struct(const struct opt *row, const void *config)
{
    return opt_elements(row, config);
}

static void set_empty_list(const struct opt *row, void *config)
{
    const size_t zero = 0;
    const size_t bytes = row->flags & OPT_FLAG_APART ? sizeof(void *) : row->list_max * row->size;
    memset((char *)config + row->offset, 0, bytes);
    memcpy((char *)config + row->count_offset, &zero, sizeof(zero));
}

static void defaults_at(const struct opt *rows, size_t count, void *config, int depth);

static void default_of(const struct opt *row, void *config, int depth)
{
    char *member = (char *)config + row->offset;
    const double number = row->flags & OPT_FLAG_UNSET_NAN ? NAN : row->def;
    const int64_t whole = num_to_int(row->def, INT64_MIN, INT64_MAX);
    const int64_t ns = ns_of_seconds(row->def);
    const int choice = (int)num_to_int(row->def, INT32_MIN, INT32_MAX);
    const bool truth = row->def != 0.0;

    switch (row->kind) {
    case OPT_BOOL:
        memcpy(member, &truth, sizeof(truth));
        break;
    case OPT_INT:
        memcpy(member, &whole, sizeof(whole));
        break;
    case OPT_NUMBER:
    case OPT_QUANTITY:
        memcpy(member, &number, sizeof(number));
        break;
    case OPT_DURATION:
        memcpy(member, &ns, sizeof(ns));
        break;
    case OPT_TEXT:
        set_text(row, member);
        break;
    case OPT_ENUM:
        memcpy(member, &choice, sizeof(choice));
        break;
    case OPT_STRUCT:
        if (row->flags & OPT_FLAG_APART)
            memcpy(member, &row->defaults, sizeof(row->defaults));
        else
            defaults_at(row->sub, row->sub_count, member, depth + 1);
        break;
    case OPT_LIST:
    case OPT_TEXTS:
        set_empty_list(row, config);
        break;
    case OPT_TREE:
        opt_set_tree(member, NULL);
        break;
    }
}

static void defaults_at(const struct opt *rows, size_t count, void *config, int depth)
{
    if (depth > OPT_DEPTH_MAX)
        return;
    for (size_t i = 0; i < count; i++)
        default_of(&rows[i], config, depth);
}

void opt_defaults(const struct opt *rows, size_t count, void *config)
{
    defaults_at(rows, count, config, 0);
}

const struct opt *opt_find(const struct opt *rows, size_t count, struct span name)
{
    for (size_t i = 0; i < count; i++)
        if (span_equal_text(name, rows[i].name))
            return &rows[i];
    return NULL;
}

uint64_t field_table_hash(const struct field *rows, size_t count, uint64_t seed)
{
    uint64_t hash = hash_u64(seed, count);
    for (size_t i = 0; i < count; i++) {
        hash = hash_span(hash, span_from(rows[i].name));
        hash = hash_u64(hash, (uint64_t)rows[i].kind);
        hash = hash_u64(hash, rows[i].offset);
        hash = hash_u64(hash, rows[i].count);
    }
    return hash;
}

static char fold_case(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c | 0x20);
    return c;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Damerau-Levenshtein distance (insert, delete, replace, swap of neighbours), ASCII case ignored.
 * Both at most NAME_SIZE bytes. */
static size_t edit_distance(struct span a, struct span b)
{
    size_t rows[3][NAME_SIZE + 1];
    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *now = rows[i % 3];
        const size_t *up = rows[(i + 2) % 3];
        const size_t *up2 = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            const char x = fold_case(a.ptr[i - 1]);
            const char y = fold_case(b.ptr[j - 1]);
            now[j] = smaller(smaller(up[j], now[j - 1]) + 1, up[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == fold_case(b.ptr[j - 2]) && y == fold_case(a.ptr[i - 2]))
                now[j] = smaller(now[j], up2[j - 2] + 1);
        }
    }
    return rows[a.len % 3][b.len];
}

const char *name_nearest(struct span name, const char *const *known, size_t count)
{
    if (name.len == 0 || name.len > NAME_SIZE)
        return NULL;
    size_t best = name.len < 6 ? 2 : name.len / 3 + 1; /* one more than allowed */
    const char *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct span other = span_from(known[i]);
        if (other.len > NAME_SIZE)
            continue;
        const size_t distance = edit_distance(name, other);
        if (distance < best) {
            best = distance;
            nearest = known[i];
        }
    }
    return nearest;
}
