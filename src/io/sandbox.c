/* sandbox.c - Landlock and seccomp by their system calls: no library is worth two of them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/sandbox.h"

/* ---- files ---- */

/* What the kernel headers of the build may not know yet. */
#define ACCESS_TRUNCATE (UINT64_C(1) << 14) /* from the third version of Landlock */

#define ACCESS_WRITE                                                                               \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                               \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | \
     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |   \
     LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)

static long landlock_version(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

static bool allow_folder(int rules, const char *folder, uint64_t access)
{
    const int fd = open(folder, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT; /* nothing can be written there either way */
    const struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = fd};
    const long rc = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    (void)close(fd);
    return rc == 0;
}

/* Reading stays as the permissions of files say: certificates and secrets may lie anywhere. */
static bool bound_files(const char *const *folder, size_t count, long version)
{
    const uint64_t write = ACCESS_WRITE | (version >= 3 ? ACCESS_TRUNCATE : 0);
    const struct landlock_ruleset_attr all = {.handled_access_fs =
                                                  write | LANDLOCK_ACCESS_FS_EXECUTE};
    const int rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
    if (rules < 0)
        return false;
    bool done = true;
    for (size_t i = 0; i < count && done; i++)
        done = allow_folder(rules, folder[i], write);
    done = done && syscall(SYS_landlock_restrict_self, rules, 0) == 0;
    (void)close(rules);
    return done;
}

/* ---- calls ---- */

#if defined(__x86_64__)
#define THIS_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCH AUDIT_ARCH_AARCH64
#endif

/* What nothing in a gateway needs and what turns a hole into a foothold. */
static const int denied[] = {
    SYS_execve,
    SYS_execveat,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_kexec_load,
    SYS_process_vm_writev,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_setns,
    SYS_unshare,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    SYS_quotactl,
    SYS_open_by_handle_at,
    SYS_io_uring_setup,
    SYS_move_mount,
    SYS_fsopen,
    SYS_open_tree,
    SYS_personality,
};

#define SYSTEM_CALLS_X32 0x40000000 /* the second table of x86-64 */
#define HEAD 5

#ifdef THIS_ARCH
static bool bound_calls(void)
{
    struct sock_filter code[HEAD + COUNT_OF(denied) + 2];
    const size_t refuse = HEAD + COUNT_OF(denied) + 1;
    size_t n = 0;
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                             (uint32_t)offsetof(struct seccomp_data, arch));
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, THIS_ARCH, 1, 0);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                             (uint32_t)offsetof(struct seccomp_data, nr));
    code[n] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SYSTEM_CALLS_X32,
                                           (uint8_t)(refuse - n - 1), 0);
    n++;
    for (size_t i = 0; i < COUNT_OF(denied); i++, n++)
        code[n] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)denied[i],
                                               (uint8_t)(refuse - n - 1), 0);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    const struct sock_fprog program = {.len = (unsigned short)n, .filter = code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
}
#else
static bool bound_calls(void)
{
    errno = ENOSYS;
    return false;
}
#endif

static bool is_missing(int error)
{
    return error == ENOSYS || error == EOPNOTSUPP || error == EINVAL;
}

enum rc sandbox_enter(const char *const *folder, size_t count, struct sandbox *ret,
                      struct diag *diag)
{
    *ret = (struct sandbox){.files = false};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return fail(diag, RC_IO, "privileges cannot be given up: %s", strerror(errno));
    const long version = landlock_version();
    ret->files = version > 0 && bound_files(folder, count, version);
    if (version > 0 && !ret->files)
        return fail(diag, RC_IO, "writing cannot be bounded: %s", strerror(errno));
    ret->calls = bound_calls();
    if (!ret->calls && !is_missing(errno))
        return fail(diag, RC_IO, "calls cannot be bounded: %s", strerror(errno));
    return RC_OK;
}
