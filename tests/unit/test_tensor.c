#include <criterion/criterion.h>
#include <string.h>

#include "core/tensor.h"

static const struct up_shape image = {4, {2, 5, 7, 3}};

static void assert_shape(const struct up_shape *shape, const char *expected)
{
    char text[UP_SHAPE_TEXT_BYTES];
    cr_assert(strcmp(up_shape_text(shape, text), expected) == 0, "%s is not %s", text, expected);
}

/* Python's tuples, for the same numbers. */
Test(tensor, text_is_a_python_tuple, .timeout = 20)
{
    assert_shape(&(struct up_shape){.rank = 0}, "()");
    assert_shape(&(struct up_shape){1, {8}}, "(8,)");
    assert_shape(&(struct up_shape){2, {8, 0}}, "(8, 0)");
    assert_shape(&image, "(2, 5, 7, 3)");
}

Test(tensor, longest_text_fits_its_buffer, .timeout = 20)
{
    struct up_shape shape = {.rank = UP_RANK_MAX};
    char text[UP_SHAPE_TEXT_BYTES], expected[UP_SHAPE_TEXT_BYTES] = "(";
    for (uint32_t i = 0; i < UP_RANK_MAX; i++) {
        shape.dim[i] = SIZE_MAX;
        strcat(expected, i + 1 < UP_RANK_MAX ? "18446744073709551615, " : "18446744073709551615)");
    }
    cr_assert(strcmp(up_shape_text(&shape, text), expected) == 0, "%s", text);
}

Test(tensor, count_is_the_product_of_the_axes, .timeout = 20)
{
    size_t count = 99;
    cr_assert(up_shape_count(&image, &count) && count == 210, "%zu", count);
    cr_assert(up_shape_count(&(struct up_shape){.rank = 0}, &count) && count == 1, "%zu", count);
    cr_assert(up_shape_size(&image) == 210, "%zu", up_shape_size(&image));
}

Test(tensor, zero_axis_makes_the_count_zero_however_large_the_others, .timeout = 20)
{
    size_t count = 99;
    const struct up_shape last = {3, {SIZE_MAX, SIZE_MAX, 0}}, first = {3, {0, SIZE_MAX, SIZE_MAX}};
    cr_assert(up_shape_count(&last, &count) && count == 0, "%zu", count);
    count = 99;
    cr_assert(up_shape_count(&first, &count) && count == 0, "%zu", count);
}

Test(tensor, count_that_overflows_is_refused_and_leaves_the_result, .timeout = 20)
{
    size_t count = 99;
    const struct up_shape product = {2, {(size_t)1 << 32, (size_t)1 << 32}};
    const struct up_shape wraps_to_small = {3, {(size_t)1 << 32, (size_t)1 << 31, 4}};
    const struct up_shape bytes = {1, {SIZE_MAX / sizeof(float) + 1}};
    cr_assert(!up_shape_count(&product, &count), "2^64 elements");
    cr_assert(!up_shape_count(&wraps_to_small, &count), "2^65 elements");
    cr_assert(!up_shape_count(&bytes, &count), "2^62 floats are 2^64 bytes");
    cr_assert(count == 99, "the result was touched: %zu", count);
}

Test(tensor, estimate_is_the_product_where_no_integer_holds_it, .timeout = 20)
{
    const struct up_shape huge = {3, {(size_t)1 << 40, (size_t)1 << 40, (size_t)1 << 40}};
    const double two_to_120 = 1329227995784915872903807060280344576.0;
    cr_assert(up_shape_estimate(&huge) == two_to_120, "%g", up_shape_estimate(&huge));
    cr_assert(up_shape_estimate(&image) == 210.0, "%g", up_shape_estimate(&image));
}

Test(tensor, shapes_are_equal_by_rank_and_used_axes, .timeout = 20)
{
    struct up_shape same = image, longer = image, other = image;
    same.dim[4] = 12345; /* beyond the rank */
    longer.rank = 5;
    longer.dim[4] = 0;
    other.dim[3] = 4;
    cr_assert(up_shape_equal(&image, &same), "axes beyond the rank count");
    cr_assert(!up_shape_equal(&image, &longer), "ranks 4 and 5");
    cr_assert(!up_shape_equal(&image, &other), "channels 3 and 4");
}

Test(tensor, without_takes_axes_out, .timeout = 20)
{
    const struct up_shape head = up_shape_without(&image, 0, 1),
                          middle = up_shape_without(&image, 1, 2),
                          tail = up_shape_without(&image, 3, 1),
                          none = up_shape_without(&image, 2, 0),
                          all = up_shape_without(&image, 0, 4);
    assert_shape(&head, "(5, 7, 3)");
    assert_shape(&middle, "(2, 3)");
    assert_shape(&tail, "(2, 5, 7)");
    assert_shape(&none, "(2, 5, 7, 3)");
    assert_shape(&all, "()");
}

Test(tensor, with_puts_an_axis_in, .timeout = 20)
{
    const struct up_shape head = up_shape_with(&image, 0, 9), middle = up_shape_with(&image, 2, 9),
                          tail = up_shape_with(&image, 4, 9);
    assert_shape(&head, "(9, 2, 5, 7, 3)");
    assert_shape(&middle, "(2, 5, 9, 7, 3)");
    assert_shape(&tail, "(2, 5, 7, 3, 9)");
}

Test(tensor, channels_move_first_and_back, .timeout = 20)
{
    const struct up_shape first = up_shape_to_first(&image), back = up_shape_to_last(&first);
    assert_shape(&first, "(2, 3, 5, 7)");
    assert_shape(&back, "(2, 5, 7, 3)");
    const struct up_shape flat = {2, {4, 6}};
    const struct up_shape flat_first = up_shape_to_first(&flat),
                          flat_last = up_shape_to_last(&flat);
    assert_shape(&flat_first, "(4, 6)");
    assert_shape(&flat_last, "(4, 6)");
}
