/* DESIGN
 * Where few inputs make many outputs, storing these is the work. So a vector is one of the output
 * as it lies there, and comes from a register at once: weights of neighbouring outputs are
 * neighbours. Where all of its outputs are of one pixel's period, inputs are broadcast; where they
 * are of several, one permutation of a vector of inputs gives each lane its own. Nothing is moved
 * before or after. */
#include "core/kernels/vec.h"

UP_INLINE up_vf placed(up_vf v, const uint8_t *place)
{
#if defined(__x86_64__) && UP_LANES == 16
    const __m512i index =
        _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)place));
    return up_permute(v, (up_vi)index); /* which takes the last bits */
#elif defined(__x86_64__) && UP_LANES == 8
    const __m256i index =
        _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)place));
    return up_permute(v, (up_vi)index);
#else
    up_vf placed;
    for (int i = 0; i < UP_LANES; i++)
        placed[i] = v[place[i] % UP_LANES];
    return placed;
#endif
}

/* Zero in lanes that have no such tap. */
UP_INLINE up_vf taken(up_vf v, const uint8_t *place)
{
#if defined(__x86_64__) && UP_LANES == 16
    const __m128i taken = _mm_loadu_si128((const __m128i *)(const void *)place);
    return _mm512_maskz_mov_ps(_mm_movepi8_mask(taken), v);
#elif defined(__x86_64__) && UP_LANES == 8
    const __m128i taken = _mm_loadl_epi64((const __m128i *)(const void *)place);
    return (up_vf)((up_vi)v & ((up_vi)_mm256_cvtepi8_epi32(taken) >> 31));
#else
    for (int i = 0; i < UP_LANES; i++)
        v[i] = place[i] & UP_STAMPED_TAKEN ? v[i] : 0;
    return v;
#endif
}

/* One vector, that begins r outputs after those that x is for; all of them have the first `whole`
 * taps. */
UP_INLINE up_vf outputs(const struct up_stamped *s, const float *x, size_t r, size_t whole,
                        size_t taps)
{
    up_vf sum = {0};
    const struct up_stamped_tap *t = s->tap;
    if (r + UP_LANES <= s->period) {
        for (size_t i = 0; i < whole; i++)
            sum += up_splat(x[t[i].offset]) * up_load(t[i].w + r);
        for (size_t i = whole; i < taps; i++)
            sum += taken(up_splat(x[t[i].offset]), t[i].place + r * UP_LANES) * up_load(t[i].w + r);
    } else {
        for (size_t i = 0; i < whole; i++)
            sum +=
                placed(up_load(x + t[i].offset), t[0].place + r * UP_LANES) * up_load(t[i].w + r);
        for (size_t i = whole; i < taps; i++) {
            const uint8_t *place = t[i].place + r * UP_LANES;
            sum += taken(placed(up_load(x + t[i].offset), place), place) * up_load(t[i].w + r);
        }
    }
    return s->bias != NULL ? sum + up_load(s->bias + r) : sum;
}

UP_INLINE void all(const struct up_stamped *s, size_t whole, size_t taps)
{
    const size_t pixels = UP_LANES / s->period, rest = UP_LANES % s->period;
    const size_t line = s->stream ? up_line_rest(s->y) : 0;
    const float *x = s->x + s->first / s->period * s->step;
    size_t r = s->first % s->period, i = 0;
    while (i < s->count) {
        const up_vf sum = outputs(s, x, r, whole, taps);
        const size_t left = (i < line && line < s->count ? line : s->count) - i;
        if (left < UP_LANES) {
            up_store_some(s->y + i, sum, left);
            i += left;
            r += left;
            x += r / s->period * s->step;
            r %= s->period;
            continue;
        }
        if (s->stream && i >= line)
            up_stream(s->y + i, sum);
        else
            up_store(s->y + i, sum);
        i += UP_LANES;
        x += pixels * s->step;
        r += rest;
        if (r >= s->period) {
            r -= s->period;
            x += s->step;
        }
    }
}

/* A constant number of taps, whose places stay in registers. */
UP_INLINE void few(const struct up_stamped *stamped, const size_t taps)
{
    struct up_stamped_tap tap[4];
    for (size_t i = 0; i < taps; i++)
        tap[i] = stamped->tap[i];
    struct up_stamped s = *stamped;
    s.tap = tap;
    all(&s, taps, taps);
}

void UP_KERNEL(stamped)(const struct up_stamped *stamped)
{
    const struct up_stamped s = *stamped; /* which no store to y may change */
    if (s.whole < s.taps)
        all(&s, s.whole, s.taps);
    else if (s.taps == 1)
        few(&s, 1);
    else if (s.taps == 2)
        few(&s, 2);
    else if (s.taps == 3)
        few(&s, 3);
    else if (s.taps == 4)
        few(&s, 4);
    else
        all(&s, s.taps, s.taps);
}
