/* A point in time that work must not pass. Monotonic clock, nanoseconds. */
#ifndef UP_DEADLINE_H
#define UP_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

static inline uint64_t up_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* 0 is no deadline. */
static inline bool up_deadline_passed(uint64_t deadline_ns)
{
    return deadline_ns != 0 && up_now_ns() >= deadline_ns;
}

#endif
