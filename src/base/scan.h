/* scan.h - first byte of a kind in a run of bytes, many at a time: 16 with SSE2, which every x86-64
 * has, else 8 in a word. Never reads outside [at, end). Pure. */
#ifndef SLUICE_BASE_SCAN_H
#define SLUICE_BASE_SCAN_H

#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define SCAN_ONES UINT64_C(0x0101010101010101)
#define SCAN_HIGHS UINT64_C(0x8080808080808080)

/* High bit set in the lowest byte that is zero; higher bytes may be spoiled by borrows. */
static inline uint64_t scan_zero(uint64_t word)
{
    return (word - SCAN_ONES) & ~word & SCAN_HIGHS;
}

static inline uint64_t scan_word(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

#ifdef __SSE2__
static inline __m128i scan_load(const char *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}
#endif

/* First quote or backslash, or end: where the plain part of a JSON string stops. */
static inline const char *scan_string(const char *at, const char *end)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i escape = _mm_set1_epi8('\\');
    for (; end - at >= 32; at += 32) { /* most strings end far behind: one look for two */
        const __m128i a = scan_load(at);
        const __m128i b = scan_load(at + 16);
        const __m128i in_a = _mm_or_si128(_mm_cmpeq_epi8(a, quote), _mm_cmpeq_epi8(a, escape));
        const __m128i in_b = _mm_or_si128(_mm_cmpeq_epi8(b, quote), _mm_cmpeq_epi8(b, escape));
        if (_mm_movemask_epi8(_mm_or_si128(in_a, in_b)) != 0)
            break;
    }
    for (; end - at >= 16; at += 16) {
        const __m128i bytes = scan_load(at);
        const int hit = _mm_movemask_epi8(
            _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, escape)));
        if (hit != 0)
            return at + __builtin_ctz((unsigned)hit);
    }
#else
    for (; end - at >= 8; at += 8) {
        const uint64_t word = scan_word(at);
        if (scan_zero(word ^ (SCAN_ONES * '"')) | scan_zero(word ^ (SCAN_ONES * '\\')))
            break;
    }
#endif
    while (at < end && *at != '"' && *at != '\\')
        at++;
    return at;
}

/* First byte below the space, or DEL, or end: where the text of a header line stops. */
static inline const char *scan_control(const char *at, const char *end)
{
#ifdef __SSE2__
    const __m128i last = _mm_set1_epi8(0x1F);
    const __m128i del = _mm_set1_epi8(0x7F);
    for (; end - at >= 16; at += 16) {
        const __m128i bytes = scan_load(at);
        const int hit = _mm_movemask_epi8(_mm_or_si128(
            _mm_cmpeq_epi8(_mm_max_epu8(bytes, last), last), _mm_cmpeq_epi8(bytes, del)));
        if (hit != 0)
            return at + __builtin_ctz((unsigned)hit);
    }
#else
    for (; end - at >= 8; at += 8) {
        const uint64_t word = scan_word(at);
        if ((((word - SCAN_ONES * 0x20) & ~word) & SCAN_HIGHS) |
            scan_zero(word ^ (SCAN_ONES * 0x7F)))
            break;
    }
#endif
    while (at < end && (unsigned char)*at >= 0x20 && *at != 0x7F)
        at++;
    return at;
}

#endif
