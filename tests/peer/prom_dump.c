/* prom_dump.c - a metrics page as JSON Lines, for tests that compare our reader with another one:
 * prom_dump text|openmetrics FILE. Exit 1 when the page is refused, with the reason on stderr. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/prom_text.h"
#include "base/tree.h"

#define WORD_BYTES_MAX 4096

static void write_string(struct json_writer *w, struct prom_string s)
{
    char word[WORD_BYTES_MAX];
    const size_t len = prom_string_copy(s, word, sizeof(word));
    json_string(w, (struct span){word, len < sizeof(word) ? len : sizeof(word) - 1});
}

/* As text: JSON has no infinities. */
static void write_number(struct json_writer *w, const char *key, double value)
{
    char text[NUM_TEXT_MAX];
    const size_t len = num_print(value, text);
    json_key(w, key);
    json_string(w, (struct span){text, len});
}

static void write_labels(struct json_writer *w, const char *key, const struct prom_label *label,
                         size_t count)
{
    json_key(w, key);
    json_array(w);
    for (size_t i = 0; i < count; i++) {
        json_array(w);
        write_string(w, label[i].name);
        write_string(w, label[i].value);
        json_array_end(w);
    }
    json_array_end(w);
}

static void print_sample(void *context, const struct prom_sample *s)
{
    struct buf *out = context;
    struct json_writer w;
    json_init(&w, out);
    json_object(&w);
    json_key(&w, "name");
    write_string(&w, s->name);
    json_member_text(&w, "type", prom_type_name(s->type));
    write_labels(&w, "labels", s->label, s->label_count);
    write_number(&w, "value", s->value);
    if (s->timed)
        write_number(&w, "timestamp", s->timestamp_s);
    if (s->has_exemplar) {
        write_labels(&w, "exemplar", s->exemplar.label, s->exemplar.label_count);
        write_number(&w, "exemplarValue", s->exemplar.value);
        if (s->exemplar.timed)
            write_number(&w, "exemplarTimestamp", s->exemplar.timestamp_s);
    }
    if (s->native.len > 0) {
        json_key(&w, "native");
        json_string(&w, s->native);
    }
    json_key(&w, "line");
    json_int(&w, s->line);
    json_object_end(&w);
    buf_byte(out, '\n');
}

static bool read_whole(const char *path, struct buf *ret)
{
    FILE *file = fopen(path, "rbe");
    if (!file)
        return false;
    char bytes[65536];
    size_t n = 0;
    while ((n = fread(bytes, 1, sizeof(bytes), file)) > 0)
        buf_append(ret, bytes, n);
    const bool good = ferror(file) == 0 && !ret->failed;
    (void)fclose(file); /* opened for reading only */
    return good;
}

int main(int argc, char **argv)
{
    struct buf text;
    struct buf out;
    buf_init(&text, (size_t)256 << 20);
    buf_init(&out, (size_t)1 << 30);
    if (argc != 3 || !read_whole(argv[2], &text)) {
        (void)fprintf(stderr, "usage: prom_dump text|openmetrics FILE\n");
        return 2;
    }
    struct prom_reader reader = {.format =
                                     strcmp(argv[1], "text") == 0 ? PROM_TEXT : PROM_OPENMETRICS,
                                 .whole = true,
                                 .seen = {.slot_count = PROM_SEEN_SLOTS},
                                 .on_sample = print_sample,
                                 .context = &out};
    reader.seen.slot = mem_new(PROM_SEEN_SLOTS, sizeof(uint64_t));
    struct prom_counts counts;
    struct diag diag = {.code = RC_OK};
    const enum rc rc =
        reader.seen.slot ? prom_parse(buf_view(&text), &reader, &counts, &diag) : RC_NO_MEMORY;
    if (rc != RC_OK)
        (void)fprintf(stderr, "%u:%u: %s\n", diag.line, diag.column, diag.text);
    else
        (void)fwrite(buf_cstr(&out), 1, out.len, stdout); /* also of a page without samples */
    free(reader.seen.slot);
    buf_done(&text);
    buf_done(&out);
    return rc == RC_OK ? 0 : 1;
}
