/* lists.c - lists of texts and maps of texts out of trees. */
#include "config/lists.h"

#include <string.h>

static const char *keep_text(struct reader *r, struct arena *arena, const struct tree *node)
{
    struct span text;
    char words[READ_VALUE_MAX];
    if (!read_text(node, &text)) {
        reader_error(r, node, RC_INVALID, "is %s, a text is wanted", read_value_words(node, words));
        return NULL;
    }
    if (text.len > 0 && memchr(text.ptr, 0, text.len)) {
        reader_error(r, node, RC_INVALID, "holds a NUL character, which no text may");
        return NULL;
    }
    const char *kept = arena_copy(arena, text).ptr;
    if (!kept)
        reader_error(r, node, RC_NO_MEMORY, "no memory left");
    return kept;
}

static bool fits(struct reader *r, const struct tree *node, size_t most)
{
    if (node->count <= most)
        return true;
    reader_error(r, node, RC_LIMIT, "has %zu elements, at most %zu are allowed", node->count, most);
    return false;
}

void list_read(struct reader *r, struct arena *arena, const struct tree *node, size_t most,
               struct text_list *ret)
{
    *ret = (struct text_list){NULL, 0};
    if (!node || !fits(r, node, most))
        return;
    const bool list = node->kind == TREE_ARRAY;
    const char **item = arena_array(arena, list ? node->count + 1 : 1, sizeof(*item));
    if (!item) {
        reader_error(r, node, RC_NO_MEMORY, "no memory left");
        return;
    }
    size_t n = 0, index = 0;
    for (const struct tree *t = list ? node->first : node; t; t = list ? t->next : NULL, index++) {
        const size_t up = list ? reader_down_index(r, index) : r->path_len;
        item[n] = keep_text(r, arena, t);
        n += item[n] != NULL;
        reader_up(r, up);
    }
    *ret = (struct text_list){item, n};
}

void list_read_command(struct reader *r, struct arena *arena, const struct tree *node, size_t most,
                       struct text_list *ret)
{
    struct diag diag = {.code = RC_OK};
    *ret = (struct text_list){NULL, 0};
    if (!node || node->kind != TREE_STRING) {
        list_read(r, arena, node, most, ret);
        return;
    }
    if (memchr(node->text.ptr, 0, node->text.len))
        reader_error(r, node, RC_INVALID, "holds a NUL character, which no text may");
    else if (command_split(arena, node->text, ret, &diag) != RC_OK)
        reader_error(r, node, diag.code, "%s", diag.text);
    else if (ret->count > most)
        reader_error(r, node, RC_LIMIT, "has %zu words, at most %zu are allowed", ret->count, most);
}

static bool is_env_name(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.ptr[i];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(i > 0 && c >= '0' && c <= '9'))
            return false;
    }
    return name.len > 0;
}

void list_read_env(struct reader *r, struct arena *arena, const struct tree *node, size_t most,
                   struct env_list *ret)
{
    char words[READ_VALUE_MAX];
    *ret = (struct env_list){NULL, 0};
    if (!node)
        return;
    if (node->kind != TREE_OBJECT) {
        reader_error(r, node, RC_INVALID, "is %s, names and values are wanted, as in {NAME: value}",
                     read_value_words(node, words));
        return;
    }
    if (!fits(r, node, most))
        return;
    struct env_pair *item = arena_array(arena, node->count + 1, sizeof(*item));
    size_t n = 0;
    for (const struct tree *t = node->first; t && item; t = t->next) {
        const size_t up = reader_down(r, t->key);
        if (!is_env_name(t->key))
            reader_error_key(r, t, RC_INVALID,
                             "a name of a variable has letters, digits and _ only");
        item[n].name = arena_copy(arena, t->key).ptr;
        item[n].value = keep_text(r, arena, t);
        n += item[n].name && item[n].value;
        reader_up(r, up);
    }
    *ret = (struct env_list){item, n};
}

bool list_join(struct arena *arena, const struct text_list *a, const struct text_list *b,
               struct text_list *ret)
{
    const char **item = arena_array(arena, a->count + b->count + 1, sizeof(*item));
    if (!item)
        return false;
    if (a->count > 0)
        memcpy(item, a->item, a->count * sizeof(*item));
    if (b->count > 0)
        memcpy(item + a->count, b->item, b->count * sizeof(*item));
    *ret = (struct text_list){item, a->count + b->count};
    return true;
}

bool list_holds(const struct text_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->item[i], text) == 0)
            return true;
    return false;
}
