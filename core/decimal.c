#include "core/decimal.h"

#include <string.h>

size_t up_decimal(uint64_t n, char *text)
{
    char digits[UP_DECIMAL_BYTES_MAX];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + n % 10);
    while ((n /= 10) != 0);
    memcpy(text, digits + at, sizeof digits - at);
    return sizeof digits - at;
}

size_t up_decimal_ms(uint64_t ns, char *text)
{
    const uint64_t us = ns / 1000;
    const size_t whole = up_decimal(us / 1000, text);
    const char rest[] = {'.', (char)('0' + us / 100 % 10), (char)('0' + us / 10 % 10),
                         (char)('0' + us % 10)};
    memcpy(text + whole, rest, sizeof rest);
    return whole + sizeof rest;
}
