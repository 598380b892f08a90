#include "base/prom_parts.h"

#include <string.h>

#include "base/utf8.h"

#define HASH_START UINT64_C(0xcbf29ce484222325) /* FNV-1a */
#define HASH_PRIME UINT64_C(0x100000001b3)

bool prom_take(struct prom_cursor *c, char byte)
{
    if (!prom_at(c, byte))
        return false;
    c->at++;
    return true;
}

void prom_blanks(struct prom_cursor *c)
{
    while (c->loose && c->at < c->end && (*c->at == ' ' || *c->at == '\t'))
        c->at++;
}

bool prom_fault(struct prom_cursor *c, const char *words)
{
    if (!c->words)
        c->words = words;
    return false;
}

static bool is_name_byte(char c, bool first, bool colon)
{
    const char folded = (char)(c | 0x20);
    return (folded >= 'a' && folded <= 'z') || c == '_' || (colon && c == ':') ||
           (!first && c >= '0' && c <= '9');
}

static bool take_name(struct prom_cursor *c, bool colon, struct prom_string *ret)
{
    const char *start = c->at;
    while (c->at < c->end && is_name_byte(*c->at, c->at == start, colon))
        c->at++;
    *ret = (struct prom_string){.raw = {start, (size_t)(c->at - start)}};
    return c->at > start;
}

bool prom_name(struct prom_cursor *c, struct prom_string *ret)
{
    return take_name(c, true, ret) || prom_fault(c, "a metric name is expected");
}

bool prom_quoted(struct prom_cursor *c, struct prom_string *ret)
{
    const char *start = c->at;
    bool escaped = false;
    while (c->at < c->end && *c->at != '"') {
        size_t len = 1;
        if (*c->at == '\\') {
            escaped = true;
            c->at++;
        }
        if (c->at < c->end)
            len = utf8_length(c->at, (size_t)(c->end - c->at));
        if (len == 0)
            return prom_fault(c, "a quoted text is not UTF-8");
        c->at += c->at < c->end ? len : 0;
    }
    *ret = (struct prom_string){{start, (size_t)(c->at - start)}, escaped};
    return prom_take(c, '"') || prom_fault(c, "a quoted text does not end on its line");
}

struct span prom_word(struct prom_cursor *c)
{
    const char *start = c->at;
    while (c->at < c->end && *c->at != ' ' && (*c->at != '\t' || !c->loose))
        c->at++;
    return (struct span){start, (size_t)(c->at - start)};
}

static bool same_string(struct prom_string a, struct prom_string b)
{
    if (!a.escaped && !b.escaped)
        return span_equal(a.raw, b.raw);
    return prom_string_hash(a) == prom_string_hash(b);
}

static bool take_label(struct prom_cursor *c, struct prom_labels *ret, struct prom_string name)
{
    if (ret->count == PROM_LABELS_MAX)
        return prom_fault(c, "a sample has too many labels");
    prom_blanks(c);
    if (!prom_take(c, '='))
        return prom_fault(c, "'=' is expected behind the name of a label");
    prom_blanks(c);
    if (prom_string_is(name, "__name__"))
        return prom_fault(c, "the label __name__ stands for the name of the metric");
    struct prom_label *label = &ret->label[ret->count];
    label->name = name;
    if (!prom_take(c, '"'))
        return prom_fault(c, "the value of a label stands in double quotes");
    if (!prom_quoted(c, &label->value))
        return false;
    for (size_t i = 0; i < ret->count; i++)
        if (same_string(ret->label[i].name, name))
            return prom_fault(c, "a label is given twice");
    ret->count++;
    return true;
}

/* A label, or the quoted name of the metric as the first thing in the braces. */
static bool take_element(struct prom_cursor *c, struct prom_labels *ret, struct prom_string *name,
                         bool first)
{
    struct prom_string word;
    if (!prom_take(c, '"')) {
        if (!take_name(c, false, &word))
            return prom_fault(c, "the name of a label is expected");
        return take_label(c, ret, word);
    }
    if (!prom_quoted(c, &word))
        return false;
    if (word.raw.len == 0)
        return prom_fault(c, "a name is empty");
    prom_blanks(c);
    if (prom_at(c, '='))
        return take_label(c, ret, word);
    if (!name || !first || name->raw.len > 0)
        return prom_fault(c, "'=' is expected behind the name of a label");
    *name = word;
    return true;
}

