/* main.c - runs vector files or folders of them: a line per file, then the sums. Exit 1 when a
 * vector failed, 2 on wrong usage or an unreadable path. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "suite.h"

#define PATH_BYTES_MAX 4096
#define FAILURES_SHOWN 20
#define KINDS_NAMED 16

#define SUITE(name) extern const struct suite suite_##name;
#include "registry.def"
#undef SUITE

static const struct suite *const suites[] = {
#define SUITE(name) &suite_##name,
#include "registry.def"
#undef SUITE
};

struct tally {
    size_t passed;
    size_t failed;
    size_t skipped;
    char kinds[KINDS_NAMED][64]; /* skipped ones of one file, in order of appearance */
    size_t kind_count;
};

bool read_file(const char *folder, struct span name, struct buf *ret)
{
    char path[PATH_BYTES_MAX];
    const int n = snprintf(path, sizeof(path), "%s/%.*s", folder, SPAN_ARG(name));
    if (n < 0 || (size_t)n >= sizeof(path))
        return false;
    FILE *file = fopen(path, "rbe");
    if (!file)
        return false;
    char piece[65536];
    size_t len;
    while ((len = fread(piece, 1, sizeof(piece), file)) > 0)
        buf_append(ret, piece, len);
    const bool good = ferror(file) == 0 && !ret->failed;
    (void)fclose(file); /* opened for reading only */
    return good;
}

enum verdict run_kind(const struct kind_row *rows, const struct vector *v, struct buf *why)
{
    for (; rows->kind; rows++)
        if (span_equal_text(v->kind, rows->kind))
            return rows->run(v, why);
    return VERDICT_SKIPPED;
}

static const struct suite *find_suite(struct span folder)
{
    for (size_t i = 0; i < COUNT_OF(suites); i++)
        if (span_equal_text(folder, suites[i]->name))
            return suites[i];
    return NULL;
}

static void name_skipped(struct tally *tally, struct span kind)
{
    for (size_t i = 0; i < tally->kind_count; i++)
        if (span_equal_text(kind, tally->kinds[i]))
            return;
    if (tally->kind_count < KINDS_NAMED)
        (void)span_copy(kind, tally->kinds[tally->kind_count++], sizeof(tally->kinds[0]));
}

static void say(const struct vector *v, const char *word, struct buf *why)
{
    struct span id = {NULL, 0};
    if (!tree_string(tree_get(v->tree, "id"), &id) && !tree_string(tree_get(v->tree, "name"), &id))
        (void)tree_string(tree_get(v->tree, "file"), &id);
    printf("  %s line %zu %.*s: %s\n", word, v->line, SPAN_ARG(id), buf_cstr(why));
}

static void run_vector(const struct suite *suite, struct vector *v, struct span text,
                       struct tally *tally)
{
    struct buf why;
    struct diag diag;
    buf_init(&why, 1 << 16);
    enum verdict verdict = VERDICT_FAILED;
    const struct json_limits limits = {.depth_max = 1000, .lone_surrogates = true};
    if (json_read(v->arena, text, &limits, &v->tree, &diag) != RC_OK) {
        buf_printf(&why, "no JSON: %s", diag.text);
    } else {
        struct span kind;
        if (tree_string(tree_get(v->tree, "kind"), &kind))
            v->kind = kind;
        verdict = suite ? suite->run(v, &why) : VERDICT_SKIPPED;
    }
    switch (verdict) {
    case VERDICT_PASSED:
        tally->passed++;
        if (why.len > 0)
            say(v, "note", &why);
        break;
    case VERDICT_FAILED:
        if (tally->failed++ < FAILURES_SHOWN)
            say(v, "FAIL", &why);
        break;
    case VERDICT_SKIPPED:
        tally->skipped++;
        name_skipped(tally, v->kind);
        break;
    }
    buf_done(&why);
}

