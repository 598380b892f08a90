/* vllm_args.h - what the command line of a vLLM container says about its batch and its cache,
 * before anything is measured. Pure. */
#ifndef SLUICE_CORE_CAPACITY_VLLM_ARGS_H
#define SLUICE_CORE_CAPACITY_VLLM_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/span.h"

struct vllm_args {
    int64_t max_num_seqs;
    int64_t max_num_batched_tokens; /* 0 = not said, as the next three */
    int64_t max_model_len;
    int64_t num_gpu_blocks_override;
    int64_t effective_max_batched_tokens; /* what follows */
    int64_t block_size;
    int64_t tensor_parallel_size;
    double gpu_memory_utilization;
    char kv_cache_dtype[NAME_SIZE];
    bool enforce_eager;
    bool chunked_prefill;
    bool v1_engine;
};

/* Begins with the engine's defaults. env_v1: the variable VLLM_USE_V1, empty = unset. */
void vllm_args_init(struct vllm_args *args, struct span env_v1);
/* Takes the words of a command in order; a word with blanks in it (sh -c "...") is read as a
 * command line of its own. Values that are no numbers are passed over. */
void vllm_args_word(struct vllm_args *args, struct span word, struct span *pending);
/* After the last word. */
void vllm_args_finish(struct vllm_args *args);

#endif
