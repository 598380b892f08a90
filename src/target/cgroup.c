/* cgroup.c - plain files under /sys/fs/cgroup: one folder on v2, one per controller on v1. */
#include "target/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CPU_PERIOD_US 100000
#define CGROUP_ROOT "/sys/fs/cgroup"

static bool write_text(const char *folder, const char *file, const char *text)
{
    char path[CGROUP_PATH_SIZE + 64];
    ssize_t written;
    int fd;

    (void)snprintf(path, sizeof path, "%s/%s", folder, file);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    written = write(fd, text, strlen(text));
    (void)close(fd); /* nothing was buffered */
    return written == (ssize_t)strlen(text);
}

static bool read_text(const char *folder, const char *file, char *ret_text, size_t size)
{
    char path[CGROUP_PATH_SIZE + 64];
    ssize_t got;
    int fd;

    (void)snprintf(path, sizeof path, "%s/%s", folder, file);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    got = read(fd, ret_text, size - 1);
    (void)close(fd);
    if (got < 0)
        return false;
    ret_text[got] = '\0';
    return true;
}

/* Creates the folder with its parents below root; on v2 each parent hands its controllers down. */
static bool make_folders(const char *root, const char *name, bool v2,
                         char ret_path[CGROUP_PATH_SIZE])
{
    int len = snprintf(ret_path, CGROUP_PATH_SIZE, "%s/%s", root, name);

    if (len < 0 || len >= CGROUP_PATH_SIZE) {
        ret_path[0] = '\0'; /* half a path could be somebody else's */
        errno = ENAMETOOLONG;
        return false;
    }
    for (char *p = ret_path + strlen(root) + 1;; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        const char end = *p;

        *p = '\0';
        if (mkdir(ret_path, 0755) != 0 && errno != EEXIST)
            return false;
        if (v2 && end == '/')
            (void)write_text(ret_path, "cgroup.subtree_control",
                             "+cpu +memory"); /* limits fail later if this did */
        *p = end;
        if (end == '\0')
            return true;
    }
}

static enum rc set_limits_v2(const struct cgroup *group, const struct cgroup_limits *limits,
                             struct diag *diag)
{
    char text[64];

    if (limits->cpus > 0) {
        (void)snprintf(text, sizeof text, "%" PRId64 " %d", (int64_t)(limits->cpus * CPU_PERIOD_US),
                       CPU_PERIOD_US);
        if (!write_text(group->folder[0], "cpu.max", text))
            return fail(diag, RC_UNSUPPORTED, "cpu limit cannot be set: %s/cpu.max: %s",
                        group->folder[0], strerror(errno));
    }
    if (limits->memory_bytes > 0) {
        (void)snprintf(text, sizeof text, "%" PRId64, (int64_t)limits->memory_bytes);
        if (!write_text(group->folder[0], "memory.max", text))
            return fail(diag, RC_UNSUPPORTED, "memory limit cannot be set: %s/memory.max: %s",
                        group->folder[0], strerror(errno));
        (void)write_text(group->folder[0], "memory.oom.group",
                         "1"); /* older kernels have no such file */
    }
    return RC_OK;
}

static enum rc open_v2(const char *root, const char *name, const struct cgroup_limits *limits,
                       struct cgroup *ret, struct diag *diag)
{
    struct cgroup group = {.folder_count = 1, .v2 = true};

    (void)write_text(root, "cgroup.subtree_control",
                     "+cpu +memory"); /* refused when a service manager owns it */
    if (!make_folders(root, name, true, group.folder[0]))
        return fail(diag, RC_UNSUPPORTED, "cgroup %s/%s cannot be made: %s", root, name,
                    strerror(errno));
    const enum rc rc = set_limits_v2(&group, limits, diag);

    if (rc == RC_OK)
        *ret = group;
    else
        (void)cgroup_close(&group); /* nobody is in it yet */
    return rc;
}

static enum rc open_v1(const char *root, const char *name, const struct cgroup_limits *limits,
                       struct cgroup *ret, struct diag *diag)
{
    struct cgroup group = {.folder_count = 2};
    char base[CGROUP_PATH_SIZE];
    char text[64];
    bool fine;

    (void)snprintf(base, sizeof base, "%s/cpu", root);
    fine = make_folders(base, name, false, group.folder[0]);
    (void)snprintf(base, sizeof base, "%s/memory", root);
    fine = fine && make_folders(base, name, false, group.folder[1]);
    if (fine && limits->cpus > 0) {
        (void)snprintf(text, sizeof text, "%" PRId64, (int64_t)(limits->cpus * CPU_PERIOD_US));
        fine = write_text(group.folder[0], "cpu.cfs_quota_us", text);
    }
    if (fine && limits->memory_bytes > 0) {
        (void)snprintf(text, sizeof text, "%" PRId64, (int64_t)limits->memory_bytes);
        fine = write_text(group.folder[1], "memory.limit_in_bytes", text);
    }
    if (!fine) {
        const int error = errno;

        (void)cgroup_close(&group); /* what was made of it */
        return fail(diag, RC_UNSUPPORTED, "cgroup %s under %s cannot be made or limited: %s", name,
                    root, strerror(error));
    }
    *ret = group;
    return RC_OK;
}

static bool is_v2(const char *folder)
{
    char path[CGROUP_PATH_SIZE + 64];

    (void)snprintf(path, sizeof path, "%s/cgroup.controllers", folder);
    return access(path, F_OK) == 0;
}

