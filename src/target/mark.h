/* mark.h - the mark that a replica carries in its environment, and the same facts as the store
 * recorded them: read back. Pure. */
#ifndef SLUICE_TARGET_MARK_H
#define SLUICE_TARGET_MARK_H

#include <sys/types.h>

#include "base/tree.h"
#include "core/message.h"
#include "target/cgroup.h"
#include "target/inventory.h"

/* Names of the variables. */
#define MARK_INSTALLATION "SLUICE_INSTALLATION"
#define MARK_REPLICA "SLUICE_REPLICA"
#define MARK_POOL "SLUICE_POOL"
#define MARK_CLASS "SLUICE_CLASS"
#define MARK_HASH "SLUICE_TARGET_HASH"
#define MARK_PORT "SLUICE_PORT"
#define MARK_GPUS "SLUICE_GPUS"
#define MARK_GPU_SHARE "SLUICE_GPU_SHARE"
#define MARK_GROUP "SLUICE_GROUP"
/* Pid of the engine itself, written by it between fork and exec: children of the engine inherit the
 * mark, and are told apart by it. */
#define MARK_PID "SLUICE_PID"
#define MARK_PID_DIGITS 10

struct mark {
    uint64_t replica;
    char pool[NAME_SIZE];
    uint16_t class_;
    uint64_t hash;
    uint16_t port;
    char gpus[GPU_IDS_SIZE];
    double gpu_share;
    char group[CGROUP_PATH_SIZE]; /* "" = none */
    pid_t pid;
    /* Known from a document only. */
    uint64_t start_ticks;
    char boot[NAME_SIZE];
    char log[TEXT_SIZE];
};

/* environ: "NAME=value" texts, each ended by a NUL. RC_NOT_FOUND: no mark of this installation;
 * RC_CORRUPT: one that is not whole. */
enum rc mark_read(struct span environ, const char *installation, struct mark *ret) MUST_CHECK;
/* The document of a replica. RC_CORRUPT. */
enum rc mark_read_document(struct span json, struct mark *ret) MUST_CHECK;

#endif
