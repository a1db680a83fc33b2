#include "api/codec/npy.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/random.h"

/* What numpy.save wrote, and the float32 bits of what it holds. */
struct sample {
    const char *name;
    uint32_t rank;
    size_t dim[8];
    size_t bytes;
    const char *file;
    uint32_t bits[24];
};

#define SAMPLE(name, ...) {#name, __VA_ARGS__},
static const struct sample samples[] = {
#include "tests/unit/data/npy_samples.inc"
};
enum { SAMPLES = sizeof samples / sizeof samples[0] };

static struct up_arena *arena;
static struct up_error err;
static struct up_tensor tensor;

static void set_up(void)
{
    arena = up_arena_new(1 << 20, NULL);
    err = (struct up_error){UP_OK, "", ""};
    tensor = (struct up_tensor){.data = NULL};
}

static void tear_down(void)
{
    up_arena_free(arena);
}

TestSuite(npy, .init = set_up, .fini = tear_down, .timeout = 20);

static const struct sample *sample_find(const char *name)
{
    for (size_t i = 0; i < SAMPLES; i++)
        if (strcmp(samples[i].name, name) == 0)
            return &samples[i];
    cr_assert(false, "there is no sample %s", name);
    return NULL;
}

/* A copy of exactly its size, so that a sanitizer sees every byte too far. */
static void *copy(const void *data, size_t bytes)
{
    void *p = up_arena_alloc(arena, 1, bytes, NULL);
    cr_assert(p != NULL, "no memory");
    return memcpy(p, data, bytes);
}

/* A version 1 file of this header and `items` zero bytes. */
static enum up_code decode_header(const char *header, size_t items)
{
    unsigned char file[1024] = "\x93NUMPY\x01";
    const size_t length = strlen(header);
    file[8] = (unsigned char)(length & 255);
    file[9] = (unsigned char)(length >> 8);
    memcpy(file + 10, header, length);
    err = (struct up_error){UP_OK, "", ""};
    return api_npy_decode(copy(file, 10 + length + items), 10 + length + items, arena, &tensor,
                          &err);
}

static void assert_sample(const struct sample *s, const void *file)
{
    const enum up_code code = api_npy_decode(file, s->bytes, arena, &tensor, &err);
    cr_assert(code == UP_OK, "%s: %s", s->name, err.text);
    cr_assert(tensor.shape.rank == s->rank, "%s has rank %u", s->name, tensor.shape.rank);
    for (uint32_t i = 0; i < s->rank; i++)
        cr_assert(tensor.shape.dim[i] == s->dim[i], "%s: axis %u is %zu", s->name, i,
                  tensor.shape.dim[i]);
    const size_t count = up_shape_size(&tensor.shape);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &tensor.data[i], sizeof bits);
        cr_assert(bits == s->bits[i], "%s: value %zu is %08x, not %08x", s->name, i, bits,
                  s->bits[i]);
    }
}

Test(npy, reads_every_dtype_order_and_version_as_numpy_does)
{
    for (size_t i = 0; i < SAMPLES; i++)
        assert_sample(&samples[i], copy(samples[i].file, samples[i].bytes));
}

Test(npy, reads_files_that_start_at_odd_addresses)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        char *room = up_arena_alloc(arena, samples[i].bytes + 1, 1, NULL);
        cr_assert(room != NULL, "no memory");
        assert_sample(&samples[i], memcpy(room + 1, samples[i].file, samples[i].bytes));
    }
}

Test(npy, borrows_the_bytes_that_serve_as_they_are)
{
    const struct sample *s = sample_find("vector");
    const char *file = copy(s->file, s->bytes);
    cr_assert(api_npy_decode(file, s->bytes, arena, &tensor, &err) == UP_OK, "%s", err.text);
    cr_assert((const char *)tensor.data == file + 128, "the values were copied");
    s = sample_find("f4_big");
    file = copy(s->file, s->bytes);
    cr_assert(api_npy_decode(file, s->bytes, arena, &tensor, &err) == UP_OK, "%s", err.text);
    cr_assert((const char *)tensor.data < file || (const char *)tensor.data >= file + s->bytes,
              "big-endian values cannot be used in place");
}

Test(npy, keeps_nan)
{
    static const char header[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }";
    char file[10 + sizeof header - 1 + 4] = "\x93NUMPY\x01";
    file[8] = (char)(sizeof header - 1);
    memcpy(file + 10, header, sizeof header - 1);
    memcpy(file + sizeof file - 4, "\0\0\xc0\x7f", 4);
    cr_assert(api_npy_decode(file, sizeof file, arena, &tensor, &err) == UP_OK, "%s", err.text);
    cr_assert(isnan(tensor.data[0]), "%g", (double)tensor.data[0]);
}