enum rc cgroup_open(const char *root, const char *name, const struct cgroup_limits *limits,
                    struct cgroup *ret, struct diag *diag)
{
    char unified[CGROUP_PATH_SIZE];

    if (root == NULL)
        root = CGROUP_ROOT;
    if (is_v2(root))
        return open_v2(root, name, limits, ret, diag);
    if (limits->cpus > 0 || limits->memory_bytes > 0)
        return open_v1(root, name, limits, ret, diag);
    (void)snprintf(unified, sizeof unified, "%s/unified", root);
    if (is_v2(unified))
        return open_v2(unified, name, limits, ret, diag);
    return fail(diag, RC_UNSUPPORTED, "there are no cgroups of version 2 under %s", root);
}

size_t cgroup_join_fds(const struct cgroup *group, int ret_fds[CGROUP_FOLDERS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < group->folder_count; i++) {
        char path[CGROUP_PATH_SIZE + 64];

        (void)snprintf(path, sizeof path, "%s/cgroup.procs", group->folder[i]);
        const int fd = open(path, O_WRONLY | O_CLOEXEC);

        if (fd >= 0)
            ret_fds[count++] = fd;
    }
    return count;
}

size_t cgroup_kill(const struct cgroup *group)
{
    size_t seen = 0;

    for (size_t i = 0; i < group->folder_count; i++) {
        char path[CGROUP_PATH_SIZE + 64];
        char line[32];
        FILE *procs;

        (void)snprintf(path, sizeof path, "%s/cgroup.procs", group->folder[i]);
        procs = fopen(path, "re");
        if (procs == NULL)
            continue;
        while (fgets(line, sizeof line, procs) != NULL) {
            const long pid = strtol(line, NULL, 10);

            if (pid > 1 && kill((pid_t)pid, SIGKILL) == 0)
                seen++;
        }
        (void)fclose(procs); /* read only */
        /* Those that were born meanwhile; Linux 5.14 and later. After the loop: whoever is dead is
         * not listed any more. */
        (void)write_text(group->folder[i], "cgroup.kill", "1");
    }
    return seen;
}

/* Value of "KEY N" in a flat keyed file; 0 when absent. */
static int64_t keyed_value(const char *text, const char *key)
{
    for (const char *line = text; line != NULL && *line != '\0';) {
        if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ' ')
            return strtoll(line + strlen(key) + 1, NULL, 10);
        line = strchr(line, '\n');
        if (line != NULL)
            line++;
    }
    return 0;
}

bool cgroup_oom_struck(const struct cgroup *group)
{
    char text[1024];

    for (size_t i = 0; i < group->folder_count; i++) {
        if (read_text(group->folder[i], "memory.events", text, sizeof text) &&
            keyed_value(text, "oom_kill") > 0)
            return true;
        if (read_text(group->folder[i], "memory.oom_control", text, sizeof text) &&
            keyed_value(text, "oom_kill") > 0)
            return true;
    }
    return false;
}

static void close_parent(const char *folder)
{
    char parent[CGROUP_PATH_SIZE];
    const char *slash = strrchr(folder, '/');
    const char *name;

    if (slash == NULL)
        return;
    (void)snprintf(parent, sizeof parent, "%.*s", (int)(slash - folder), folder);
    name = strrchr(parent, '/');
    if (name != NULL && strncmp(name, "/" CGROUP_PREFIX, sizeof CGROUP_PREFIX) == 0)
        (void)rmdir(parent); /* refused while other groups are in it */
}

bool cgroup_close(struct cgroup *group)
{
    bool gone = true;

    for (size_t i = 0; i < group->folder_count; i++) {
        gone &= rmdir(group->folder[i]) == 0 || errno == ENOENT;
        close_parent(group->folder[i]);
    }
    if (gone)
        group->folder_count = 0;
    return gone;
}

bool cgroup_find(const char *root, const char *name, struct cgroup *ret)
{
    static const char *const hierarchies[] = {"", "/unified", "/cpu", "/memory"};
    struct cgroup group = {.folder_count = 0};

    if (root == NULL)
        root = CGROUP_ROOT;
    for (size_t i = 0; i < COUNT_OF(hierarchies) && group.folder_count < CGROUP_FOLDERS_MAX; i++) {
        char around[CGROUP_PATH_SIZE];
        char *folder = group.folder[group.folder_count];
        const int len = snprintf(folder, CGROUP_PATH_SIZE, "%s%s/%s", root, hierarchies[i], name);

        (void)snprintf(around, sizeof around, "%s%s", root, hierarchies[i]);
        if (len >= CGROUP_PATH_SIZE || access(folder, F_OK) != 0)
            continue;
        group.folder_count++;
        group.v2 |= is_v2(around);
    }
    *ret = group;
    return group.folder_count > 0;
}

void cgroup_each(const char *root, const char *name, cgroup_name_fn *fn, void *user)
{
    struct cgroup around;

    (void)cgroup_find(root, name, &around); /* none: no folder */
    for (size_t i = 0; i < around.folder_count; i++) {
        DIR *folder = opendir(around.folder[i]);
        const struct dirent *entry;

        while (folder != NULL && (entry = readdir(folder)) != NULL)
            if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
                fn(user, entry->d_name);
        if (folder != NULL)
            (void)closedir(folder); /* read only */
    }
}
