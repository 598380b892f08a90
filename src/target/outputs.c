/* outputs.c - see outputs.h. */
#include "target/outputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/file.h"

#define LAST_LINES_BYTES 4096U

static void forget(struct outputs *outputs, size_t index)
{
    free(outputs->kept[index].path);
    outputs->kept_count--;
    memmove(&outputs->kept[index], &outputs->kept[index + 1],
            (outputs->kept_count - index) * sizeof outputs->kept[0]);
}

static void drop(struct outputs *outputs, size_t index)
{
    (void)unlink(outputs->kept[index].path); /* somebody may have removed it already */
    forget(outputs, index);
}

void outputs_done(struct outputs *outputs)
{
    while (outputs->kept_count > 0)
        forget(outputs, outputs->kept_count - 1);
}

void outputs_forget(struct outputs *outputs, uint64_t replica)
{
    for (size_t i = outputs->kept_count; i-- > 0;)
        if (outputs->kept[i].replica == replica)
            forget(outputs, i);
}

void outputs_keep(struct outputs *outputs, uint64_t replica, const char *pool, char *path)
{
    size_t of_pool = 0;
    size_t oldest = 0;
    if (!path)
        return;
    outputs_forget(outputs, replica);
    for (size_t i = outputs->kept_count; i-- > 0;) {
        if (strcmp(outputs->kept[i].pool, pool) != 0)
            continue;
        oldest = i;
        of_pool++;
    }
    if (of_pool >= OUTPUTS_KEPT_PER_POOL)
        drop(outputs, oldest);
    else if (outputs->kept_count == OUTPUTS_KEPT_MAX)
        drop(outputs, 0);
    struct output *output = &outputs->kept[outputs->kept_count++];
    *output = (struct output){.replica = replica, .path = path};
    (void)snprintf(output->pool, sizeof output->pool, "%s", pool);
}

const char *outputs_path(const struct outputs *outputs, uint64_t replica)
{
    for (size_t i = outputs->kept_count; i-- > 0;)
        if (outputs->kept[i].replica == replica)
            return outputs->kept[i].path;
    return NULL;
}

static bool is_plain(char c)
{
    return (unsigned char)c >= ' ' && c != 0x7f;
}

/* Terminal control sequences and other control bytes away; blank becomes one space. */
static size_t clean_line(struct span line, char *ret_text, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < line.len && n + 1 < size; i++) {
        if (line.ptr[i] == '\033' && i + 1 < line.len && line.ptr[i + 1] == '[') {
            for (i += 2; i < line.len && (line.ptr[i] < '@' || line.ptr[i] > '~'); i++)
                ;
            continue;
        }
        if (is_plain(line.ptr[i]) && (line.ptr[i] != ' ' || (n > 0 && ret_text[n - 1] != ' ')))
            ret_text[n++] = line.ptr[i];
    }
    while (n > 0 && ret_text[n - 1] == ' ')
        n--;
    ret_text[n] = '\0';
    return n;
}

void output_last_line(const char *path, char *ret_text, size_t size)
{
    struct buf text;
    ret_text[0] = '\0';
    buf_init(&text, LAST_LINES_BYTES + 1);
    if (file_tail(path, 20, LAST_LINES_BYTES, &text) == RC_OK) {
        struct span rest = buf_view(&text);
        struct span line;
        char clean[TEXT_SIZE];
        while (span_split(&rest, '\n', &line))
            if (clean_line(line, clean, sizeof clean) > 0)
                (void)snprintf(ret_text, size, "%s", clean);
    }
    buf_done(&text);
}
