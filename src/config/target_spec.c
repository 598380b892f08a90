/* target_spec.c - splitting commands, filling placeholders, and the hash of what makes a replica.
 */
#include "config/target_spec.h"

#include <assert.h>
#include <string.h>

#include "base/num.h"
#include "base/rng.h"

struct splitter {
    struct arena *arena;
    struct span text;
    size_t at;
    struct diag *diag;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_spaces(struct splitter *s)
{
    while (s->at < s->text.len) {
        if (span_starts_with(span_slice(s->text, s->at, 2), "\\\n"))
            s->at++; /* the line goes on */
        else if (!is_space(s->text.ptr[s->at]))
            break;
        s->at++;
    }
}

/* One word into out (room for the whole text); its length, or SIZE_MAX for an open quote. */
static size_t split_word(struct splitter *s, char *out)
{
    size_t n = 0;
    char quote = 0;
    for (; s->at < s->text.len; s->at++) {
        const char c = s->text.ptr[s->at];
        char next = '\0';
        if (s->at + 1 < s->text.len)
            next = s->text.ptr[s->at + 1];
        if (quote == 0 && is_space(c))
            break;
        if (quote == 0 && (c == '"' || c == '\'')) {
            quote = c;
        } else if (quote != 0 && c == quote) {
            quote = 0;
        } else if (c == '\\' && quote != '\'' &&
                   (quote == 0 || (next != 0 && strchr("\"\\$`\n", next)))) {
            s->at++;
            if (next != 0 && next != '\n')
                out[n++] = next;
        } else {
            out[n++] = c;
        }
    }
    return quote == 0 ? n : SIZE_MAX;
}

enum rc command_split(struct arena *arena, struct span text, struct text_list *ret,
                      struct diag *diag)
{
    struct splitter s = {.arena = arena, .text = text, .diag = diag};
    char *words = arena_alloc(arena, text.len + 1);
    /* A word needs a byte and a space. */
    const char **item = arena_array(arena, text.len / 2 + 1, sizeof(*item));
    size_t count = 0;
    if (!words || !item)
        return fail(diag, RC_NO_MEMORY, "no memory left for a command of %zu bytes", text.len);
    for (skip_spaces(&s); s.at < text.len; skip_spaces(&s)) {
        const size_t len = split_word(&s, words);
        if (len == SIZE_MAX)
            return fail(diag, RC_SYNTAX, "a quote is opened and not closed");
        const struct span word = arena_copy(arena, span_of(words, len));
        if (!word.ptr)
            return fail(diag, RC_NO_MEMORY, "no memory left for a command");
        item[count++] = word.ptr;
    }
    *ret = (struct text_list){item, count};
    return RC_OK;
}

static const char *const placeholders[] = {"{port}", "{model}", "{gpus}", "{replica}", "{pool}"};

void target_expand(struct span text, const struct target_values *values, struct buf *out)
{
    char port[8];
    size_t digits = 0;
    for (uint32_t rest = values->port; rest > 0 || digits == 0; rest /= 10)
        port[sizeof(port) - 1 - ++digits] = (char)('0' + rest % 10);
    port[sizeof(port) - 1] = '\0';
    const char *const value[] = {port + sizeof(port) - 1 - digits, values->model, values->gpus,
                                 values->replica, values->pool};
    static_assert(COUNT_OF(value) == COUNT_OF(placeholders), "one value a placeholder");
    for (size_t at = 0; at < text.len;) {
        const struct span rest = span_slice(text, at, text.len - at);
        size_t i = 0;
        while (i < COUNT_OF(placeholders) && !span_starts_with(rest, placeholders[i]))
            i++;
        if (i < COUNT_OF(placeholders)) {
            buf_text(out, value[i]);
            at += strlen(placeholders[i]);
        } else {
            buf_byte(out, text.ptr[at++]);
        }
    }
}

bool target_uses(const struct process_target *target, const char *placeholder)
{
    for (size_t i = 0; i < target->command.count; i++)
        if (strstr(target->command.item[i], placeholder))
            return true;
    for (size_t i = 0; i < target->env.count; i++)
        if (strstr(target->env.item[i].value, placeholder))
            return true;
    return false;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    return hash_span(hash_u64(hash, strlen(text)), span_from(text));
}

static uint64_t hash_texts(uint64_t hash, const struct text_list *list)
{
    hash = hash_u64(hash, list->count);
    for (size_t i = 0; i < list->count; i++)
        hash = hash_text(hash, list->item[i]);
    return hash;
}

/* Plain members by their rows; trees count through the lists made of them, so that one text and the
 * list that it splits into are one command. */
static uint64_t hash_rows(uint64_t hash, const struct opt *rows, size_t count, const void *config)
{
    for (size_t i = 0; i < count; i++) {
        const struct opt *row = &rows[i];
        const char *member = (const char *)config + row->offset;
        if (row->kind == OPT_STRUCT) {
            hash = hash_rows(hash, row->sub, row->sub_count, opt_struct(row, config));
            continue;
        }
        if (row->change != CHANGE_REPLACE || row->kind == OPT_TREE)
            continue;
        hash = hash_text(hash, row->name);
        if (row->kind == OPT_TEXT)
            hash = hash_text(hash, member);
        else if (row->kind == OPT_ENUM)
            hash = hash_bytes(hash, member, sizeof(int));
        else if (row->kind == OPT_BOOL)
            hash = hash_bytes(hash, member, sizeof(bool));
        else
            hash = hash_bytes(hash, member, 8);
    }
    return hash;
}

uint64_t target_spec_hash(const struct target_spec *target)
{
    uint64_t hash = hash_u64(0x736c75696365, (uint64_t)target->kind);
    if (target->kind != TARGET_PROCESS)
        return hash;
    const struct process_target *p = &target->process;
    hash = hash_rows(hash, process_target_options, process_target_option_count, p);
    hash = hash_texts(hash, &p->command);
    hash = hash_texts(hash, &p->pass_env);
    hash = hash_u64(hash, p->env.count);
    for (size_t i = 0; i < p->env.count; i++) {
        hash = hash_text(hash, p->env.item[i].name);
        hash = hash_text(hash, p->env.item[i].value);
    }
    return hash;
}