static void run_lines(const struct suite *suite, const char *folder, struct span name,
                      struct span text, struct tally *tally)
{
    struct arena arena;
    arena_init(&arena, VECTOR_MEMORY_MAX);
    const struct span stem = span_slice(name, 0, name.len - strlen(".jsonl"));
    const size_t dot = span_find_byte(stem, '.', 0);
    struct span line;
    for (size_t number = 1; span_split(&text, '\n', &line); number++) {
        if (span_trim(line).len == 0)
            continue;
        struct vector v = {.folder = folder,
                           .file = name,
                           .kind = span_slice(stem, 0, dot),
                           .dialect =
                               span_slice(stem, dot == SIZE_MAX ? stem.len : dot + 1, SIZE_MAX),
                           .line = number,
                           .arena = &arena};
        run_vector(suite, &v, line, tally);
        arena_clear(&arena);
    }
    arena_done(&arena);
}

/* One vector file in a folder; false when it cannot be read. */
static bool run_file(const char *folder, const char *name, struct tally *sum)
{
    char whole[PATH_BYTES_MAX];
    if (!realpath(folder, whole))
        return false;
    const char *slash = strrchr(whole, '/');
    const struct span suite_name = span_from(slash ? slash + 1 : whole);
    const struct suite *suite = find_suite(suite_name);
    struct buf text;
    buf_init(&text, FILE_BYTES_MAX);
    const bool good = read_file(folder, span_from(name), &text);
    struct tally tally = {.passed = 0};
    if (good)
        run_lines(suite, folder, span_from(name), buf_view(&text), &tally);
    else
        fprintf(stderr, "conformance: cannot read %s/%s: %s\n", folder, name, strerror(errno));
    buf_done(&text);

    printf("%.*s/%s: %zu passed, %zu failed, %zu skipped", SPAN_ARG(suite_name), name, tally.passed,
           tally.failed, tally.skipped);
    for (size_t i = 0; i < tally.kind_count; i++)
        printf("%s%s", i == 0 ? " (no code for kind " : ", ", tally.kinds[i]);
    printf("%s\n", tally.kind_count > 0 ? ")" : "");
    sum->passed += tally.passed;
    sum->failed += tally.failed;
    sum->skipped += tally.skipped;
    return good;
}

static int is_interesting(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static bool run_path(const char *path, int depth, struct tally *sum);

static bool run_folder(const char *path, int depth, struct tally *sum)
{
    struct dirent **entries = NULL;
    const int n = scandir(path, &entries, is_interesting, alphasort);
    if (n < 0)
        return false;
    bool good = true;
    for (int i = 0; i < n; i++) {
        char inner[PATH_BYTES_MAX];
        struct stat status;
        const int len = snprintf(inner, sizeof(inner), "%s/%s", path, entries[i]->d_name);
        const bool fits = len > 0 && (size_t)len < sizeof(inner) && stat(inner, &status) == 0;
        if (fits &&
            (S_ISDIR(status.st_mode) || span_ends_with(span_from(entries[i]->d_name), ".jsonl")))
            good &= run_path(inner, depth + 1, sum);
        free(entries[i]);
    }
    free(entries);
    return good;
}

static bool run_path(const char *path, int depth, struct tally *sum)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        fprintf(stderr, "conformance: %s: %s\n", path, strerror(errno));
        return false;
    }
    if (S_ISDIR(status.st_mode))
        return depth > 3 || run_folder(path, depth, sum);
    const char *slash = strrchr(path, '/');
    char folder[PATH_BYTES_MAX] = ".";
    if (slash && !span_copy(span_of(path, (size_t)(slash - path)), folder, sizeof(folder)))
        return false;
    const char *name = slash ? slash + 1 : path;
    if (!span_ends_with(span_from(name), ".jsonl")) {
        fprintf(stderr, "conformance: %s: a vector file ends in .jsonl\n", path);
        return false;
    }
    return run_file(slash == path ? "/" : folder, name, sum);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: conformance PATH...\n");
        return 2;
    }
    struct tally sum = {.passed = 0};
    bool good = true;
    for (int i = 1; i < argc; i++)
        good &= run_path(argv[i], 0, &sum);
    printf("%zu passed, %zu failed, %zu skipped\n", sum.passed, sum.failed, sum.skipped);
    if (sum.failed > 0)
        return 1;
    return good ? 0 : 2;
}
