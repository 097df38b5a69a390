/* SPDX-License-Identifier: MIT
 * Masks: their drawing, and what zoneout does with them. Compiled once per tier. */
#include "kern/lanes.h"

#include "kern/table.h"

/* Philox 4x32-10 as in core/random.c, for LANES counters at a time in each of SETS vectors: one
 * alone would wait for its own multiplications. A word has a lane of 64 bits, in whose upper half
 * is what nobody looks at. */
enum { LANES = VL > 1 ? VL / 2 : 1, SETS = 2, ROUNDS = 10, DRAWN = 4 * LANES * SETS };

#define MULTIPLIER_0 0xD2511F53u
#define MULTIPLIER_1 0xCD9E8D57u
#define WEYL_0 0x9E3779B9u
#define WEYL_1 0xBB67AE85u

#if TKRI_TIER_ID == TKR_TIER_REFERENCE
typedef uint64_t vq;
#define Q_ALL(a) ((uint64_t)(a))
#else
typedef uint64_t vq __attribute__((vector_size(8 * LANES)));
#define Q_ALL(a) ((uint64_t)(a) - (vq){0})
#endif

#ifdef TIER_COUNTERS

/* The products of the low halves; lanes of two vectors in turns. */
INLINE vq q_times(vq a, uint32_t b) {
    return (vq)counters_times((counters)a, b);
}
INLINE void q_zip(vq out[2], vq a, vq b) {
    counters zipped[2];
    counters_zip(zipped, (counters)a, (counters)b);
    memcpy(out, zipped, sizeof zipped);
}

#else

INLINE vq q_times(vq a, uint32_t b) {
    return (a & Q_ALL(0xFFFFFFFFu)) * Q_ALL(b);
}
INLINE void q_zip(vq out[2], vq a, vq b) {
    uint64_t from[2][LANES], to[LANES][2];
    memcpy(from[0], &a, sizeof a);
    memcpy(from[1], &b, sizeof b);
    for (int i = 0; i < LANES; i++) {
        to[i][0] = from[0][i];
        to[i][1] = from[1][i];
    }
    memcpy(out, to, sizeof to);
}

#endif

/* Two words as one after the other lies in memory. */
INLINE vq q_pair(vq first, vq second) {
    const vq low = Q_ALL(0xFFFFFFFFu);
    return LITTLE ? (first & low) | second << 32 : first << 32 | (second & low);
}

/* The words of DRAWN / 4 counters from `first` on. */
INLINE void draw_words(vq out[SETS][2], const tkri_draw *d, uint64_t first) {
    static const uint64_t lane[] = {0, 1, 2, 3, 4, 5, 6, 7};
    vq c[SETS][4], k0 = Q_ALL(d->seed), k1 = Q_ALL(d->seed >> 32);
    for (int s = 0; s < SETS; s++) {
        memcpy(&c[s][0], lane, sizeof c[s][0]);
        c[s][0] += Q_ALL(first + (uint64_t)s * LANES);
        c[s][1] = c[s][0] >> 32;
        c[s][2] = Q_ALL(d->stream);
        c[s][3] = Q_ALL(d->stream >> 32);
    }
#pragma GCC unroll 10
    for (int round = 0; round < ROUNDS; round++) {
#pragma GCC unroll 2
        for (int s = 0; s < SETS; s++) {
            const vq product0 = q_times(c[s][0], MULTIPLIER_0);
            const vq product1 = q_times(c[s][2], MULTIPLIER_1);
            c[s][0] = product1 >> 32 ^ c[s][1] ^ k0;
            c[s][1] = product1;
            c[s][2] = product0 >> 32 ^ c[s][3] ^ k1;
            c[s][3] = product0;
        }
        k0 += Q_ALL(WEYL_0);
        k1 += Q_ALL(WEYL_1);
    }
    for (int s = 0; s < SETS; s++) {
        const vq first_two = q_pair(c[s][0], c[s][1]), last_two = q_pair(c[s][2], c[s][3]);
        q_zip(out[s], first_two, last_two);
    }
}

void TIER(tkri_draw_mask)(float *out, const tkri_draw *d, int64_t n) {
    const vf rate = v_all(d->rate), yes = v_all(d->yes), no = v_all(d->no);
    for (int64_t i = 0; i < n; i += DRAWN) {
        vq words[SETS][2];
        uint32_t word[DRAWN];
        float spare[DRAWN], *to = n - i < DRAWN ? spare : out + i;
        draw_words(words, d, (d->index + (uint64_t)i) / 4);
        memcpy(word, words, sizeof word);
        for (int j = 0; j < DRAWN; j += VL) {
            /* By way of a signed number, which every machine converts in vectors. */
            const vf u = I_TO_FLOAT(signed_of(u_load(word + j) >> 8)) * v_all(0x1p-24f);
            v_store(to + j, v_if_less(u, rate, yes, no));
        }
        if (to == spare) {
            memcpy(out + i, spare, (size_t)(n - i) * sizeof *out);
        }
    }
}

void TIER(tkri_zone)(float *x, const float *before, const float *mask, float rate, int64_t n) {
    for (int64_t i = 0; i < n; i += VL) {
        const vf now = v_load(x + i), kept = mask ? v_load(mask + i) : v_all(rate);
        v_store(x + i, now + kept * (v_load(before + i) - now));
    }
}

void TIER(tkri_zone_gradient)(float *d, float *kept, const float *mask, int64_t n) {
    for (int64_t i = 0; i < n; i += VL) {
        const vf all = v_load(d + i), part = v_load(mask + i) * all;
        v_store(kept + i, part);
        v_store(d + i, all - part);
    }
}
