/* gpu_found.c - see gpu_found.h. */
#include "target/gpu_found.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/duration.h"
#include "base/num.h"
#include "io/clock.h"
#include "io/env.h"
#include "io/file.h"
#include "target/spawn.h"

#define TOOL_LIMIT_NS (5 * SECOND_NS) /* nvidia-smi wakes sleeping GPUs: a second or two */
#define TOOL_BYTES_MAX ((size_t)256 << 10)
#define MIB 1048576.0

static const char *const list_argv[] = {"nvidia-smi", "-L", NULL};
static const char *const size_argv[] = {"nvidia-smi", "--query-gpu=uuid,memory.total",
                                        "--format=csv,noheader,nounits", NULL};
const struct gpu_places gpu_places_usual = {
    .driver = "/proc/driver/nvidia/gpus", .list_argv = list_argv, .size_argv = size_argv};

/* ---- reading ---- */

void gpu_type_of(struct span model, char ret_type[NAME_SIZE])
{
    static const char *const makers[] = {"NVIDIA ", "GeForce ", "Tesla ", "Quadro "};
    model = span_trim(model);
    for (size_t i = 0; i < COUNT_OF(makers); i++)
        if (span_starts_with(model, makers[i]))
            model = span_slice(model, strlen(makers[i]), model.len);
    size_t end = 0;
    /* The name up to the form or the memory: "A100-SXM4-80GB", "H100 80GB HBM3". */
    while (end < model.len && model.ptr[end] != '-' &&
           !(model.ptr[end] == ' ' &&
             span_find(span_slice(model, end + 1, 6), span_from("GB"), 0) != SIZE_MAX))
        end++;
    (void)span_copy(span_trim(span_slice(model, 0, end)), ret_type, NAME_SIZE); /* cut */
}

/* What stands between a word and the next closing bracket. */
static struct span after_word(struct span line, const char *word, char close)
{
    const size_t at = span_find(line, span_from(word), 0);
    if (at == SIZE_MAX)
        return (struct span){NULL, 0};
    const struct span rest = span_slice(line, at + strlen(word), line.len);
    const size_t end = span_find_byte(rest, close, 0);
    return span_trim(span_slice(rest, 0, end == SIZE_MAX ? rest.len : end));
}

static void add_device(struct gpu_inventory *ret, const struct gpu_device *device)
{
    if (device->id[0] != '\0' && ret->device_count < GPU_DEVICES_MAX)
        ret->device[ret->device_count++] = *device;
}

void gpu_read_list(struct span text, struct gpu_inventory *ret)
{
    struct span line;
    char parent[NAME_SIZE] = "";
    while (span_split(&text, '\n', &line)) {
        struct gpu_device device = {.id = ""};
        const struct span trimmed = span_trim(line);
        if (!span_copy(after_word(line, "(UUID:", ')'), device.id, sizeof device.id))
            continue;
        if (span_starts_with(trimmed, "GPU ")) {
            gpu_type_of(after_word(trimmed, ":", '('), device.type);
            memcpy(parent, device.id, sizeof parent);
            add_device(ret, &device);
        } else if (span_starts_with(trimmed, "MIG ")) {
            const size_t end = span_find_byte(trimmed, ' ', 4);
            (void)span_copy(span_slice(trimmed, 4, end == SIZE_MAX ? 0 : end - 4), device.type,
                            sizeof device.type); /* "3g.40gb"; cut */
            memcpy(device.parent, parent, sizeof device.parent);
            add_device(ret, &device);
        }
    }
}

void gpu_read_sizes(struct span text, struct gpu_inventory *inventory)
{
    struct span line;
    while (span_split(&text, '\n', &line)) {
        struct span rest = line;
        struct span id;
        double mebibytes = 0;
        if (!span_split(&rest, ',', &id) || num_parse(span_trim(rest), &mebibytes) != RC_OK)
            continue;
        for (size_t i = 0; i < inventory->device_count; i++)
            if (span_equal_text(span_trim(id), inventory->device[i].id) && mebibytes > 0)
                inventory->device[i].memory_bytes = mebibytes * MIB;
    }
}

