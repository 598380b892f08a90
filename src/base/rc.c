/* rc.c - tables and words of result codes. */
#include "base/rc.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    const char *words;
} rc_table[] = {
#define RC_ROW(code, name_, words_) {name_, words_},
    RC_MAP(RC_ROW)
#undef RC_ROW
};
static_assert(COUNT_OF(rc_table) == RC_COUNT, "one row per code");

const char *rc_name(enum rc code)
{
    return (unsigned)code < RC_COUNT ? rc_table[code].name : "?";
}

const char *rc_words(enum rc code)
{
    return (unsigned)code < RC_COUNT ? rc_table[code].words : "unknown result code";
}

/* Removes an incomplete UTF-8 sequence from the end of a text that was cut. */
static void cut_at_character(char *text, size_t len)
{
    size_t back = 0;
    while (back < 3 && back < len && ((unsigned char)text[len - 1 - back] & 0xC0U) == 0x80U)
        back++;
    if (back == len)
        return;
    const unsigned char lead = (unsigned char)text[len - 1 - back];
    size_t need = 0;
    if (lead >= 0xF0U)
        need = 3;
    else if (lead >= 0xE0U)
        need = 2;
    else if (lead >= 0xC0U)
        need = 1;
    if (back < need)
        text[len - 1 - back] = '\0';
}

void words_tame(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c != '\0'; c++) {
        const bool second = c[0] == 0xC2U && c[1] >= 0x80U && c[1] < 0xA0U;
        if (*c < 0x20U || *c == 0x7FU || second)
            *c = '?';
        if (second)
            c[1] = '?';
    }
}

/* vsnprintf that cuts at a character; returns the length stored. */
static size_t PRINTF_LIKE(3, 0)
    print_words(char *text, size_t size, const char *format, va_list args)
{
    const int n = vsnprintf(text, size, format, args);
    if (n < 0) {
        text[0] = '\0';
        return 0;
    }
    if ((size_t)n >= size)
        cut_at_character(text, size - 1);
    words_tame(text);
    return strlen(text);
}

#undef fail /* the analyzer's view of it, see rc.h */
enum rc fail(struct diag *diag, enum rc code, const char *format, ...)
{
    if (!diag)
        return code;
    va_list args;
    va_start(args, format);
    *diag = (struct diag){.code = code};
    (void)print_words(diag->text, sizeof(diag->text), format, args);
    va_end(args);
    return code;
}

void diag_at(struct diag *diag, const char *format, ...)
{
    if (!diag)
        return;
    char place[sizeof(diag->where)];
    va_list args;
    va_start(args, format);
    const size_t len = print_words(place, sizeof(place), format, args);
    va_end(args);

    /* "pools" + "[3]" need no dot between them. */
    const bool dot = diag->where[0] != '\0' && diag->where[0] != '[';
    const size_t room = sizeof(place) - 1 - len;
    const size_t old_len = strlen(diag->where);
    if (dot && room > 0)
        place[len] = '.';
    const size_t start = len + (dot && room > 0 ? 1 : 0);
    const size_t space = sizeof(place) - 1 - start;
    const size_t copied = old_len < space ? old_len : space;
    memcpy(place + start, diag->where, copied);
    place[start + copied] = '\0';
    if (copied < old_len)
        cut_at_character(place, start + copied);
    memcpy(diag->where, place, sizeof(place));
}

void diag_position(struct diag *diag, uint32_t line, uint32_t column)
{
    if (!diag)
        return;
    diag->line = line;
    diag->column = column;
}
