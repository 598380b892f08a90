#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#undef fail
#include <zlib.h>

#include "base/duration.h"
#include "base/mem.h"
#include "sim/trace.h"

#define OURS "arrival_ms,input_tokens,output_tokens\n"
#define AZURE "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
#define BURST "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"

struct parsed {
    struct trace_row *row;
    size_t count;
    enum rc rc;
    struct diag diag;
};

static struct parsed parse(struct span bytes)
{
    struct parsed p = {0};
    p.rc = trace_read_all(bytes, 1000000, &p.row, &p.count, &p.diag);
    return p;
}

static struct buf gzip(const char *text)
{
    struct buf packed;
    buf_init(&packed, 1U << 24);
    assert_true(buf_reserve(&packed, strlen(text) + 1024));
    z_stream zip = {0};
    assert_int_equal(deflateInit2(&zip, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    zip.next_in = (z_const Bytef *)(uintptr_t)text;
    zip.avail_in = (uInt)strlen(text);
    zip.next_out = (Bytef *)packed.ptr;
    zip.avail_out = (uInt)packed.cap;
    assert_int_equal(deflate(&zip, Z_FINISH), Z_STREAM_END);
    packed.len = packed.cap - zip.avail_out;
    (void)deflateEnd(&zip);
    return packed;
}

static void every_format_is_recognised_and_read(void **state)
{
    (void)state;
    const struct {
        const char *format;
        const char *text;
        struct trace_row last; /* of two */
    } cases[] = {
        {"sluice", OURS "0,374,44\n4315,396,109\n", {4315 * MILLISECOND_NS, 396, 109, 0, 0}},
        {"sluice",
         "arrival_ms,input_tokens,output_tokens,ideal_cached_tokens,new\n0,1,2,3,x\n1.5,7322,490,"
         "512,\n",
         {1500000, 7322, 490, 512, 0}},
        {"sluice",
         "output_tokens,arrival_ms,input_tokens\n9,10,8\n7,20,6",
         {10 * MILLISECOND_NS, 6, 7, 0, 0}},
        {"azure",
         AZURE "2023-11-16 18:17:03.9799600,4808,10\r\n2023-11-16 18:17:04.0319600,3180,8\r\n",
         {52 * MILLISECOND_NS, 3180, 8, 0, 0}},
        {"azure",
         AZURE "2024-05-10 00:00:00.009930+00:00,1,2\n2024-05-10 00:01:00.009930+00:00,3,4\n",
         {60 * SECOND_NS, 3, 4, 0, 0}},
        {"burstgpt",
         BURST "5,ChatGPT,472,18,490,Conversation log\n45,ChatGPT,1087,230,1317,API log\n",
         {40 * SECOND_NS, 1087, 230, 0, 0}},
        {"mooncake",
         "{\"timestamp\": 0, \"input_length\": 1500, \"output_length\": 5, \"hash_ids\": [1, 2, "
         "3]}\n{\"timestamp\": 3000, \"input_length\": 1700, \"output_length\": 6, \"hash_ids\": "
         "[1, 2, 9, 3]}\n",
         {3 * SECOND_NS, 1700, 6, 1024, 0}},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct parsed p = parse(span_from(cases[i].text));
        assert_int_equal(p.rc, RC_OK);
        assert_int_equal(p.count, 2);
        assert_int_equal(p.row[0].arrival_ns, 0);
        assert_memory_equal(&p.row[1], &cases[i].last, sizeof p.row[1]);
        free(p.row);
        struct trace *trace = trace_new();
        trace_feed(trace, span_from(cases[i].text));
        struct trace_row row;
        assert_int_equal(trace_next(trace, &row, NULL), RC_OK);
        assert_string_equal(trace_format_name(trace), cases[i].format);
        trace_free(trace);
    }
}

static void sessions_are_told_apart_and_empty_optional_fields_taken(void **state)
{
    (void)state;
    struct parsed p = parse(span_from("arrival_ms,input_tokens,output_tokens,session_id\n"
                                      "0,1,1,16\n1,1,1,\"a b\"\n2,1,1,\n3,1,1,16\n"));
    assert_int_equal(p.rc, RC_OK);
    assert_true(p.row[0].session != 0);
    assert_true(p.row[0].session == p.row[3].session);
    assert_true(p.row[0].session != p.row[1].session);
    assert_true(p.row[2].session == 0);
    free(p.row);
}

static void what_is_wrong_is_said_with_its_line(void **state)
{
    (void)state;
    const struct {
        const char *text;
        enum rc rc;
        uint32_t line;
        const char *words;
    } cases[] = {
        {"", RC_MISSING, 0, "no request"},
        {OURS, RC_MISSING, 0, "no request"},
        {"\n\n\n", RC_MISSING, 0, "no request"},
        {"hello\n", RC_UNKNOWN, 1, "no known trace format"},
        {"arrival_ms,input_tokens,out\n1,2,3\n", RC_MISSING, 1, "output_tokens"},
        {"minute,requests,input_tokens,output_tokens\n", RC_UNSUPPORTED, 1, "totals"},
        {OURS "0,1,1\n5,1\n", RC_SYNTAX, 3, "output_tokens"},
        {OURS "0,1,1\n5,x,1\n", RC_SYNTAX, 3, "input_tokens is 'x'"},
        {OURS "0,1,1\n5,,1\n", RC_SYNTAX, 3, "input_tokens is ''"},
        {OURS "0,1,1\n5,-3,1\n", RC_RANGE, 3, "input_tokens is -3"},
        {OURS "0,1,1\n5,1.5,1\n", RC_RANGE, 3, "whole"},
        {OURS "0,1,1e12\n", RC_RANGE, 2, "output_tokens"},
        {OURS "-1,1,1\n", RC_RANGE, 2, "arrival"},
        {OURS "5,1,1\n6,1,1\n4,1,1\n", RC_INVALID, 4, "sort"},
        {AZURE "yesterday,1,1\n", RC_SYNTAX, 2, "is no time"},
        {AZURE "2023-13-16 18:17:03.97,1,1\n", RC_SYNTAX, 2, "is no time"},
        {"{\"timestamp\": 1, \"input_length\": 2}\n", RC_SYNTAX, 1, "output_length"},
        {"{\"timestamp\": 1,\n", RC_SYNTAX, 1, ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct parsed p = parse(span_from(cases[i].text));
        assert_int_equal(p.rc, cases[i].rc);
        assert_int_equal(p.diag.line, cases[i].line);
        assert_non_null(strstr(p.diag.text, cases[i].words));
        assert_null(p.row);
    }
}

/* Feeds the input in pieces and checks the rows of row_text(). */
static void read_in_pieces(struct span input, size_t piece)
{
    struct trace *trace = trace_new();
    size_t at = 0;
    int64_t count = 0;
    struct trace_row row;
    for (enum rc rc; (rc = trace_next(trace, &row, NULL)) != RC_NOT_FOUND;) {
        if (rc == RC_AGAIN) {
            const struct span part = span_slice(input, at, piece);
            at += part.len;
            if (part.len > 0)
                trace_feed(trace, part);
            else
                trace_feed_end(trace);
            continue;
        }
        assert_int_equal(rc, RC_OK);
        assert_int_equal(row.arrival_ns, count * 7 * MILLISECOND_NS);
        assert_int_equal(row.input_tokens, count % 4000 + 1);
        count++;
    }
    assert_int_equal(count, 20000);
    trace_free(trace);
}

static void a_gzipped_trace_reads_like_the_plain_one_in_pieces_of_any_size(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 1U << 24);
    buf_text(&text, OURS);
    for (int i = 0; i < 20000; i++)
        buf_printf(&text, "%d,%d,%d\n", i * 7, i % 4000 + 1, i % 300 + 1);
    struct buf packed = gzip(buf_cstr(&text));
    const size_t pieces[] = {1, 3, 100, 65536, SIZE_MAX / 2};
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        read_in_pieces(buf_view(&text), pieces[i]);
        read_in_pieces(buf_view(&packed), pieces[i]);
    }
    buf_done(&packed);
    buf_done(&text);
}

static void damaged_gzip_is_refused(void **state)
{
    (void)state;
    struct buf packed = gzip(OURS "0,1,1\n1,1,1\n2,1,1\n");
    for (size_t cut = 2; cut < packed.len; cut++) {
        struct parsed p = parse(span_of(packed.ptr, cut));
        assert_int_equal(p.rc, RC_CORRUPT);
        assert_non_null(strstr(p.diag.text, "cut off"));
    }
    for (size_t i = 10; i < packed.len; i++) { /* behind the header every byte counts */
        packed.ptr[i] = (char)(packed.ptr[i] ^ 0x55);
        struct parsed p = parse(buf_view(&packed));
        assert_true(p.rc != RC_OK);
        assert_null(p.row);
        packed.ptr[i] = (char)(packed.ptr[i] ^ 0x55);
    }
    buf_done(&packed);
}

static void gzip_members_in_a_row_are_one_file_and_garbage_behind_is_none(void **state)
{
    (void)state;
    struct buf packed = gzip(OURS "0,1,1\n1,1,1\n2,1,1\n");
    struct buf second = gzip("3,1,1\n");
    const size_t one = packed.len;
    buf_span(&packed, buf_view(&second));
    struct parsed p = parse(buf_view(&packed));
    assert_int_equal(p.rc, RC_OK);
    assert_int_equal(p.count, 4);
    free(p.row);
    packed.len = one;
    buf_text(&packed, "garbage");
    p = parse(buf_view(&packed));
    assert_int_equal(p.rc, RC_CORRUPT);
    buf_done(&second);
    buf_done(&packed);
}

static void a_line_beyond_the_limit_is_refused_and_the_refusal_stays(void **state)
{
    (void)state;
    char *line = malloc(TRACE_LINE_BYTES_MAX + 10);
    assert_non_null(line);
    memset(line, 'x', TRACE_LINE_BYTES_MAX + 10);
    struct trace *trace = trace_new();
    trace_feed(trace, span_of(line, TRACE_LINE_BYTES_MAX + 10));
    struct trace_row row;
    struct diag diag = {0};
    assert_int_equal(trace_next(trace, &row, &diag), RC_LIMIT);
    trace_feed(trace, span_from("\n"));
    struct diag again = {0};
    assert_int_equal(trace_next(trace, &row, &again), RC_LIMIT);
    assert_string_equal(diag.text, again.text);
    trace_free(trace);
    free(line);
}

static void more_rows_than_asked_for_are_an_error(void **state)
{
    (void)state;
    struct trace_row *rows = NULL;
    size_t count = 0;
    assert_int_equal(
        trace_read_all(span_from(OURS "0,1,1\n1,1,1\n2,1,1\n"), 2, &rows, &count, NULL), RC_LIMIT);
    assert_null(rows);
}

static void the_public_traces_are_read_whole(void **state)
{
    (void)state;
    const struct {
        const char *file;
        size_t rows;
    } cases[] = {{"azure2023_code_dev.csv.gz", 7491},
                 {"azure2023_conv_dev.csv.gz", 14176},
                 {"mooncake_conversation_dev.csv.gz", 7851},
                 {"SYNTH_servegen_deepseek-r1_24h.csv.gz", 171886},
                 {"SYNTH_servegen_m-large_day2_24h.csv.gz", 259078}};
    const char *shared = getenv("SLUICE_SHARED");
    const char *root = getenv("SLUICE_ROOT");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s%s/traces/%s",
                       shared != NULL || root == NULL ? "" : root,
                       shared != NULL ? shared : "/../shared", cases[i].file);
        FILE *file = fopen(path, "rb");
        if (file == NULL) {
            print_message("skipped: %s is not there\n", path);
            skip();
        }
        struct buf bytes;
        buf_init(&bytes, 1U << 26);
        assert_true(buf_reserve(&bytes, 1U << 23));
        bytes.len = fread(bytes.ptr, 1, bytes.cap, file);
        (void)fclose(file);
        struct parsed p = parse(buf_view(&bytes));
        assert_int_equal(p.rc, RC_OK);
        assert_int_equal(p.count, cases[i].rows);
        free(p.row);
        buf_done(&bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_is_recognised_and_read),
        cmocka_unit_test(sessions_are_told_apart_and_empty_optional_fields_taken),
        cmocka_unit_test(what_is_wrong_is_said_with_its_line),
        cmocka_unit_test(a_gzipped_trace_reads_like_the_plain_one_in_pieces_of_any_size),
        cmocka_unit_test(damaged_gzip_is_refused),
        cmocka_unit_test(gzip_members_in_a_row_are_one_file_and_garbage_behind_is_none),
        cmocka_unit_test(a_line_beyond_the_limit_is_refused_and_the_refusal_stays),
        cmocka_unit_test(more_rows_than_asked_for_are_an_error),
        cmocka_unit_test(the_public_traces_are_read_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
