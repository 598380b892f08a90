/* init.c - `sluice init`: a first configuration for this machine, from what is found on it: GPUs,
 * engines on PATH, model files. What it prints is read back and checked before anybody sees it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/init_models.h"
#include "cli/load.h"
#include "io/env.h"
#include "io/file.h"
#include "target/gpu_found.h"

#define GIB 1073741824.0
#define MEMORY_FACTOR 1.25 /* weights, and room for the context */

struct init_config {
    struct cli_texts models;
    const char *write;
    const char *driver;
    bool force;
};

static const struct cli_opt init_options[] = {
    CLI_OPT(TEXTS, struct init_config, models, "model", "NAME", NULL, 0, 0,
            "A model for engines that load by name, as meta-llama/Llama-3.1-8B-Instruct; may be "
            "given several times."),
    CLI_OPT(TEXT, struct init_config, write, "write", "FILE", NULL, 0, 0,
            "Write the configuration there, which must not exist yet."),
    CLI_SWITCH(struct init_config, force, "force", "With --write: replace the file."),
    CLI_OPT(TEXT, struct init_config, driver, "gpu-driver", "FOLDER", "/proc/driver/nvidia/gpus", 0,
            0, "Where the driver of the GPUs tells about them."),
};

static int run(int argc, char **argv);

const struct command_ops command_init = {
    .name = "init",
    .summary = "Make a first configuration of what is found on this machine",
    .usage = "[OPTION]... [FOLDER]...",
    .about =
        "Looks for GPUs, for engines on PATH, and for GGUF files in the folders; without a folder\n"
        "in ./models, ~/models and ~/.cache/llama.cpp. What was found is told on standard error.\n"
        "Exit code: 0 a configuration was made, 1 not, 2 wrong usage.",
    .options = init_options,
    .option_count = COUNT_OF(init_options),
    .run = run,
};

/* ---- engines ---- */

/* Those that load by name, the best known first; {model} is put in, {port} stays. */
static const struct engine_row {
    const char *program; /* looked for on PATH */
    const char *engine;  /* as in target.process.engine */
    const char *command[8];
} engines[] = {
    {"vllm", "vllm", {"vllm", "serve", "{model}", "--port", "{port}"}},
    {"sglang",
     "sglang",
     {"python3", "-m", "sglang.launch_server", "--model-path", "{model}", "--port", "{port}"}},
    {"trtllm-serve", "tensorrt-llm", {"trtllm-serve", "{model}", "--port", "{port}"}},
    {"text-generation-launcher",
     "tgi",
     {"text-generation-launcher", "--model-id", "{model}", "--port", "{port}"}},
};
static const struct engine_row llama_server = {
    "llama-server", "llama.cpp", {"llama-server", "-m", "{model}", "--port", "{port}"}};
/* Where nothing is found: something to try sluice with. */
static const struct engine_row emulated = {
    "sluice", "other", {"sluice", "engine", "--port", "{port}"}};

static bool on_path(const char *program)
{
    const char *path = env_get("PATH");
    struct span rest = span_from(path != NULL ? path : "");
    struct span folder;
    char full[INIT_PATH_SIZE];
    while (span_split(&rest, ':', &folder)) {
        const int len = snprintf(full, sizeof(full), "%.*s/%s", SPAN_ARG(folder), program);
        if (len > 0 && (size_t)len < sizeof(full) && access(full, X_OK) == 0)
            return true;
    }
    return false;
}

/* ---- what is there ---- */

struct found {
    struct gpu_inventory gpus;
    struct init_models models;
};

/* ---- the configuration ---- */

static void put_quoted(struct buf *out, const char *text)
{
    struct json_writer w;
    json_init(&w, out);
    json_text(&w, text);
}

static void put_command(struct buf *out, const struct engine_row *row, const char *model)
{
    buf_byte(out, '[');
    for (size_t i = 0; i < COUNT_OF(row->command) && row->command[i] != NULL; i++) {
        buf_text(out, i > 0 ? ", " : "");
        put_quoted(out, strcmp(row->command[i], "{model}") == 0 ? model : row->command[i]);
    }
    buf_byte(out, ']');
}