bool gpu_read_information(struct span text, struct gpu_device *ret)
{
    struct gpu_device device = {.id = ""};
    gpu_type_of(after_word(text, "Model:", '\n'), device.type);
    if (!span_copy(after_word(text, "GPU UUID:", '\n'), device.id, sizeof device.id) ||
        !span_starts_with(span_from(device.id), "GPU-"))
        return false;
    *ret = device;
    return true;
}

/* ---- asking ---- */

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* addresses on the bus: the order of the slots */
}

static void read_driver(const char *folder, struct gpu_inventory *ret)
{
    struct dirent **entry = NULL;
    const int count = scandir(folder, &entry, NULL, by_name);
    for (int i = 0; i < count; i++) {
        char path[512];
        struct buf text;
        struct gpu_device device;
        buf_init(&text, TOOL_BYTES_MAX);
        (void)snprintf(path, sizeof path, "%s/%s/information", folder, entry[i]->d_name);
        if (file_read(path, TOOL_BYTES_MAX / 2, &text, NULL) == RC_OK &&
            gpu_read_information(buf_view(&text), &device))
            add_device(ret, &device);
        buf_done(&text);
        free(entry[i]);
    }
    free(entry);
}

/* Waits for the program to end, kills it when it takes too long. */
static bool wait_for(struct child *child)
{
    const int64_t deadline_ns = clock_monotonic_ns() + TOOL_LIMIT_NS;
    struct child_end end = {.ended = false};
    while (!end.ended) {
        struct pollfd watch = {.fd = child->pidfd, .events = POLLIN};
        const int64_t left_ns = deadline_ns - clock_monotonic_ns();
        if (left_ns <= 0)
            child_signal(child, SIGKILL);
        (void)poll(&watch, 1, left_ns > 0 ? (int)(left_ns / MILLISECOND_NS) + 1 : 100);
        end = child_poll(child);
    }
    return end.known && end.signal == 0 && end.exit_code == 0;
}

static bool run_tool(const char *const *argv, struct buf *into)
{
    char output[] = "/tmp/sluice-gpus-XXXXXX";
    char path[4096];
    const char *const envp[] = {path, NULL};
    const char *ours = env_get("PATH");
    struct child child;
    (void)snprintf(path, sizeof path, "PATH=%s", ours ? ours : "/usr/local/bin:/usr/bin:/bin");
    const int fd = mkstemp(output);
    if (fd < 0)
        return false;
    (void)close(fd); /* only its name is needed */
    const struct spawn_spec spec = {.argv = argv, .envp = envp, .output_path = output};
    bool fine = child_spawn(&spec, &child, NULL) == RC_OK;
    if (fine) {
        fine = wait_for(&child) && file_read(output, TOOL_BYTES_MAX / 2, into, NULL) == RC_OK;
        child_done(&child);
    }
    (void)unlink(output); /* a temporary file */
    return fine;
}

size_t gpu_find(const struct gpu_places *places, struct gpu_inventory *ret)
{
    struct buf text;
    ret->device_count = 0;
    read_driver(places->driver, ret);
    if (ret->device_count == 0)
        return 0;
    buf_init(&text, TOOL_BYTES_MAX);
    if (run_tool(places->list_argv, &text)) {
        const size_t by_driver = ret->device_count;
        ret->device_count = 0; /* it knows MIG instances, too */
        gpu_read_list(buf_view(&text), ret);
        if (ret->device_count == 0)
            ret->device_count = by_driver; /* nothing was written over */
    }
    buf_clear(&text);
    if (run_tool(places->size_argv, &text))
        gpu_read_sizes(buf_view(&text), ret);
    buf_done(&text);
    return ret->device_count;
}
