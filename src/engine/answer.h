/* answer.h - what an emulated engine answers: a pure function of the request's id and the index of
 * the token, so that a client can check every byte of every answer without asking the engine.
 *
 * Tokens are short words with a blank before them; some hold quotes, a line feed or letters beyond
 * ASCII, so that escaping on the way is checked too. */
#ifndef SLUICE_ENGINE_ANSWER_H
#define SLUICE_ENGINE_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

#define ANSWER_TOKEN_MAX 16      /* bytes of one token */
#define ANSWER_BYTES_PER_TOKEN 4 /* prompt tokens = bytes of all prompt text / 4, rounded up */
#define ANSWER_TOOL_MARK "@tool" /* in a prompt: answer with a call of the first tool */

uint64_t answer_key(struct span request_id);
/* Text of token `index` of the answer to the request with that key; returns its length. */
size_t answer_token(uint64_t key, int64_t index, char ret_text[ANSWER_TOKEN_MAX]);
/* The same for a tool call: the tokens together are {"text":"words"}; output_tokens >= 2. */
size_t answer_tool_token(uint64_t key, int64_t index, int64_t output_tokens,
                         char ret_text[ANSWER_TOKEN_MAX]);
/* A key whose answer has another token at `index`: one that was just drawn may have the same. */
uint64_t answer_other_key(uint64_t key, int64_t index);
int64_t answer_prompt_tokens(uint64_t text_bytes); /* at least 1 */

#endif
