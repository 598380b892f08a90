#include "engine/answer.h"

#include <string.h>

#include "base/rng.h"

/* What a JSON writer or a UTF-8 reader may get wrong: every 32nd token on average is one of these.
 */
static const char *const special[] = {
    " \"q\"", " a\\b", "\n", " caf\xc3\xa9", " \xe6\xbc\xa2", " \xf0\x9f\x8c\x8a", "\t", " </s>"};

uint64_t answer_key(struct span request_id)
{
    return hash_span(0x5e1f, request_id);
}

static size_t word(uint64_t hash, char ret_text[ANSWER_TOKEN_MAX])
{
    static const char consonants[] = "bcdfghklmnprstvw";
    static const char vowels[] = "aeio";
    const size_t syllables = 1 + (size_t)(hash >> 8 & 3);
    size_t len = 0;
    ret_text[len++] = ' ';
    for (size_t i = 0; i < syllables; i++) {
        ret_text[len++] = consonants[hash >> (12 + 6 * i) & 15];
        ret_text[len++] = vowels[hash >> (16 + 6 * i) & 3];
    }
    return len;
}

size_t answer_token(uint64_t key, int64_t index, char ret_text[ANSWER_TOKEN_MAX])
{
    const uint64_t hash = hash_u64(key, (uint64_t)index);
    if ((hash & 31) != 0)
        return word(hash, ret_text);
    const char *text = special[hash >> 5 & 7];
    size_t len = 0;
    for (; text[len] != '\0'; len++)
        ret_text[len] = text[len];
    return len;
}

uint64_t answer_other_key(uint64_t key, int64_t index)
{
    char own[ANSWER_TOKEN_MAX];
    char other[ANSWER_TOKEN_MAX];
    const size_t own_len = answer_token(key, index, own);
    for (uint64_t i = 1;; i++) {
        const size_t len = answer_token(key ^ i, index, other);
        if (len != own_len || memcmp(own, other, len) != 0)
            return key ^ i;
    }
}

size_t answer_tool_token(uint64_t key, int64_t index, int64_t output_tokens,
                         char ret_text[ANSWER_TOKEN_MAX])
{
    static const char begin[] = "{\"text\":\"";
    static const char end[] = "\"}";
    if (index == 0) {
        memcpy(ret_text, begin, sizeof begin - 1);
        return sizeof begin - 1;
    }
    if (index == output_tokens - 1) {
        memcpy(ret_text, end, sizeof end - 1);
        return sizeof end - 1;
    }
    return word(hash_u64(key, (uint64_t)index), ret_text);
}

int64_t answer_prompt_tokens(uint64_t text_bytes)
{
    const uint64_t tokens = (text_bytes + ANSWER_BYTES_PER_TOKEN - 1) / ANSWER_BYTES_PER_TOKEN;
    return tokens > 0 ? (int64_t)tokens : 1;
}
