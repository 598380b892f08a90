#include "core/capacity/vllm_args.h"

#include "base/mem.h"
#include "base/num.h"

#define BATCHED_V1 8192 /* tokens of a chunked prefill when nothing is said */
#define BATCHED_V0 2048
#define NAME_BYTES_MAX 64

enum arg_kind { ARG_INT, ARG_NUMBER, ARG_TEXT, ARG_FLAG };

struct arg_row {
    const char *name;
    enum arg_kind kind;
    size_t offset;
};

#define ROW(name_, kind_, member_)                                                                 \
    {                                                                                              \
        (name_), ARG_##kind_, offsetof(struct vllm_args, member_)                                  \
    }
static const struct arg_row rows[] = {
    ROW("max-num-seqs", INT, max_num_seqs),
    ROW("max-num-batched-tokens", INT, max_num_batched_tokens),
    ROW("max-model-len", INT, max_model_len),
    ROW("num-gpu-blocks-override", INT, num_gpu_blocks_override),
    ROW("block-size", INT, block_size),
    ROW("tensor-parallel-size", INT, tensor_parallel_size),
    ROW("gpu-memory-utilization", NUMBER, gpu_memory_utilization),
    ROW("kv-cache-dtype", TEXT, kv_cache_dtype),
    ROW("enforce-eager", FLAG, enforce_eager),
    ROW("enable-chunked-prefill", FLAG, chunked_prefill),
};

void vllm_args_init(struct vllm_args *args, struct span env_v1)
{
    *args = (struct vllm_args){.max_num_seqs = 256,
                               .block_size = 16,
                               .tensor_parallel_size = 1,
                               .gpu_memory_utilization = 0.9,
                               .kv_cache_dtype = "auto",
                               .v1_engine = !span_equal_text(env_v1, "0")};
    args->chunked_prefill = args->v1_engine;
}

static void set_value(struct vllm_args *args, const struct arg_row *row, struct span value)
{
    char *at = (char *)args + row->offset;
    double number;
    int64_t whole;
    switch (row->kind) {
    case ARG_INT:
        if (num_parse_int(value, &whole) == RC_OK)
            *(int64_t *)(void *)at = whole;
        return;
    case ARG_NUMBER:
        if (num_parse(value, &number) == RC_OK)
            *(double *)(void *)at = number;
        return;
    case ARG_TEXT:
        (void)span_copy(value, at, NAME_SIZE); /* a longer one is none that an engine knows */
        return;
    case ARG_FLAG:
        *(bool *)(void *)at = !span_equal_text_nocase(value, "false");
        return;
    }
}

/* "--max_num_seqs" and "--max-num-seqs" are one; NULL: not one of ours. */
static const struct arg_row *find_row(struct span name)
{
    char plain[NAME_BYTES_MAX];
    if (name.len >= sizeof plain)
        return NULL;
    for (size_t i = 0; i < name.len; i++)
        plain[i] = name.ptr[i];
    for (size_t i = 0; i < name.len; i++)
        if (plain[i] == '_')
            plain[i] = '-';
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (span_equal_text(span_of(plain, name.len), rows[i].name))
            return &rows[i];
    return NULL;
}

static void take_option(struct vllm_args *args, struct span option, struct span *pending)
{
    const size_t equals = span_find_byte(option, '=', 0);
    const struct span name = equals == SIZE_MAX ? option : span_slice(option, 0, equals);
    if (span_starts_with(name, "no-")) {
        const struct arg_row *row = find_row(span_slice(name, 3, name.len));
        if (row != NULL && row->kind == ARG_FLAG)
            set_value(args, row, span_from("false"));
        return;
    }
    const struct arg_row *row = find_row(name);
    if (row == NULL)
        return;
    if (equals != SIZE_MAX)
        set_value(args, row, span_slice(option, equals + 1, option.len));
    else if (row->kind == ARG_FLAG)
        set_value(args, row, span_from("true"));
    else
        *pending = name;
}

static void take_word(struct vllm_args *args, struct span word, struct span *pending)
{
    if (span_starts_with(word, "--")) {
        *pending = span_of(NULL, 0);
        take_option(args, span_slice(word, 2, word.len), pending);
        return;
    }
    const struct arg_row *row = pending->len > 0 ? find_row(*pending) : NULL;
    if (row != NULL)
        set_value(args, row, word);
    *pending = span_of(NULL, 0);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* The next word of a command line; quotes keep blanks together and are taken off at the ends. */
static bool next_word(struct span *rest, struct span *ret)
{
    *rest = span_trim(*rest);
    if (rest->len == 0)
        return false;
    const char first = rest->ptr[0];
    const bool quoted = first == '\'' || first == '"';
    const size_t from = quoted ? 1 : 0;
    size_t end = from;
    while (end < rest->len && !(quoted ? rest->ptr[end] == first : is_blank(rest->ptr[end])))
        end++;
    *ret = span_slice(*rest, from, end - from);
    *rest = span_slice(*rest, end + from, rest->len);
    return true;
}

void vllm_args_word(struct vllm_args *args, struct span word, struct span *pending)
{
    struct span part;
    if (span_find_byte(word, ' ', 0) == SIZE_MAX) {
        take_word(args, word, pending);
        return;
    }
    while (next_word(&word, &part))
        take_word(args, part, pending);
}

void vllm_args_finish(struct vllm_args *args)
{
    if (args->max_num_batched_tokens > 0)
        args->effective_max_batched_tokens = args->max_num_batched_tokens;
    else if (args->chunked_prefill)
        args->effective_max_batched_tokens = args->v1_engine ? BATCHED_V1 : BATCHED_V0;
    else
        args->effective_max_batched_tokens =
            args->max_model_len > BATCHED_V0 ? args->max_model_len : BATCHED_V0;
}
