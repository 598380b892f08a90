/* proc.c - see proc.h. */
#include "target/proc.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file.h"

#define PROC_PATH_SIZE 64
#define GROUPS_BYTES_MAX ((size_t)64 << 10)

void proc_each(proc_each_fn *fn, void *user)
{
    DIR *folder = opendir("/proc");
    const struct dirent *entry;
    while (folder && (entry = readdir(folder))) {
        char path[PROC_PATH_SIZE];
        struct stat st;
        const long pid = strtol(entry->d_name, NULL, 10);
        if (pid <= 1 || pid == getpid())
            continue;
        (void)snprintf(path, sizeof path, "/proc/%ld", pid);
        if (stat(path, &st) == 0 && st.st_uid == geteuid())
            fn(user, (pid_t)pid);
    }
    if (folder)
        (void)closedir(folder); /* read only */
}

bool proc_environ(pid_t pid, struct buf *into)
{
    char path[PROC_PATH_SIZE];
    (void)snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    return file_read(path, PROC_ENVIRON_BYTES_MAX, into, NULL) == RC_OK;
}

bool proc_leads_session(pid_t pid)
{
    return getsid(pid) == pid;
}

bool proc_in_group(pid_t pid, const char *name)
{
    char path[PROC_PATH_SIZE];
    struct buf text;
    bool found = false;
    (void)snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
    buf_init(&text, GROUPS_BYTES_MAX * 2);
    if (file_read(path, GROUPS_BYTES_MAX, &text, NULL) == RC_OK) {
        struct span rest = buf_view(&text);
        struct span line;
        while (span_split(&rest, '\n', &line)) { /* "4:memory:/sluice-x/chat-1" */
            const size_t len = strlen(name);
            found |=
                line.len > len && span_ends_with(line, name) && line.ptr[line.len - len - 1] == '/';
        }
    }
    buf_done(&text);
    return found;
}

bool proc_output(pid_t pid, char *ret_path, size_t size)
{
    char path[PROC_PATH_SIZE];
    struct stat st;
    (void)snprintf(path, sizeof path, "/proc/%d/fd/1", (int)pid);
    const ssize_t len = readlink(path, ret_path, size - 1);
    if (len <= 0 || (size_t)len >= size - 1)
        return false;
    ret_path[len] = '\0';
    return stat(ret_path, &st) == 0 && S_ISREG(st.st_mode);
}