Test(npy, writes_what_numpy_writes)
{
    static const char *const names[] = {"f4_little", "vector", "scalar"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct sample *s = sample_find(names[i]);
        assert_sample(s, copy(s->file, s->bytes));
        const void *data = NULL;
        size_t bytes = 0;
        cr_assert(api_npy_encode(&tensor, arena, &data, &bytes, &err) == UP_OK, "%s", err.text);
        cr_assert(bytes == s->bytes && memcmp(data, s->file, bytes) == 0,
                  "%s is written with other bytes than numpy's (%zu, not %zu)", s->name, bytes,
                  s->bytes);
    }
}

Test(npy, reads_back_what_it_wrote_at_any_rank)
{
    float values[256];
    struct up_tensor in = {.data = values};
    for (size_t i = 0; i < 256; i++)
        values[i] = (float)i - 7;
    for (uint32_t rank = 0; rank <= UP_RANK_MAX; rank++) {
        in.shape.rank = rank;
        if (rank > 0)
            in.shape.dim[rank - 1] = 2;
        const void *data = NULL;
        size_t bytes = 0;
        cr_assert(api_npy_encode(&in, arena, &data, &bytes, &err) == UP_OK, "%s", err.text);
        cr_assert(api_npy_decode(data, bytes, arena, &tensor, &err) == UP_OK, "%s", err.text);
        cr_assert(up_shape_equal(&tensor.shape, &in.shape), "rank %u came back as %u", rank,
                  tensor.shape.rank);
        cr_assert(memcmp(tensor.data, values, sizeof(float) << rank) == 0, "rank %u", rank);
        cr_assert((bytes - (sizeof(float) << rank)) % 64 == 0, "items start at no multiple of 64");
    }
}

Test(npy, takes_any_python_spelling_of_the_header)
{
    static const char *const good[] = {
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }   \n",
        "{\"shape\":(2,),\"fortran_order\":True,\"descr\":\"<f4\"}",
        " { 'fortran_order' : False , 'shape' : ( 1 , 2 , ) , 'descr' : '>f4' } ",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1L,)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2, 2)}",
        "{'descr': '<u1', 'fortran_order': False, 'shape': (8,)}",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        cr_assert(decode_header(good[i], 8) == UP_OK, "%s: %s", good[i], err.text);
}

Test(npy, refuses_headers_that_are_no_such_dictionary)
{
    static const char *const bad[] = {
        "",
        "{",
        "{}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'shape': (2,)}",
        "{'fortran_order': False, 'shape': (2,)}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'shape': (2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1}",
        "{'descr': '<f4' 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '<f4', 'fortran_order': false, 'shape': (2,)}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': [2]}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2.0,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1 2)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '<f4, 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '<f\\x34', 'fortran_order': False, 'shape': (2,)}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert(decode_header(bad[i], 8) == UP_E_SYNTAX, "taken: %s", bad[i]);
        cr_assert(strstr(err.text, "header") != NULL, "%s: %s", bad[i], err.text);
    }
}

Test(npy, names_the_dtype_it_does_not_take)
{
    static const char *const bad[] = {"<c8", "<f16",    "|f4", "f4", "=f4", "<U4",
                                      "|O",  "<M8[ns]", "<i3", "",   "<"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char header[128], quoted[32];
        (void)snprintf(header, sizeof header,
                       "{'descr': '%s', 'fortran_order': False, 'shape': (2,)}", bad[i]);
        (void)snprintf(quoted, sizeof quoted, "'%s'", bad[i]);
        cr_assert(decode_header(header, 8) == UP_E_SYNTAX, "taken: %s", bad[i]);
        cr_assert(strstr(err.text, quoted) != NULL, "%s is not named: %s", bad[i], err.text);
    }
}

Test(npy, takes_eight_axes_and_refuses_nine)
{
    cr_assert(decode_header("{'descr': '<f4', 'fortran_order': False, "
                            "'shape': (1, 1, 1, 1, 1, 1, 1, 2)}",
                            8) == UP_OK,
              "%s", err.text);
    cr_assert(decode_header("{'descr': '<f4', 'fortran_order': False, "
                            "'shape': (1, 1, 1, 1, 1, 1, 1, 1, 2)}",
                            8) == UP_E_INVALID,
              "nine axes taken");
    cr_assert(strstr(err.text, "9 axes") != NULL, "%s", err.text);
}

