/* load.c - configuration files from disk. The environment is read here and handed down as a table.
 */
#include "cli/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

/* ${file:PATH}. A secret that others can read is none: said, not refused, since mounted secrets
 * often are so. */
static enum rc read_secret(void *user, struct span path, struct buf *into, struct diag *diag)
{
    char name[4096];
    struct stat about;
    ssize_t n;
    (void)user;
    if (!span_copy(path, name, sizeof(name)))
        return fail(diag, RC_LIMIT, "its path is too long");
    /* A pipe without a writer must not stop a reload for ever. */
    const int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return fail(diag, errno == ENOENT ? RC_NOT_FOUND : RC_IO, "%s", strerror(errno));
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
        (void)close(fd);
        return fail(diag, RC_INVALID, "it is not a regular file");
    }
    char block[4096];
    while ((n = read(fd, block, sizeof(block))) > 0 && !into->failed)
        buf_append(into, block, (size_t)n);
    const int error = errno;
    (void)close(fd); /* it was only read */
    mem_wipe(block, sizeof(block));
    if (n < 0)
        return fail(diag, RC_IO, "%s", strerror(error));
    const unsigned mode = about.st_mode & 0777U;
    if ((mode & (S_IRWXO | S_IWGRP)) != 0)
        (void)fail(diag, RC_DENIED, /* a warning: what is returned counts */
                   "can be read or written by others (mode %04o); chmod 600 keeps it to its owner",
                   mode);
    return RC_OK;
}

struct environment *load_environment(struct env_table *env)
{
    struct environment *e = environment_new();
    *env = (struct env_table){
        .item = e ? e->pair : NULL, .count = e ? e->count : 0, .file = read_secret};
    return e;
}

/* Checks what needs the system's files, too. */
static struct config *read_checked(const char *name, struct span text,
                                   struct problem_list *problems)
{
    struct env_table env;
    struct environment *e = load_environment(&env);
    struct config *config = config_read(name, text, &env, problems);
    load_environment_free(e);
    if (config && schedule_check_zones(config, zoneinfo_read, NULL, problems) > 0) {
        config_free(config);
        return NULL;
    }
    return config;
}

void load_unreadable(struct problem_list *problems, const char *file, const struct diag *diag)
{
    const struct problem where = {.severity = PROBLEM_ERROR, .code = diag->code, .file = file};
    problem_add(problems, &where, "%s", diag->text);
}

struct config *load_config(const char *file, struct problem_list *problems, struct buf *text)
{
    struct diag diag = {.code = RC_OK};
    buf_init(text, CONFIG_BYTES_MAX + 65536);
    if (load_text(file, text, &diag) == RC_OK)
        return read_checked(file, buf_view(text), problems);
    load_unreadable(problems, file, &diag);
    return NULL;
}

/* ---- several files ---- */

static void add_part(struct load_files *files, const char *file, struct problem_list *problems)
{
    struct diag diag = {.code = RC_OK};
    struct load_part *part = &files->part[files->count];
    uint32_t line = 1;
    if (files->count > 0) {
        if (files->text.len > 0 && files->text.ptr[files->text.len - 1] != '\n')
            buf_byte(&files->text, '\n');
        buf_text(&files->text, "---\n");
    }
    for (size_t i = 0; i < files->text.len; i++)
        line += files->text.ptr[i] == '\n';
    *part = (struct load_part){.file = file, .start = files->text.len, .first_line = line};
    files->count++;
    if (load_text(file, &files->text, &diag) != RC_OK)
        load_unreadable(problems, file, &diag);
    part->len = files->text.len - part->start;
}

/* From the joined text to the file it came from. */
static void place_problems(struct problem_list *problems, const struct load_files *files)
{
    for (size_t i = 0; i < problems->count; i++) {
        struct problem *problem = &problems->item[i];
        const struct load_part *part = &files->part[0];
        for (size_t k = 1; k < files->count; k++)
            if (problem->line >= files->part[k].first_line)
                part = &files->part[k];
        problem->file = part->file;
        problem->line -= problem->line > 0 ? part->first_line - 1 : 0;
    }
}

struct config *load_files(char *const *file, size_t count, struct problem_list *problems,
                          struct load_files *ret)
{
    *ret = (struct load_files){.count = 0};
    buf_init(&ret->text, CONFIG_BYTES_MAX + 65536);
    for (size_t i = 0; i < count && i < LOAD_FILES_MAX; i++)
        add_part(ret, file[i], problems);
    if (count == 1)
        (void)snprintf(ret->label, sizeof(ret->label), "%s", file[0]);
    else
        (void)snprintf(ret->label, sizeof(ret->label), "%s and %zu more", file[0], count - 1);
    if (problems->errors > 0)
        return NULL;
    struct config *config = read_checked(ret->label, buf_view(&ret->text), problems);
    if (count > 1)
        place_problems(problems, ret);
    return config;
}

void load_files_done(struct load_files *files)
{
    buf_done(&files->text);
}

/* ---- reports ---- */

static bool has_colour(FILE *out)
{
    for (char **p = environ; *p; p++)
        if (strncmp(*p, "NO_COLOR=", 9) == 0 && (*p)[9] != '\0')
            return false;
    return isatty(fileno(out)) == 1;
}

static struct span source_of(const struct load_files *files, const struct problem *problem)
{
    for (size_t i = 0; i < files->count; i++)
        if (strcmp(files->part[i].file, problem->file) == 0)
            return span_slice(buf_view(&files->text), files->part[i].start, files->part[i].len);
    return (struct span){NULL, 0};
}

void load_files_report(FILE *out, const struct problem_list *problems,
                       const struct load_files *files)
{
    struct buf words;
    const bool colour = has_colour(out);
    buf_init(&words, (size_t)4 << 20);
    for (size_t i = 0; i < problems->count; i++)
        problem_print(&words, &problems->item[i], source_of(files, &problems->item[i]), colour);
    const size_t more = problems->errors + problems->warnings - problems->count;
    if (more > 0)
        buf_printf(&words, "and %zu more\n", more);
    if (words.len > 0)
        (void)fwrite(words.ptr, 1, words.len, out); /* a closed pipe is the reader's wish */
    buf_done(&words);
}

void load_report(FILE *out, const struct problem_list *problems, const struct buf *text)
{
    struct load_files files = {.text = *text, .count = problems->count > 0};
    files.part[0] = (struct load_part){.file = "", .len = text->len, .first_line = 1};
    if (problems->count > 0)
        files.part[0].file = problems->item[0].file;
    load_files_report(out, problems, &files);
}
