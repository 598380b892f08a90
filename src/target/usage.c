#include "target/usage.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "io/file.h"
#include "target/proc.h"

#define PATH_SIZE (CGROUP_PATH_SIZE + 64)
#define FILE_BYTES_MAX ((size_t)64 << 10)
#define BUFFER_BYTES_MAX (4 * FILE_BYTES_MAX) /* files are read in large steps */

static bool read_small(const char *folder, const char *name, struct buf *into)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    buf_clear(into);
    return file_read(path, FILE_BYTES_MAX, into, NULL) == RC_OK;
}

/* "123\n" */
static bool read_number(const char *folder, const char *name, struct buf *text, double *ret)
{
    return read_small(folder, name, text) &&
           num_parse(span_slice(buf_view(text), 0, text->len > 0 ? text->len - 1 : 0), ret) ==
               RC_OK;
}

/* The number behind a name in lines of "name 123". */
static bool read_row(const char *folder, const char *name, const char *key, struct buf *text,
                     double *ret)
{
    struct span line;
    if (!read_small(folder, name, text))
        return false;
    for (struct span rest = buf_view(text); span_split(&rest, '\n', &line);) {
        struct span word;
        if (span_split(&line, ' ', &word) && span_equal_text(word, key))
            return num_parse(line, ret) == RC_OK;
    }
    return false;
}

/* Version 2 has all in one folder, version 1 a folder for each kind. What the page cache could give
 * back is not in use. */
static bool of_group(const struct cgroup *group, struct target_usage *ret)
{
    struct buf text;
    bool cpu = false;
    bool memory = false;
    double number = 0;
    double idle = 0;
    buf_init(&text, BUFFER_BYTES_MAX);
    for (size_t i = 0; i < group->folder_count; i++) {
        const char *folder = group->folder[i];
        if (!cpu && read_row(folder, "cpu.stat", "usage_usec", &text, &number)) {
            ret->cpu_s = number / 1e6;
            cpu = true;
        }
        if (!cpu && read_number(folder, "cpuacct.usage", &text, &number)) {
            ret->cpu_s = number / 1e9;
            cpu = true;
        }
        if (memory || !(read_number(folder, "memory.current", &text, &number) ||
                        read_number(folder, "memory.usage_in_bytes", &text, &number)))
            continue;
        memory = true;
        if (!read_row(folder, "memory.stat", "inactive_file", &text, &idle))
            idle = 0;
        ret->memory_bytes = number > idle ? number - idle : 0;
    }
    buf_done(&text);
    return cpu && memory;
}

struct session {
    pid_t leader;
    double ticks;
    double pages;
    size_t processes;
    struct buf text;
};

/* Fields 14 to 17 (times, also of children that were waited for) and 24 (resident pages) of
 * /proc/PID/stat; the name in field 2 may hold spaces. */
static void add_process(void *user, pid_t pid)
{
    struct session *s = user;
    char folder[64];
    if (getsid(pid) != s->leader)
        return;
    (void)snprintf(folder, sizeof(folder), "/proc/%d", (int)pid);
    if (!read_small(folder, "stat", &s->text))
        return;
    struct span rest = buf_view(&s->text);
    size_t behind = rest.len;
    while (behind > 0 && rest.ptr[behind - 1] != ')')
        behind--;
    rest = span_slice(rest, behind, rest.len);
    struct span word;
    for (int field = 2; span_split(&rest, ' ', &word); field++) {
        double number = 0;
        if (num_parse(word, &number) != RC_OK)
            continue;
        if (field >= 14 && field <= 17)
            s->ticks += number;
        if (field == 24)
            s->pages += number;
    }
    s->processes++;
}

static bool of_session(pid_t leader, struct target_usage *ret)
{
    struct session s = {.leader = leader};
    if (leader <= 0)
        return false;
    buf_init(&s.text, BUFFER_BYTES_MAX);
    proc_each(add_process, &s);
    buf_done(&s.text);
    ret->cpu_s = s.ticks / (double)sysconf(_SC_CLK_TCK);
    ret->memory_bytes = s.pages * (double)sysconf(_SC_PAGESIZE);
    return s.processes > 0;
}

bool usage_read(const struct cgroup *group, pid_t leader, struct target_usage *ret)
{
    return of_group(group, ret) || of_session(leader, ret);
}

double usage_host_cpus(void)
{
    const double cpus = (double)sysconf(_SC_NPROCESSORS_ONLN);
    return cpus > 0 ? cpus : 1;
}

double usage_host_memory_bytes(void)
{
    const double bytes = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    return bytes > 0 ? bytes : 0;
}