Test(npy, refuses_sizes_that_are_not_the_shape_s)
{
    static const char header[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}";
    cr_assert(decode_header(header, 8) == UP_OK, "%s", err.text);
    for (size_t items = 0; items < 20; items++)
        cr_assert(items == 8 || decode_header(header, items) == UP_E_SYNTAX, "%zu bytes taken",
                  items);
    cr_assert(strstr(err.text, "8 bytes") != NULL && strstr(err.text, "19") != NULL, "%s",
              err.text);
    /* 2^62 floats: the bytes overflow to 0, which is what the file has */
    cr_assert(decode_header("{'descr': '<f4', 'fortran_order': False, "
                            "'shape': (2147483648, 2147483648)}",
                            0) == UP_E_SYNTAX,
              "a size that overflows is taken");
}

Test(npy, refuses_finite_numbers_that_float32_cannot_hold)
{
    static const struct {
        const char *bytes;
        bool fits;
    } cases[] = {
        {"\x00\x00\x00\xe0\xff\xff\xef\x47", true},  /* FLT_MAX */
        {"\xff\xff\xff\xef\xff\xff\xef\x47", true},  /* the last that rounds to it */
        {"\x00\x00\x00\xf0\xff\xff\xef\x47", false}, /* the next */
        {"\x00\x00\x00\xf0\xff\xff\xef\xc7", false},
        {"\x00\x00\x00\x00\x00\x00\xf0\x7f", true}, /* infinity */
    };
    static const char header[] = "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }";
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char file[10 + sizeof header - 1 + 8] = "\x93NUMPY\x01";
        file[8] = (char)(sizeof header - 1);
        memcpy(file + 10, header, sizeof header - 1);
        memcpy(file + sizeof file - 8, cases[i].bytes, 8);
        err = (struct up_error){UP_OK, "", ""};
        const enum up_code code = api_npy_decode(file, sizeof file, arena, &tensor, &err);
        cr_assert(code == (cases[i].fits ? UP_OK : UP_E_SYNTAX), "case %zu: %s", i, err.text);
        cr_assert(cases[i].fits || strstr(err.text, "float32") != NULL, "%s", err.text);
    }
}

Test(npy, refuses_every_file_that_is_cut_short)
{
    static const char *const names[] = {"f8_big", "version2", "fortran"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct sample *s = sample_find(names[i]);
        for (size_t bytes = 0; bytes < s->bytes; bytes++) {
            err = (struct up_error){UP_OK, "", ""};
            cr_assert(api_npy_decode(copy(s->file, bytes), bytes, arena, &tensor, &err) ==
                          UP_E_SYNTAX,
                      "%s: %zu of %zu bytes taken", s->name, bytes, s->bytes);
            cr_assert(err.text[0] != '\0', "%zu bytes: no sentence", bytes);
        }
    }
}

Test(npy, refuses_other_versions_and_other_files)
{
    const struct sample *s = sample_find("vector");
    char *file = copy(s->file, s->bytes);
    cr_assert(api_npy_matches(file, s->bytes) && !api_npy_matches(file, 5), "the magic");
    for (int major = 0; major < 256; major++) {
        file[6] = (char)major;
        err = (struct up_error){UP_OK, "", ""};
        const enum up_code code = api_npy_decode(file, s->bytes, arena, &tensor, &err);
        cr_assert((code == UP_OK) == (major == 1), "version %d: %s", major, err.text);
    }
    file[6] = 1;
    file[7] = 1;
    cr_assert(api_npy_decode(file, s->bytes, arena, &tensor, &err) == UP_E_SYNTAX, "version 1.1");
    cr_assert(api_npy_decode("PK\3\4 an npz file", 16, arena, &tensor, &err) == UP_E_SYNTAX, "npz");
}

Test(npy, survives_any_changed_byte)
{
    struct random random = {3};
    const struct sample *s = sample_find("fortran_big");
    for (size_t round = 0; round < 4000; round++) {
        char *file = copy(s->file, s->bytes);
        file[random_size(&random, 0, s->bytes - 1)] = (char)random_bits(&random);
        err = (struct up_error){UP_OK, "", ""};
        const enum up_code code = api_npy_decode(file, s->bytes, arena, &tensor, &err);
        cr_assert((code == UP_OK) == (err.text[0] == '\0'), "code %d with '%s'", code, err.text);
        up_arena_reset(arena, 1 << 20);
    }
}

Test(npy, fails_cleanly_without_memory)
{
    static const char *const names[] = {"f8_big", "fortran"};
    for (size_t i = 0; i < 2; i++) {
        const struct sample *s = sample_find(names[i]);
        const char *file = copy(s->file, s->bytes);
        up_arena_fail_at(arena, 0);
        err = (struct up_error){UP_OK, "", ""};
        cr_assert(api_npy_decode(file, s->bytes, arena, &tensor, &err) == UP_E_BUSY, "%s: %s",
                  s->name, err.text);
        cr_assert(tensor.data == NULL, "the output was touched");
    }
}
