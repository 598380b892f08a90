/* target_options.c - the option rows under `target`. Tables only. */
#include "config/rows.h"
#include "config/target_spec.h"

static const struct opt_choice engine_choices[] = {
    {"auto", ENGINE_AUTO, "told by the names of its metrics"},
    {"vllm", ENGINE_VLLM, "vLLM"},
    {"sglang", ENGINE_SGLANG, "SGLang"},
    {"tensorrt-llm", ENGINE_TENSORRT_LLM, "TensorRT-LLM"},
    {"tgi", ENGINE_TGI, "Text Generation Inference"},
    {"llama.cpp", ENGINE_LLAMA_CPP, "llama-server"},
    {"other", ENGINE_OTHER, "anything that serves HTTP, no metrics"},
    {NULL, 0, NULL},
};
static const struct opt_choice stop_choices[] = {
    {"TERM", STOP_TERM, "SIGTERM"},
    {"INT", STOP_INT, "SIGINT"},
    {"QUIT", STOP_QUIT, "SIGQUIT"},
    {"HUP", STOP_HUP, "SIGHUP"},
    {NULL, 0, NULL},
};

static const struct opt ready_options[] = {
    ROW_TEXT("path", ready_spec, path, 0, LIVE, "/health",
             "Answers 2xx once the engine serves; empty: an open port is enough."),
    ROW_NUMBER(DURATION, "timeout", ready_spec, timeout_ns, LIVE, 1, 86400, 600, "s",
               "A start that takes longer counts as failed."),
    ROW_NUMBER(DURATION, "interval", ready_spec, interval_ns, LIVE, 0.01, 600, 0.25, "s",
               "Time between two probes."),
};

static const struct opt restart_options[] = {
    ROW_NUMBER(DURATION, "backoff", restart_spec, backoff_min_ns, LIVE, 0, 3600, 1, "s",
               "Wait after the first failed start; doubles with each further one."),
    ROW_NUMBER(DURATION, "maxBackoff", restart_spec, backoff_max_ns, LIVE, 0, 86400, 300, "s",
               "Longest wait."),
    ROW_NUMBER(INT, "giveUpAfter", restart_spec, give_up_after, LIVE, 0, 1000, 10, "starts",
               "Failed starts in a row before the pool is given up; 0 is never."),
};

const struct opt process_target_options[] = {
    ROW_TREE("command", process_target, command_source, OPT_FLAG_REQUIRED, REPLACE, SCHEMA_TEXTS,
             "Program and arguments, as a list or as one text that is split like a shell splits "
             "words; {port} {model} {gpus} {replica} {pool} are filled in."),
    ROW_TREE("args", process_target, args_source, 0, REPLACE, SCHEMA_TEXTS,
             "Further arguments, added after the command's."),
    ROW_TREE("env", process_target, env_source, OPT_FLAG_SECRET, REPLACE, SCHEMA_MAP,
             "Environment variables of the engine; it gets these, PATH, HOME and passEnv only."),
    ROW_TREE("passEnv", process_target, pass_env_source, 0, REPLACE, SCHEMA_TEXTS,
             "Names of variables that are handed on from sluice's own environment."),
    ROW_TEXT("workdir", process_target, workdir, 0, REPLACE, "",
             "Folder the engine runs in; empty is sluice's own."),
    ROW_ENUM("engine", process_target, engine, LIVE, engine_choices, ENGINE_AUTO,
             "Which engine it is: names of metrics, sleeping and waking."),
    ROW_NUMBER(INT, "port", process_target, port, REPLACE, 0, 65535, 0, "",
               "Fixed port, for one replica only; 0 takes a free one for {port}."),
    ROW_NUMBER(INT, "portsFrom", process_target, port_first, NEXT_START, 1024, 65000, 20000, "",
               "First port that is tried for {port}."),
    ROW_NUMBER(NUMBER, "gpus", process_target, gpus, REPLACE, 0, 64, 0, "GPUs",
               "GPUs of one replica; a fraction below 1 shares one by memory."),
    ROW_NUMBER(QUANTITY, "gpuMemory", process_target, gpu_memory_bytes, REPLACE, 0, 1e15, 0,
               "bytes", "Memory on one GPU instead of whole GPUs; 0 is not set."),
    ROW_TEXT("gpuType", process_target, gpu_type, 0, REPLACE, "",
             "Type of GPU as the inventory names it; empty is any."),
    ROW_NUMBER(QUANTITY, "memory", process_target, memory_bytes, NEXT_START, 0, 1e16, 0, "bytes",
               "Limit of main memory; 0 is no limit."),
    ROW_NUMBER(QUANTITY, "cpus", process_target, cpus, NEXT_START, 0, 4096, 0, "cores",
               "Limit of processor time; 0 is no limit."),
    ROW_STRUCT("ready", offsetof(struct process_target, ready), ready_options,
               COUNT_OF(ready_options), "How readiness is told."),
    ROW_NUMBER(DURATION, "drainTimeout", process_target, drain_timeout_ns, LIVE, 0, 86400, 300, "s",
               "How long running answers may take to end before the stop signal."),
    ROW_ENUM("stopSignal", process_target, stop_signal, LIVE, stop_choices, STOP_TERM,
             "Signal that asks the engine to end."),
    ROW_NUMBER(DURATION, "stopGrace", process_target, stop_grace_ns, LIVE, 0, 3600, 30, "s",
               "Time from the stop signal to SIGKILL."),
    ROW_STRUCT("restart", offsetof(struct process_target, restart), restart_options,
               COUNT_OF(restart_options), "What follows a failed start."),
    ROW_NUMBER(QUANTITY, "logSize", process_target, log_bytes_max, NEXT_START, 4096, 1e12, 16777216,
               "bytes", "Most that one replica's output takes on disk; the oldest goes."),
    ROW_TEXT("logFolder", process_target, log_folder, 0, NEXT_START, "",
             "Folder for output files; empty is beside the state file."),
    ROW_TEXT("metricsPath", process_target, metrics_path, 0, LIVE, "/metrics",
             "Where the engine tells its metrics; empty: nowhere."),
};

const struct opt http_target_options[] = {
    ROW_TREE("endpoints", http_target, endpoints_source, OPT_FLAG_REQUIRED, LIVE, SCHEMA_TEXTS,
             "Addresses of engines that run elsewhere, as http://HOST:PORT."),
    ROW_STRUCT("ready", offsetof(struct http_target, ready), ready_options, COUNT_OF(ready_options),
               "How readiness is told."),
    ROW_TEXT("metricsPath", http_target, metrics_path, 0, LIVE, "/metrics",
             "Where the engines tell their metrics; empty: nowhere."),
    ROW_ENUM("engine", http_target, engine, LIVE, engine_choices, ENGINE_AUTO,
             "Which engine it is."),
};

const size_t process_target_option_count = COUNT_OF(process_target_options);
const size_t http_target_option_count = COUNT_OF(http_target_options);
