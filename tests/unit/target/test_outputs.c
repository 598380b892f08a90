/* test_outputs.c - which output files stay, how they are cut, and the last words in them. */
#include "io/file.h"
#include "target/outputs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
    struct loop *loop;
    struct outputs outputs;
    char folder[64];
    char path[96]; /* of the file named last */
};

static int begin(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    strcpy(place->folder, "/tmp/sluice-test-outputs-XXXXXX");
    if (!mkdtemp(place->folder) || loop_new(&place->loop, NULL) != RC_OK ||
        outputs_init(&place->outputs, place->loop) != RC_OK)
        return -1;
    *state = place;
    return 0;
}

static int end(void **state)
{
    struct place *place = *state;
    char command[128];
    outputs_done(&place->outputs);
    loop_free(place->loop);
    snprintf(command, sizeof command, "rm -rf %s", place->folder);
    const int status = system(command); /* a folder of mkdtemp() */
    free(place);
    return status;
}

static const char *path_of(struct place *place, uint64_t replica)
{
    snprintf(place->path, sizeof place->path, "%s/%u.log", place->folder, (unsigned)replica);
    return place->path;
}

static void write_to(struct place *place, uint64_t replica, const char *text)
{
    FILE *file = fopen(path_of(place, replica), "ae");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void open_one(struct place *place, uint64_t replica, const char *pool, const char *text)
{
    const struct output_spec spec = {
        .replica = replica, .pool = pool, .path = path_of(place, replica), .bytes_max = 4096};
    assert_int_equal(outputs_open(&place->outputs, &spec), RC_OK);
    write_to(place, replica, text);
}

static bool exists(struct place *place, uint64_t replica)
{
    return access(path_of(place, replica), F_OK) == 0;
}

static void the_newest_of_each_pool_stay(void **state)
{
    struct place *place = *state;
    for (uint64_t id = 1; id <= 6; id++)
        open_one(place, id, "a", "words\n");
    open_one(place, 7, "b", "words\n");
    outputs_end(&place->outputs, 3, true); /* the order in which they end counts */
    for (uint64_t id = 1; id <= 6; id++)
        outputs_end(&place->outputs, id, true);
    outputs_end(&place->outputs, 7, true);
    assert_false(exists(place, 3));
    assert_false(exists(place, 1));
    assert_true(exists(place, 2) && exists(place, 4) && exists(place, 5) && exists(place, 6));
    assert_true(exists(place, 7));
    assert_null(outputs_path(&place->outputs, 1));
    assert_string_equal(outputs_path(&place->outputs, 7), path_of(place, 7));
}

static void unwanted_and_empty_ones_go_at_once_and_running_ones_never(void **state)
{
    struct place *place = *state;
    open_one(place, 1, "a", "words\n");
    open_one(place, 2, "a", "");
    open_one(place, 3, "a", "words\n");
    outputs_end(&place->outputs, 1, false);
    outputs_end(&place->outputs, 2, true);
    outputs_end(&place->outputs, 99, true);
    assert_false(exists(place, 1));
    assert_false(exists(place, 2));
    outputs_end(&place->outputs, 3, true);
    open_one(place, 3, "a", "again\n"); /* the same replica writes on: not ours to remove */
    for (uint64_t id = 10; id < 20; id++) {
        open_one(place, id, "a", "words\n");
        outputs_end(&place->outputs, id, true);
    }
    assert_true(exists(place, 3));
    assert_int_equal(place->outputs.live_count, 1);
}

static void fault_74_a_file_that_grows_is_cut_again_and_again(void **state)
{
    struct place *place = *state;
    struct stat st = {.st_size = 0};
    open_one(place, 1, "a", "");
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 400; i++)
            write_to(place, 1, "0123456789012345678\n");
        assert_int_equal(stat(path_of(place, 1), &st), 0);
        assert_true(st.st_size > 4096);
        while (stat(path_of(place, 1), &st) == 0 && (st.st_size > 4096 || st.st_size == 0))
            loop_turn(place->loop, true); /* a timer of the outputs ends the wait */
        assert_true(st.st_size >= 1024);
    }
}

static void last_words_are_the_last_that_say_something(void **state)
{
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {
        {"", ""},
        {"\n \n\t\n", ""},
        {"one\ntwo\n\n", "two"},
        {"no end of line", "no end of line"},
        {"\033[1;31mERROR\033[0m  too   many\tblanks \n", "ERROR too many blanks"},
        {"bell\a and \r return\n", "bell and return"},
        {"kept\n\033[2K\n", "kept"},
    };
    struct place *place = *state;
    char words[TEXT_SIZE];
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        open_one(place, 100 + i, "a", cases[i].text);
        output_last_line(path_of(place, 100 + i), words, sizeof words);
        assert_string_equal(words, cases[i].words);
    }
    output_last_line("/no/such/file", words, sizeof words);
    assert_string_equal(words, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_newest_of_each_pool_stay, begin, end),
        cmocka_unit_test_setup_teardown(unwanted_and_empty_ones_go_at_once_and_running_ones_never,
                                        begin, end),
        cmocka_unit_test_setup_teardown(fault_74_a_file_that_grows_is_cut_again_and_again, begin,
                                        end),
        cmocka_unit_test_setup_teardown(last_words_are_the_last_that_say_something, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
