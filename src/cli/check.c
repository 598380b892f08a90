/* check.c - `sluice check`: everything that is wrong with configuration files, without running
 * anything. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/load.h"

struct check_config {
    bool strict;
    bool json;
};

static const struct cli_opt check_options[] = {
    CLI_SWITCH(struct check_config, strict, "strict", "Warnings make the exit code 1, too."),
    CLI_SWITCH(struct check_config, json, "json", "One JSON object for all files."),
};

static void json_file(struct json_writer *w, const char *file, const struct config *config,
                      const struct problem_list *problems)
{
    json_object(w);
    json_member_text(w, "file", file);
    json_member_bool(w, "ok", config != NULL);
    json_member_int(w, "pools", config ? (int64_t)config->pool_count : 0);
    json_member_int(w, "errors", (int64_t)problems->errors);
    json_member_int(w, "warnings", (int64_t)problems->warnings);
    json_key(w, "problems");
    json_array(w);
    for (size_t i = 0; i < problems->count; i++)
        problem_print_json(w, &problems->item[i]);
    json_array_end(w);
    json_object_end(w);
}

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

static void print_file(const char *file, const struct config *config,
                       const struct problem_list *problems, const struct buf *text)
{
    load_report(stdout, problems, text);
    if (!config)
        printf("%s: %zu error%s, %zu warning%s\n", file, problems->errors, plural(problems->errors),
               problems->warnings, plural(problems->warnings));
    else if (problems->warnings > 0)
        printf("%s: ok, %zu pool%s, %zu warning%s\n", file, config->pool_count,
               plural(config->pool_count), problems->warnings, plural(problems->warnings));
    else
        printf("%s: ok, %zu pool%s\n", file, config->pool_count, plural(config->pool_count));
}

static int run(int argc, char **argv);

const struct command_ops command_check = {
    .name = "check",
    .summary = "Check configuration files and tell everything that is wrong",
    .usage = "[--strict] [--json] FILE...",
    .about = "Reads each file as `sluice run` would, starts nothing, and lists every problem with\n"
             "its place, the value found and what is allowed. \"-\" is standard input.\n"
             "Exit code: 0 no errors, 1 errors (with --strict also warnings), 2 wrong usage.",
    .options = check_options,
    .option_count = COUNT_OF(check_options),
    .run = run,
};

static int run(int argc, char **argv)
{
    struct check_config options;
    struct args args;
    const int usage = command_args(&command_check, argc, argv, &options, &args);
    if (usage != EXIT_OK)
        return usage;
    if (args.count == 0)
        return command_usage_error(&command_check, "a file is wanted");
    struct buf out;
    struct json_writer w;
    bool failed = false;
    buf_init(&out, (size_t)256 << 20);
    json_init(&w, &out);
    json_object(&w);
    json_key(&w, "files");
    json_array(&w);
    for (size_t i = 0; i < args.count; i++) {
        struct problem_list problems;
        struct buf text;
        problem_list_init(&problems);
        struct config *config = load_config(args.operand[i], &problems, &text);
        failed = failed || !config || (options.strict && problems.warnings > 0);
        if (options.json)
            json_file(&w, args.operand[i], config, &problems);
        else
            print_file(args.operand[i], config, &problems, &text);
        config_free(config);
        buf_done(&text);
        problem_list_done(&problems);
    }
    json_array_end(&w);
    json_member_bool(&w, "ok", !failed);
    json_object_end(&w);
    if (options.json)
        printf("%s\n", buf_cstr(&out));
    buf_done(&out);
    return failed ? EXIT_FAILED : EXIT_OK;
}