static double smallest_gpu(const struct gpu_inventory *gpus)
{
    double least = 0;
    for (size_t i = 0; i < gpus->device_count; i++)
        if (gpus->device[i].memory_bytes > 0 &&
            (least == 0 || gpus->device[i].memory_bytes < least))
            least = gpus->device[i].memory_bytes;
    return least;
}

/* GPUs of a replica; returns how many replicas fit on the machine. Models of known size share one
 * GPU by memory. */
static size_t put_gpus(struct buf *out, const struct gpu_inventory *gpus, double bytes)
{
    const double one = smallest_gpu(gpus);
    const double need = bytes * MEMORY_FACTOR;
    size_t count = 1;
    if (gpus->device_count == 0)
        return 1;
    if (bytes > 0 && one > 0 && need <= one) {
        buf_printf(out, "\n        gpuMemory: %.0fMi # of one GPU: weights and context",
                   ceil(need / 1048576.0));
        return gpus->device_count * (size_t)floor(one / need);
    }
    while (bytes > 0 && one > 0 && need > one * (double)count && count < gpus->device_count &&
           count < GPUS_PER_REPLICA_MAX)
        count *= 2;
    if (count > gpus->device_count)
        count = gpus->device_count;
    buf_printf(out, "\n        gpus: %zu", count);
    return gpus->device_count / count;
}

static void put_pool(struct buf *out, const struct found *found, const struct engine_row *row,
                     const struct init_model *model)
{
    buf_printf(out, "  %s:\n    models: [", model->name);
    put_quoted(out, model->file ? model->name : model->path);
    buf_text(out, "]\n    target:\n      process:\n        command: ");
    put_command(out, row, model->path);
    buf_printf(out, "\n        engine: %s", row->engine);
    const size_t fit = row == &emulated ? 1 : put_gpus(out, &found->gpus, model->bytes);
    buf_printf(out,
               "\n    minReplicas: 0 # sleeps without requests\n    maxReplicas: %zu\n"
               "    autoscaling: {policy: adaptive}\n",
               fit > 0 ? fit : 1);
}

static void put_head(struct buf *out, const struct found *found)
{
    buf_text(out, "# Made by sluice " SLUICE_VERSION " init. Try it: sluice check FILE, sluice run "
                  "FILE.\n# All options: docs/options.md, sluice explain FILE.\n");
    for (size_t i = 0; i < found->gpus.device_count; i++)
        buf_printf(out, "# GPU %s: %s, %.0f GiB\n", found->gpus.device[i].id,
                   found->gpus.device[i].type, found->gpus.device[i].memory_bytes / GIB);
    buf_text(out, "listen: {gateway: \"127.0.0.1:8080\", admin: \"127.0.0.1:8081\"}\n"
                  "state: sluice.db\npools:\n");
}

static const struct engine_row *engine_by_name(void)
{
    for (size_t i = 0; i < COUNT_OF(engines); i++)
        if (on_path(engines[i].program))
            return &engines[i];
    return NULL;
}

/* Returns how many pools there are. */
static size_t put_pools(struct buf *out, const struct found *found, const struct init_config *o)
{
    const struct engine_row *by_name = engine_by_name();
    struct init_models named = found->models; /* for names that are free */
    size_t pools = 0;
    for (size_t i = 0; i < found->models.count && on_path(llama_server.program); i++, pools++)
        put_pool(out, found, &llama_server, &found->models.item[i]);
    for (size_t i = 0; i < o->models.count && by_name != NULL; i++, pools++) {
        const char *text = o->models.item[i];
        const char *slash = strrchr(text, '/');
        const char *stem = slash != NULL ? slash + 1 : text;
        const struct init_model *model = init_models_add(&named, text, stem, strlen(stem));
        if (model == NULL)
            break;
        put_pool(out, found, by_name, model);
    }
    return pools;
}

