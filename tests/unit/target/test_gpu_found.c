/* test_gpu_found.c - GPUs as the driver names them: real texts of nvidia-smi and of its folder. */
#include "target/gpu_found.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

static const char smi_list[] =
    "GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-11111111-1111-1111-1111-111111111111)\n"
    "  MIG 3g.40gb     Device  0: (UUID: MIG-aaaaaaaa-0000-0000-0000-000000000001)\n"
    "  MIG 3g.40gb     Device  1: (UUID: MIG-aaaaaaaa-0000-0000-0000-000000000002)\n"
    "GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-22222222-2222-2222-2222-222222222222)\n";
static const char smi_sizes[] = "GPU-11111111-1111-1111-1111-111111111111, 81920\n"
                                "GPU-22222222-2222-2222-2222-222222222222, 81559\n"
                                "GPU-33333333-3333-3333-3333-333333333333, [N/A]\n";
static const char information[] = "Model: \t\t NVIDIA L40S\n"
                                  "IRQ:   \t\t 134\n"
                                  "GPU UUID: \t GPU-33333333-3333-3333-3333-333333333333\n"
                                  "Video BIOS: \t 95.02.66.00.02\n"
                                  "Bus Location: \t 0000:3b:00.0\n"
                                  "Device Minor: \t 0\n";

static void models_have_the_names_that_people_use(void **state)
{
    static const struct {
        const char *model;
        const char *type;
    } cases[] = {
        {"NVIDIA A100-SXM4-80GB", "A100"},
        {"NVIDIA H100 80GB HBM3", "H100"},
        {"NVIDIA GeForce RTX 4090", "RTX 4090"},
        {"Tesla T4", "T4"},
        {"NVIDIA L40S", "L40S"},
        {"Quadro RTX 6000", "RTX 6000"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char type[NAME_SIZE];
        gpu_type_of(span_from(cases[i].model), type);
        assert_string_equal(type, cases[i].type);
    }
}

static struct gpu_inventory *empty(void)
{
    struct gpu_inventory *inv = calloc(1, sizeof *inv);
    assert_non_null(inv);
    return inv;
}

static void instances_belong_to_the_gpu_above_them(void **state)
{
    struct gpu_inventory *inv = empty();
    (void)state;
    gpu_read_list(span_from(smi_list), inv);
    gpu_read_sizes(span_from(smi_sizes), inv);
    assert_int_equal(inv->device_count, 4);
    assert_int_equal(gpu_inventory_check(inv, NULL), RC_OK);
    assert_string_equal(inv->device[1].id, "MIG-aaaaaaaa-0000-0000-0000-000000000001");
    assert_string_equal(inv->device[1].parent, inv->device[0].id);
    assert_string_equal(inv->device[2].type, "3g.40gb");
    assert_string_equal(inv->device[3].type, "H100");
    assert_string_equal(inv->device[3].parent, "");
    assert_true(inv->device[3].memory_bytes == 81559.0 * 1048576);
    assert_true(inv->device[1].memory_bytes == 0);
    assert_int_equal(gpu_room(inv, &(struct gpu_need){.count = 1}), 3);
    free(inv);
}

static void what_is_no_list_gives_no_gpu(void **state)
{
    static const char *const texts[] = {
        "",
        "\n\n",
        "No devices were found\n",
        "GPU 0: (UUID:",
        "GPU 0: x (UUID: )\n",
        "MIG (UUID:)\n",
        "NVIDIA-SMI has failed because it couldn't communicate with the driver.\n",
        "GPU 0: A (UUID: "
        "GPU-with-a-name-that-is-longer-than-any-that-a-device-of-ours-may-have-0000)"};
    struct gpu_inventory *inv = empty();
    struct gpu_device device;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        gpu_read_list(span_from(texts[i]), inv);
        gpu_read_sizes(span_from(texts[i]), inv);
        assert_int_equal(inv->device_count, 0);
        assert_false(gpu_read_information(span_from(texts[i]), &device));
    }
    free(inv);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

/* A driver's folder and a program, both made up here. */
static void the_driver_serves_where_its_program_does_not(void **state)
{
    char folder[] = "/tmp/sluice-test-gpus-XXXXXX";
    char path[256];
    char command[300];
    struct gpu_inventory *inv = empty();
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/0000:3b:00.0", folder);
    const char *const no_argv[] = {"/no/such/program", NULL};
    struct gpu_places places = {.driver = folder, .list_argv = no_argv, .size_argv = no_argv};
    assert_int_equal(gpu_find(&places, inv), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/0000:3b:00.0/information", folder);
    write_file(path, information, 0600);
    assert_int_equal(gpu_find(&places, inv), 1);
    assert_string_equal(inv->device[0].type, "L40S");
    assert_string_equal(inv->device[0].id, "GPU-33333333-3333-3333-3333-333333333333");
    const char *const failing[] = {"sh", "-c", "echo GPU 7; exit 9", NULL};
    places.list_argv = failing;
    assert_int_equal(gpu_find(&places, inv), 1);
    const char *const list[] = {"sh", "-c", "printf \"$0\"", smi_list, NULL};
    const char *const sizes[] = {"sh", "-c", "printf \"$0\"", smi_sizes, NULL};
    places.list_argv = list;
    places.size_argv = sizes;
    assert_int_equal(gpu_find(&places, inv), 4);
    assert_true(inv->device[0].memory_bytes == 81920.0 * 1048576);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0); /* made by mkdtemp() */
    free(inv);
}

int main(void)
{
    const int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (pidfd < 0) {
        printf("1..0 # SKIP there is no pidfd here: %s\n", strerror(errno));
        return 0;
    }
    close(pidfd);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_have_the_names_that_people_use),
        cmocka_unit_test(instances_belong_to_the_gpu_above_them),
        cmocka_unit_test(what_is_no_list_gives_no_gpu),
        cmocka_unit_test(the_driver_serves_where_its_program_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
