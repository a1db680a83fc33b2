#include "api/figure/ticks.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MINUS    "\xe2\x88\x92"
#define ELLIPSIS "\xe2\x80\xa6"

/* Part of a step by which a tick may lie outside and still count: rounding, not meaning. */
#define SLACK 1e-5

/* Powers of ten that are written out; beyond them all texts share an exponent. */
enum { POWER_MIN = -4, POWER_MAX = 5 };

/* A step is digits * 10^power: 1, 2, 2.5 and 5, in this order, ten times more after each round. */
struct step {
    int digits, power;
};

static struct step step_at(int place)
{
    static const struct step round[] = {{1, 0}, {2, 0}, {25, -1}, {5, 0}};
    const int power = place >= 0 ? place / 4 : -((3 - place) / 4);
    const struct step s = round[place - 4 * power];
    return (struct step){s.digits, s.power + power};
}

/* n * 10^power, rounded once where 10^|power| is exact. */
static double scaled(double n, int power)
{
    return power < 0 ? n / pow(10, -power) : n * pow(10, power);
}

static double step_size(int place)
{
    const struct step s = step_at(place);
    return scaled(s.digits, s.power);
}

/* Copies with every '-' made a minus sign; cut to the room. */
static void minus_copy(char *to, size_t room, const char *from)
{
    size_t n = 0;
    for (; *from != '\0' && n + sizeof MINUS < room; from++) {
        const char *put = *from == '-' ? MINUS : (const char[]){*from, '\0'};
        memcpy(to + n, put, strlen(put));
        n += strlen(put);
    }
    to[n] = '\0';
}

void api_ticks_values(double vmin, double vmax, size_t bins, struct api_ticks *ret)
{
    const double least = (vmax - vmin) / (double)bins * (1 - 1e-9);
    int place = 4 * (int)floor(log10(least)) - 1;
    double first, last;
    while (step_size(place) < least)
        place++;
    for (;; place--) {
        first = ceil(vmin / step_size(place) - SLACK);
        last = floor(vmax / step_size(place) + SLACK);
        if (last - first >= 1)
            break;
    }
    const struct step step = step_at(place);
    const double largest = fmax(fabs(first), fabs(last)) * step.digits;
    const int power = step.power + (int)floor(log10(largest));
    const bool shared = power < POWER_MIN || power > POWER_MAX;
    const int unit = shared ? step.power - power : step.power;
    *ret = (struct api_ticks){.count = 0};
    while (ret->count < API_TICKS_MAX && first + (double)ret->count <= last) {
        char text[API_TICK_TEXT_BYTES];
        /* Adding zero leaves no minus before a zero. */
        const double n = (first + (double)ret->count) * step.digits + 0.0;
        (void)snprintf(text, sizeof text, "%.*f", unit < 0 ? -unit : 0, scaled(n, unit));
        minus_copy(ret->at[ret->count].text, API_TICK_TEXT_BYTES, text);
        ret->at[ret->count++].value = scaled(n, step.power);
    }
    if (shared) {
        char text[API_TICK_TEXT_BYTES];
        (void)snprintf(text, sizeof text, "1e%d", power);
        minus_copy(ret->exponent, sizeof ret->exponent, text);
    }
}

size_t api_ticks_step(size_t cell, size_t room)
{
    static const size_t round[] = {5, 10, 20};
    if (cell >= room)
        return 1;
    for (size_t ten = 1;; ten *= 10)
        for (size_t i = 0; i < 3; i++)
            if ((round[i] * ten - 1) * cell >= room)
                return round[i] * ten;
}

size_t api_ticks_next(size_t number, size_t step)
{
    return number == 1 && step > 1 ? step : number + step;
}

void api_ticks_range_text(double min, double max, char text[API_RANGE_TEXT_BYTES])
{
    char plain[API_RANGE_TEXT_BYTES];
    (void)snprintf(plain, sizeof plain, "%.4g " ELLIPSIS " %.4g", min, max);
    minus_copy(text, API_RANGE_TEXT_BYTES, plain);
}
