/* load.c - configuration files from disk. The environment is read here and handed down as a table.
 */
#include "cli/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/schedule.h"
#include "io/zoneinfo.h"

#define ENVIRONMENT_MAX 4096

enum rc load_text(const char *file, struct buf *ret, struct diag *diag)
{
    FILE *in = strcmp(file, "-") == 0 ? stdin : fopen(file, "rb");
    if (!in)
        return fail(diag, RC_IO, "cannot be opened: %s", strerror(errno));
    size_t n;
    do {
        char block[16384];
        n = fread(block, 1, sizeof(block), in);
        buf_append(ret, block, n);
    } while (n > 0 && !ret->failed && ret->len <= CONFIG_BYTES_MAX);
    const bool failed = ferror(in) != 0;
    const int error = errno;
    if (in != stdin)
        (void)fclose(in); /* it was only read */
    if (failed)
        return fail(diag, RC_IO, "cannot be read: %s", strerror(error));
    if (ret->failed || ret->len > CONFIG_BYTES_MAX)
        return fail(diag, RC_LIMIT, "has more than %u bytes", CONFIG_BYTES_MAX);
    return RC_OK;
}

/* The environment as pairs: one block for the pairs, one for the names and values. */
struct environment {
    struct env_pair pair[ENVIRONMENT_MAX];
    size_t count;
    struct arena arena;
};

static struct environment *environment_new(void)
{
    struct environment *e = mem_new(1, sizeof(*e));
    if (!e)
        return NULL;
    arena_init(&e->arena, (size_t)16 << 20);
    for (char **p = environ; *p && e->count < ENVIRONMENT_MAX; p++) {
        struct span rest = span_from(*p), name = {NULL, 0};
        if (!span_split(&rest, '=', &name))
            continue;
        const char *kept = arena_copy(&e->arena, name).ptr;
        const char *sign = strchr(*p, '=');
        if (kept && sign)
            e->pair[e->count++] = (struct env_pair){kept, sign + 1};
    }
    return e;
}

void load_environment_free(struct environment *e)
{
    if (!e)
        return;
    arena_done(&e->arena);
    free(e);
}

struct environment *load_environment(struct env_table *env)
{
    struct environment *e = environment_new();
    *env = (struct env_table){e ? e->pair : NULL, e ? e->count : 0};
    return e;
}

struct config *load_config(const char *file, struct problem_list *problems, struct buf *text)
{
    struct diag diag = {.code = RC_OK};
    buf_init(text, CONFIG_BYTES_MAX + 65536);
    if (load_text(file, text, &diag) != RC_OK) {
        const struct problem where = {.severity = PROBLEM_ERROR, .code = diag.code, .file = file};
        problem_add(problems, &where, "%s", diag.text);
        return NULL;
    }
    struct env_table env;
    struct environment *e = load_environment(&env);
    struct config *config = config_read(file, buf_view(text), &env, problems);
    load_environment_free(e);
    if (config && schedule_check_zones(config, zoneinfo_read, NULL, problems) > 0) {
        config_free(config);
        return NULL;
    }
    return config;
}

void load_report(FILE *out, const struct problem_list *problems, const struct buf *text)
{
    struct buf words;
    bool colour = isatty(fileno(out)) == 1;
    for (char **p = environ; *p; p++)
        if (strncmp(*p, "NO_COLOR=", 9) == 0 && (*p)[9] != '\0')
            colour = false;
    buf_init(&words, (size_t)4 << 20);
    for (size_t i = 0; i < problems->count; i++)
        problem_print(&words, &problems->item[i], buf_view(text), colour);
    const size_t more = problems->errors + problems->warnings - problems->count;
    if (more > 0)
        buf_printf(&words, "and %zu more\n", more);
    if (words.len > 0)
        (void)fwrite(words.ptr, 1, words.len, out); /* a closed pipe is the reader's wish */
    buf_done(&words);
}