bool prom_braces(struct prom_cursor *c, struct prom_labels *ret, struct prom_string *name)
{
    ret->count = 0;
    prom_blanks(c);
    if (prom_take(c, '}'))
        return true;
    for (bool first = true;; first = false) {
        if (!take_element(c, ret, name, first))
            return false;
        prom_blanks(c);
        if (prom_take(c, '}'))
            return true;
        if (!prom_take(c, ','))
            return prom_fault(c, "',' or '}' is expected behind a label");
        if (c->loose)
            prom_blanks(c);
        else
            (void)prom_take(c, ' '); /* one space is what writers of OpenMetrics put there */
        if (c->loose && prom_take(c, '}'))
            return true;
    }
}

/* The next byte of a string: backslash, quote and line feed may be escaped; another escape stands
 * for itself. */
static char next_byte(struct prom_string s, size_t *i)
{
    const char byte = s.raw.ptr[(*i)++];
    if (!s.escaped || byte != '\\' || *i >= s.raw.len)
        return byte;
    const char escaped = s.raw.ptr[*i];
    if (escaped != '\\' && escaped != '"' && escaped != 'n')
        return byte;
    (*i)++;
    if (escaped == 'n')
        return '\n';
    return escaped;
}

bool prom_string_is(struct prom_string s, const char *text)
{
    if (!s.escaped)
        return span_equal_text(s.raw, text);
    const size_t len = strlen(text);
    size_t n = 0;
    for (size_t i = 0; i < s.raw.len; n++)
        if (n >= len || next_byte(s, &i) != text[n])
            return false;
    return n == len;
}

size_t prom_string_copy(struct prom_string s, char *ret_text, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < s.raw.len; n++) {
        const char byte = next_byte(s, &i);
        if (n + 1 < size)
            ret_text[n] = byte;
    }
    if (size > 0)
        ret_text[n < size ? n : size - 1] = '\0';
    return n;
}

uint64_t prom_hash_more(uint64_t hash, struct span bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        hash = (hash ^ (unsigned char)bytes.ptr[i]) * HASH_PRIME;
    return hash;
}

/* Spreads the bits of a sum or product (the finisher of MurmurHash3). */
uint64_t prom_hash_mix(uint64_t hash)
{
    hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
    hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ hash >> 33;
}

uint64_t prom_string_hash(struct prom_string s)
{
    if (!s.escaped)
        return prom_hash_more(HASH_START, s.raw);
    uint64_t hash = HASH_START;
    for (size_t i = 0; i < s.raw.len;)
        hash = (hash ^ (unsigned char)next_byte(s, &i)) * HASH_PRIME;
    return hash;
}

uint64_t prom_labels_hash(const struct prom_label *label, size_t count, const char *but)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (label[i].value.raw.len == 0 || (but && prom_string_is(label[i].name, but)))
            continue;
        const uint64_t name = prom_hash_mix(prom_string_hash(label[i].name));
        sum += prom_hash_mix(name * 3 + prom_string_hash(label[i].value));
    }
    return sum;
}

static size_t count_chars(struct prom_string s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.raw.len;)
        n += ((unsigned char)next_byte(s, &i) & 0xC0U) != 0x80U;
    return n;
}

size_t prom_labels_chars(const struct prom_labels *labels)
{
    size_t n = 0;
    for (size_t i = 0; i < labels->count; i++)
        n += count_chars(labels->label[i].name) + count_chars(labels->label[i].value);
    return n;
}

/* A list "[0:2,1:2]" or a number, of which only the form is looked at: nobody reads it yet. */
static bool take_native_value(struct prom_cursor *c)
{
    static const char number[] = "+-.0123456789eE:,";
    const bool list = prom_take(c, '[');
    const char *start = c->at;
    while (c->at < c->end && strchr(number, *c->at) && *c->at != '\0' &&
           (list || (*c->at != ',' && *c->at != ':')))
        c->at++;
    return list ? prom_take(c, ']') : c->at > start;
}

bool prom_native(struct prom_cursor *c, struct span *ret)
{
    static const char words[] = "a native histogram does not follow its form";
    const char *start = c->at;
    struct prom_string name;
    if (!prom_take(c, '{'))
        return prom_fault(c, words);
    do {
        if (!take_name(c, false, &name) || !prom_take(c, ':') || !take_native_value(c))
            return prom_fault(c, words);
    } while (prom_take(c, ','));
    if (!prom_take(c, '}'))
        return prom_fault(c, words);
    *ret = (struct span){start, (size_t)(c->at - start)};
    return true;
}
