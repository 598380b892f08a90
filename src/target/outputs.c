/* outputs.c - see outputs.h. */
#include "target/outputs.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file.h"
#include "io/worker.h"

#define LAST_LINES_BYTES 4096U
#define OUTPUTS_MAX 131072 /* running and kept ones together */

/* What the worker thread sees: copies, no pointer into the set. */
struct outputs_job {
    struct outputs *outputs; /* NULL: nobody waits any more */
    bool cut;
    size_t count;
    struct cut {
        char *path;
        size_t bytes_max;
    } file[];
};

static void job_free(struct outputs_job *job)
{
    for (size_t i = 0; i < job->count; i++)
        free(job->file[i].path);
    free(job);
}

static void job_work(void *user)
{
    struct outputs_job *job = user;
    for (size_t i = 0; i < job->count; i++) {
        uint64_t dropped = 0;
        /* A disk that is full or gone is no reason to stop: next time perhaps. */
        if (file_keep_tail(job->file[i].path, job->file[i].bytes_max, &dropped) == RC_OK)
            job->cut |= dropped > 0;
    }
}

static void job_done(void *user)
{
    struct outputs_job *job = user;
    struct outputs *outputs = job->outputs;
    if (outputs) {
        outputs->job = NULL;
        if (outputs->live_count > 0)
            timer_after(&outputs->timer, job->cut ? OUTPUTS_FLOOD_NS : OUTPUTS_LOOK_NS);
    }
    job_free(job);
}

static void on_timer(void *user)
{
    struct outputs *outputs = user;
    if (outputs->live_count == 0)
        return;
    struct outputs_job *job = mem_new(1, sizeof *job + outputs->live_count * sizeof job->file[0]);
    for (size_t i = 0; i < outputs->count && job; i++) {
        const struct output *output = &outputs->item[i];
        if (!output->live)
            continue;
        struct cut *file = &job->file[job->count];
        file->path = strdup(output->path);
        file->bytes_max = output->bytes_max;
        job->count += file->path != NULL;
    }
    if (job && worker_run(outputs->loop, job_work, job_done, job) == RC_OK) {
        job->outputs = outputs;
        outputs->job = job;
        return;
    }
    if (job)
        job_free(job);
    timer_after(&outputs->timer, OUTPUTS_LOOK_NS);
}

enum rc outputs_init(struct outputs *outputs, struct loop *loop)
{
    *outputs = (struct outputs){.loop = loop};
    return timer_init(&outputs->timer, loop, on_timer, outputs);
}

/* Takes one out of the list. */
static void forget(struct outputs *outputs, size_t index)
{
    free(outputs->item[index].path);
    outputs->live_count -= outputs->item[index].live;
    outputs->count--;
    memmove(&outputs->item[index], &outputs->item[index + 1],
            (outputs->count - index) * sizeof outputs->item[0]);
}

static void drop(struct outputs *outputs, size_t index)
{
    (void)unlink(outputs->item[index].path); /* somebody may have removed it already */
    forget(outputs, index);
}

void outputs_done(struct outputs *outputs)
{
    while (outputs->count > 0)
        forget(outputs, outputs->count - 1);
    free(outputs->item);
    outputs->item = NULL;
    timer_done(&outputs->timer);
    if (outputs->job)
        outputs->job->outputs = NULL;
    outputs->job = NULL;
}

static size_t index_of(const struct outputs *outputs, uint64_t replica)
{
    size_t i = 0;
    while (i < outputs->count && outputs->item[i].replica != replica)
        i++;
    return i;
}

enum rc outputs_open(struct outputs *outputs, const struct output_spec *spec)
{
    char *path = strdup(spec->path);
    void *array = outputs->item;
    const size_t before = index_of(outputs, spec->replica);
    if (!path || mem_grow(&array, &outputs->cap, outputs->count + 1, sizeof outputs->item[0],
                          OUTPUTS_MAX) != RC_OK) {
        free(path);
        return RC_NO_MEMORY;
    }
    outputs->item = array;
    if (before < outputs->count)
        forget(outputs, before); /* it writes again: the file goes on */
    struct output *output = &outputs->item[outputs->count++];
    *output = (struct output){
        .replica = spec->replica, .path = path, .bytes_max = spec->bytes_max, .live = true};
    (void)snprintf(output->pool, sizeof output->pool, "%s", spec->pool);
    if (outputs->live_count++ == 0 && !outputs->job)
        timer_after(&outputs->timer, OUTPUTS_LOOK_NS);
    return RC_OK;
}

/* Oldest first, of this pool, then of all. */
static void make_room(struct outputs *outputs, const char *pool)
{
    size_t of_pool = 0;
    size_t of_all = 0;
    size_t oldest_of_pool = 0;
    size_t oldest = 0;
    for (size_t i = outputs->count; i-- > 0;) {
        if (outputs->item[i].live)
            continue;
        oldest = i;
        of_all++;
        if (strcmp(outputs->item[i].pool, pool) != 0)
            continue;
        oldest_of_pool = i;
        of_pool++;
    }
    if (of_pool > OUTPUTS_KEPT_PER_POOL)
        drop(outputs, oldest_of_pool);
    else if (of_all > OUTPUTS_KEPT_MAX)
        drop(outputs, oldest);
}

void outputs_end(struct outputs *outputs, uint64_t replica, bool keep)
{
    struct stat st;
    const size_t index = index_of(outputs, replica);
    if (index == outputs->count || !outputs->item[index].live)
        return;
    if (!keep || stat(outputs->item[index].path, &st) != 0 || st.st_size == 0) {
        drop(outputs, index);
        return;
    }
    struct output output = outputs->item[index];
    outputs->live_count--;
    output.live = false;
    memmove(&outputs->item[index], &outputs->item[index + 1],
            (outputs->count - index - 1) * sizeof output);
    outputs->item[outputs->count - 1] = output;
    make_room(outputs, output.pool);
}

const char *outputs_path(const struct outputs *outputs, uint64_t replica)
{
    const size_t index = index_of(outputs, replica);
    return index < outputs->count ? outputs->item[index].path : NULL;
}

static bool is_plain(char c)
{
    return (unsigned char)c >= ' ' && c != 0x7f;
}

/* Terminal control sequences and other control bytes away; blank becomes one space. */
static size_t clean_line(struct span line, char *ret_text, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < line.len && n + 1 < size; i++) {
        if (line.ptr[i] == '\033' && i + 1 < line.len && line.ptr[i + 1] == '[') {
            for (i += 2; i < line.len && (line.ptr[i] < '@' || line.ptr[i] > '~'); i++)
                ;
            continue;
        }
        const char c = (char)(line.ptr[i] == '\t' ? ' ' : line.ptr[i]);
        if (is_plain(c) && (c != ' ' || (n > 0 && ret_text[n - 1] != ' ')))
            ret_text[n++] = c;
    }
    while (n > 0 && ret_text[n - 1] == ' ')
        n--;
    ret_text[n] = '\0';
    return n;
}

void output_last_line(const char *path, char *ret_text, size_t size)
{
    struct buf text;
    ret_text[0] = '\0';
    buf_init(&text, LAST_LINES_BYTES + 1);
    if (file_tail(path, 20, LAST_LINES_BYTES, &text) == RC_OK) {
        struct span rest = buf_view(&text);
        struct span line;
        char clean[TEXT_SIZE];
        while (span_split(&rest, '\n', &line))
            if (clean_line(line, clean, sizeof clean) > 0)
                (void)snprintf(ret_text, size, "%s", clean);
    }
    buf_done(&text);
}
