/* The cases of tests/data/config/: a configuration, a line "----", and what is told about it.
 * With SLUICE_UPDATE=1 in the environment the second part is written anew; read the difference. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

#include <cmocka.h>

#define CASES_MAX 200
#define PATH_MAX_BYTES 512

static const char *folder(char ret[PATH_MAX_BYTES])
{
    const char *root = getenv("SLUICE_ROOT");
    (void)snprintf(ret, PATH_MAX_BYTES, "%s/tests/data/config", root ? root : ".");
    return ret;
}

static void read_whole(const char *path, struct buf *ret)
{
    char block[4096];
    size_t n;
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    while ((n = fread(block, 1, sizeof(block), in)) > 0)
        buf_append(ret, block, n);
    (void)fclose(in);
}

/* Files as they are told of in the cases. */
static enum rc read_file(void *user, struct span path, struct buf *into, struct diag *diag)
{
    static const struct {
        const char *path;
        struct span text;
        const char *warning;
    } files[] = {
        {"/run/token", SPAN_LITERAL("hunter2\n"), NULL},
        {"/run/number", SPAN_LITERAL("12345\r\n"), NULL},
        {"/run/open", SPAN_LITERAL("hunter2"), "can be read or written by others (mode 0644)"},
        {"/run/empty", SPAN_LITERAL("\n"), NULL},
        {"/run/bytes", SPAN_LITERAL("hun\0ter2"), NULL},
    };
    (void)user;
    for (size_t i = 0; i < COUNT_OF(files); i++)
        if (span_equal_text(path, files[i].path)) {
            buf_span(into, files[i].text);
            if (files[i].warning != NULL)
                (void)(fail)(diag, RC_DENIED, "%s", files[i].warning);
            return RC_OK;
        }
    if (!span_equal_text(path, "/run/large"))
        return (fail)(diag, RC_NOT_FOUND, "No such file or directory");
    for (int i = 0; i < 70000; i++)
        buf_byte(into, 'x');
    return RC_OK;
}

static void judge(struct span input, struct buf *out)
{
    static const struct env_pair pairs[] = {{"PORT", "8080"}, {"MODEL", "llama"}, {"EMPTY", ""}};
    const struct env_table env = {
        .item = pairs, .count = sizeof(pairs) / sizeof(pairs[0]), .file = read_file};
    struct problem_list problems;
    problem_list_init(&problems);
    struct config *config = config_read("config.yaml", input, &env, &problems);
    for (size_t i = 0; i < problems.count; i++)
        problem_print(out, &problems.item[i], input, false);
    if (config)
        buf_printf(out, "ok, %zu pool%s\n", config->pool_count, config->pool_count == 1 ? "" : "s");
    assert_int_equal(config == NULL, problems.errors > 0);
    config_free(config);
    problem_list_done(&problems);
}

static void update(const char *path, struct span input, struct span output)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    (void)fwrite(input.ptr, 1, input.len, file);
    (void)fwrite("----\n", 1, 5, file);
    (void)fwrite(output.ptr, 1, output.len, file);
    (void)fclose(file);
}

static bool run_case(const char *path)
{
    struct buf text, out;
    buf_init(&text, 1 << 20);
    buf_init(&out, 1 << 20);
    read_whole(path, &text);
    const struct span all = buf_view(&text);
    const size_t cut = span_find(all, span_from("\n----\n"), 0);
    assert_true(cut != SIZE_MAX);
    const struct span input = span_slice(all, 0, cut + 1);
    const struct span expected = span_slice(all, cut + 6, all.len);
    judge(input, &out);
    const bool same = span_equal(buf_view(&out), expected);
    if (!same && getenv("SLUICE_UPDATE"))
        update(path, input, buf_view(&out));
    else if (!same)
        printf("%s: expected\n%.*sbut was\n%s", path, SPAN_ARG(expected), buf_cstr(&out));
    buf_done(&text);
    buf_done(&out);
    return same;
}

static void every_case_tells_what_its_file_says(void **state)
{
    (void)state;
    char name[PATH_MAX_BYTES], path[2 * PATH_MAX_BYTES];
    size_t count = 0, failed = 0;
    DIR *dir = opendir(folder(name));
    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir));) {
        if (!span_ends_with(span_from(entry->d_name), ".case"))
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", name, entry->d_name);
        failed += !run_case(path);
        count++;
    }
    (void)closedir(dir);
    assert_true(count > 10);
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_tells_what_its_file_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
