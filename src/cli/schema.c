/* schema.c - `sluice schema`: documents made from the tables: the configuration, the API, metrics.
 */
#include <stdio.h>

#include "api/api.h"
#include "cli/command.h"
#include "config/document.h"
#include "core/scrape/engine_names.h"

struct schema_config {
    bool modeline;
    bool example;
    bool markdown;
    bool openapi;
    bool routes;
    bool metrics;
    bool engine_metrics;
    bool policies;
};

static const struct cli_opt schema_options[] = {
    CLI_SWITCH(struct schema_config, modeline, "modeline",
               "The line that tells an editor where the schema is."),
    CLI_SWITCH(struct schema_config, example, "example", "A file with every option, commented."),
    CLI_SWITCH(struct schema_config, markdown, "markdown", "The reference of all options."),
    CLI_SWITCH(struct schema_config, openapi, "openapi", "The API as OpenAPI document."),
    CLI_SWITCH(struct schema_config, routes, "routes", "The reference of the routes of the API."),
    CLI_SWITCH(struct schema_config, metrics, "metrics", "The reference of the metrics."),
    CLI_SWITCH(struct schema_config, engine_metrics, "engine-metrics",
               "Which metric of which engine gives which signal."),
    CLI_SWITCH(struct schema_config, policies, "policies", "The reference of the policies."),
};

static int run(int argc, char **argv);

const struct command_ops command_schema = {
    .name = "schema",
    .summary = "Print the JSON schema of the configuration, an example or a reference",
    .usage = "[--modeline | --example | --markdown | --openapi | --routes | --metrics | "
             "--engine-metrics | --policies]",
    .about = "Write the schema beside your file and put the modeline on top of it; editors then\n"
             "complete and check while you type.",
    .options = schema_options,
    .option_count = COUNT_OF(schema_options),
    .run = run,
};

static enum rc print_modeline(struct buf *out)
{
    buf_text(out, SCHEMA_MODELINE "\n");
    return RC_OK;
}

static enum rc print_openapi(struct buf *out)
{
    api_print_document(out);
    buf_byte(out, '\n');
    return RC_OK;
}

static enum rc print_routes(struct buf *out)
{
    api_print_reference(out);
    return RC_OK;
}

static enum rc print_metrics(struct buf *out)
{
    api_print_metric_reference(out);
    return RC_OK;
}

static enum rc print_engine_metrics(struct buf *out)
{
    engine_reference_print(out);
    return RC_OK;
}

static int run(int argc, char **argv)
{
    struct schema_config options;
    struct args args;
    const int usage = command_args(&command_schema, argc, argv, &options, &args);
    if (usage != EXIT_OK)
        return usage;
    if (args.count > 0)
        return command_usage_error(&command_schema, "no file is wanted");
    const struct {
        bool wanted;
        enum rc (*print)(struct buf *out);
    } documents[] = {{options.modeline, print_modeline},
                     {options.example, document_example},
                     {options.markdown, document_reference},
                     {options.openapi, print_openapi},
                     {options.routes, print_routes},
                     {options.metrics, print_metrics},
                     {options.engine_metrics, print_engine_metrics},
                     {options.policies, document_policies}};
    enum rc (*print)(struct buf * out) = document_schema;
    size_t wanted = 0;
    for (size_t i = 0; i < COUNT_OF(documents); i++)
        if (documents[i].wanted) {
            print = documents[i].print;
            wanted++;
        }
    if (wanted > 1)
        return command_usage_error(&command_schema, "one document at a time is wanted");
    struct buf out;
    buf_init(&out, (size_t)16 << 20);
    const enum rc rc = print(&out);
    if (rc == RC_OK)
        (void)fwrite(out.ptr, 1, out.len, stdout); /* a closed pipe is the reader's wish */
    buf_done(&out);
    return rc == RC_OK ? EXIT_OK : EXIT_FAILED;
}
