/* exec.c - a program that prints a number: one round is one run of it.
 *
 * It exits with 0 and prints one number; nothing printed means that there is none. Anything else is
 * a failure. At the deadline it is killed with all that it started. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "io/env.h"
#include "io/run.h"
#include "source/fetch.h"

#define OUTPUT_BYTES_MAX 4096
#define ENVIRONMENT_BYTES_MAX (4U << 20)

struct exec {
    struct source base;
    struct run *run;
};

static struct exec *exec_of(struct source *s)
{
    return (struct exec *)s; /* base is the first member */
}

static void drop(struct source *s)
{
    run_cancel(exec_of(s)->run);
    exec_of(s)->run = NULL;
}

/* ---- its end ---- */

static struct span trim(struct span text)
{
    while (text.len > 0 && (unsigned char)text.ptr[text.len - 1] <= ' ')
        text.len--;
    while (text.len > 0 && (unsigned char)text.ptr[0] <= ' ')
        text = span_slice(text, 1, text.len);
    return text;
}

/* The last line that says something: programs end with the reason. */
static struct span last_line(struct span text)
{
    text = trim(text);
    size_t from = text.len;
    while (from > 0 && text.ptr[from - 1] != '\n')
        from--;
    return span_slice(text, from, text.len);
}

static void fail_exit(struct source *s, const struct run_result *result)
{
    char words[FETCH_HEAD_SIZE];
    const char *said = source_fetch_head(last_line(result->err), words);
    const char *colon = said[0] != '\0' ? ": " : "";
    if (result->signal != 0)
        source_fail(s, SOURCE_FAULT_EXIT, -1, "the program ended by signal %d%s%s", result->signal,
                    colon, said);
    else
        source_fail(s, SOURCE_FAULT_EXIT, -1, "the program exited with %d%s%s", result->exit_code,
                    colon, said);
}

static void on_end(void *user, const struct run_result *result)
{
    struct source *s = user;
    char head[FETCH_HEAD_SIZE];
    const struct span text = trim(result->out);
    double value = 0;
    exec_of(s)->run = NULL;
    if (result->rc == RC_LIMIT) {
        source_fail(s, SOURCE_FAULT_TOO_LARGE, -1,
                    "the program printed more than %d bytes, a number is wanted", OUTPUT_BYTES_MAX);
    } else if (result->signal != 0 || result->exit_code != 0) {
        fail_exit(s, result);
    } else if (text.len > 0 && num_parse_prometheus(text, &value) != RC_OK) {
        source_fail(s, SOURCE_FAULT_NOT_PARSED, -1, "the program printed no number: %s",
                    source_fetch_head(text, head));
    } else {
        if (text.len > 0)
            source_number(s, value, 0);
        source_end(s);
    }
}

/* ---- its start ---- */

struct environment {
    struct buf text; /* "NAME=value" one after the other, each with its NUL */
    size_t count;
};

static void add(struct environment *e, const char *name, const char *value)
{
    if (value == NULL)
        return;
    buf_printf(&e->text, "%s=%s", name, value);
    buf_byte(&e->text, '\0');
    e->count++;
}

static void fill(struct environment *e, const struct source *s)
{
    const struct exec_source *spec = &s->spec->exec;
    add(e, "PATH", env_get("PATH"));
    add(e, "HOME", env_get("HOME"));
    add(e, "SLUICE_POOL", s->pool);
    add(e, "SLUICE_SIGNAL", s->spec->signal_text[0]);
    for (size_t i = 0; i < spec->pass_env.count; i++)
        add(e, spec->pass_env.item[i], env_get(spec->pass_env.item[i]));
    for (size_t i = 0; i < spec->env.count; i++)
        add(e, spec->env.item[i].name, spec->env.item[i].value);
}

/* Both arrays live until the program runs. */
static struct run *start_program(struct source *s, const struct environment *e, struct diag *diag)
{
    const struct text_list *command = &s->spec->exec.command;
    const char **argv = mem_new(command->count + 1, sizeof(*argv));
    const char **envp = mem_new(e->count + 1, sizeof(*envp));
    struct run *run = NULL;
    if (argv == NULL || envp == NULL || e->text.failed) {
        (void)fail(diag, RC_NO_MEMORY, "no memory for the program's environment");
    } else {
        const char *at = e->text.ptr;
        for (size_t i = 0; i < command->count; i++)
            argv[i] = command->item[i];
        for (size_t i = 0; i < e->count; i++) {
            envp[i] = at;
            at = strchr(at, '\0') + 1;
        }
        const struct run_spec spec = {.argv = argv,
                                      .envp = envp,
                                      .workdir = s->spec->exec.workdir,
                                      .output_bytes_max = OUTPUT_BYTES_MAX};
        run = run_start(source_loop(s), &spec, on_end, s, diag);
    }
    free(argv);
    free(envp);
    return run;
}

static void ask(struct source *s)
{
    struct environment e = {0};
    struct diag diag = {0};
    buf_init(&e.text, ENVIRONMENT_BYTES_MAX);
    fill(&e, s);
    exec_of(s)->run = start_program(s, &e, &diag);
    if (e.text.ptr != NULL)
        mem_wipe(e.text.ptr, e.text.len); /* secrets */
    buf_done(&e.text);
    if (exec_of(s)->run == NULL)
        source_fail(s, SOURCE_FAULT_LOCAL, -1, "%s", diag.text);
}

const struct source_ops source_exec = {
    .name = "exec",
    .kind = SOURCE_EXEC,
    .size = sizeof(struct exec),
    .ask = ask,
    .cancel = drop,
    .stop = drop,
};