static void tell(const struct found *found, const struct init_config *o)
{
    (void)fprintf(
        stderr, "GPUs: %zu\nGGUF files: %zu%s\nengines on PATH:", found->gpus.device_count,
        found->models.count, found->models.more ? " (there are more than are looked at)" : "");
    bool any = false;
    for (size_t i = 0; i <= COUNT_OF(engines); i++) {
        const char *program = i == 0 ? llama_server.program : engines[i - 1].program;
        if (on_path(program)) {
            (void)fprintf(stderr, " %s", program);
            any = true;
        }
    }
    (void)fputs(any ? "\n" : " none\n", stderr);
    if (engine_by_name() != NULL && o->models.count == 0)
        (void)fprintf(stderr, "%s loads models by name: say which with --model NAME\n",
                      engine_by_name()->program);
    if (engine_by_name() == NULL && o->models.count > 0)
        (void)fputs("--model needs one of vllm, sglang, trtllm-serve, text-generation-launcher on "
                    "PATH: left out\n",
                    stderr);
    if (found->models.count > 0 && !on_path(llama_server.program))
        (void)fputs("GGUF files need llama-server on PATH: left out\n", stderr);
}

/* What we made must be right, whatever was found. */
static bool is_right(const struct buf *text)
{
    struct problem_list problems;
    problem_list_init(&problems);
    struct config *config =
        config_read("sluice.yaml", buf_view(text), &(struct env_table){0}, &problems);
    const bool right = config != NULL;
    if (!right)
        load_report(stderr, &problems, text);
    config_free(config);
    problem_list_done(&problems);
    return right;
}

static int hand_out(const struct init_config *o, const struct buf *text)
{
    struct diag diag = {.code = RC_OK};
    if (!is_right(text)) {
        (void)fail(&diag, RC_INVALID, "what was found makes no configuration");
        return command_failed(&command_init, &diag);
    }
    if (o->write == NULL) {
        (void)fwrite(text->ptr, 1, text->len, stdout); /* main looks at stdout */
        return EXIT_OK;
    }
    if (!o->force && access(o->write, F_OK) == 0) {
        (void)fail(&diag, RC_STATE, "\"%s\" is there already: --force replaces it", o->write);
        return command_failed(&command_init, &diag);
    }
    if (file_replace(o->write, buf_view(text), 0644, &diag) != RC_OK)
        return command_failed(&command_init, &diag);
    (void)fprintf(stderr, "%s is written; now: sluice run %s\n", o->write, o->write);
    return EXIT_OK;
}

static int look(const struct init_config *o, const struct args *args, struct found *found)
{
    struct gpu_places places = gpu_places_usual;
    struct diag diag = {.code = RC_OK};
    places.driver = o->driver;
    (void)gpu_find(&places, &found->gpus); /* none is an answer, too */
    for (size_t i = 0; i < args->count; i++)
        if (!init_models_scan(&found->models, args->operand[i], 0)) {
            (void)fail(&diag, RC_NOT_FOUND, "the folder \"%s\" cannot be read", args->operand[i]);
            return command_failed(&command_init, &diag);
        }
    if (args->count == 0)
        init_models_scan_usual(&found->models);
    return EXIT_OK;
}

static int run(int argc, char **argv)
{
    struct init_config options = {.write = NULL};
    struct args args;
    struct buf text;
    const int usage = command_args(&command_init, argc, argv, &options, &args);
    if (usage != EXIT_OK)
        return usage;
    struct found *found = mem_new(1, sizeof(*found));
    if (found == NULL)
        return command_failed(&command_init, &(struct diag){.code = RC_NO_MEMORY});
    int status = look(&options, &args, found);
    buf_init(&text, CONFIG_BYTES_MAX);
    if (status == EXIT_OK) {
        tell(found, &options);
        put_head(&text, found);
        if (put_pools(&text, found, &options) == 0) {
            (void)fputs("nothing to run was found: the pool is an emulated engine\n", stderr);
            put_pool(&text, found, &emulated, &(struct init_model){.name = "demo", .path = "demo"});
        }
        status = hand_out(&options, &text);
    }
    buf_done(&text);
    free(found);
    return status;
}
