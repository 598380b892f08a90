/* schema.c - `sluice schema`: documents made from the option tables. */
#include <stdio.h>

#include "cli/command.h"
#include "config/document.h"

struct schema_config {
    bool modeline;
    bool example;
    bool markdown;
};

static const struct cli_opt schema_options[] = {
    CLI_SWITCH(struct schema_config, modeline, "modeline",
               "The line that tells an editor where the schema is."),
    CLI_SWITCH(struct schema_config, example, "example", "A file with every option, commented."),
    CLI_SWITCH(struct schema_config, markdown, "markdown", "The reference of all options."),
};

static int run(int argc, char **argv);

const struct command_ops command_schema = {
    .name = "schema",
    .summary = "Print the JSON schema of the configuration, an example or the reference",
    .usage = "[--modeline | --example | --markdown]",
    .about = "Write the schema beside your file and put the modeline on top of it; editors then\n"
             "complete and check while you type.",
    .options = schema_options,
    .option_count = COUNT_OF(schema_options),
    .run = run,
};

static int run(int argc, char **argv)
{
    struct schema_config options;
    struct args args;
    const int usage = command_args(&command_schema, argc, argv, &options, &args);
    if (usage != EXIT_OK)
        return usage;
    if (args.count > 0)
        return command_usage_error(&command_schema, "no file is wanted");
    if (options.modeline + options.example + options.markdown > 1)
        return command_usage_error(&command_schema,
                                   "one of --modeline, --example and --markdown is wanted");
    if (options.modeline) {
        printf("%s\n", SCHEMA_MODELINE);
        return EXIT_OK;
    }
    struct buf out;
    buf_init(&out, (size_t)16 << 20);
    const enum rc rc = options.example    ? document_example(&out)
                       : options.markdown ? document_reference(&out)
                                          : document_schema(&out);
    if (rc == RC_OK)
        (void)fwrite(out.ptr, 1, out.len, stdout); /* a closed pipe is the reader's wish */
    buf_done(&out);
    return rc == RC_OK ? EXIT_OK : EXIT_FAILED;
}
