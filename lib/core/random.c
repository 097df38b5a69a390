/* SPDX-License-Identifier: MIT */
#include "core/random.h"

#include <math.h>
#include <string.h>

#include "core/check.h"

/* BLOCK words come from one counter. */
enum { BLOCK = 4, COUNTERS = 8, ROUNDS = 10 };

#define MULTIPLIER_0 0xD2511F53u
#define MULTIPLIER_1 0xCD9E8D57u
#define WEYL_0 0x9E3779B9u
#define WEYL_1 0xBB67AE85u

static uint32_t high_low(uint32_t *low, uint32_t a, uint32_t b) {
    uint64_t product = (uint64_t)a * b;
    *low = (uint32_t)product;
    return (uint32_t)(product >> 32);
}

void tkri_philox(uint32_t out[4], uint64_t seed, uint64_t stream, uint64_t index) {
    uint32_t c0 = (uint32_t)index, c1 = (uint32_t)(index >> 32);
    uint32_t c2 = (uint32_t)stream, c3 = (uint32_t)(stream >> 32);
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t low0, low1;
        uint32_t high0 = high_low(&low0, MULTIPLIER_0, c0);
        uint32_t high1 = high_low(&low1, MULTIPLIER_1, c2);
        c0 = high1 ^ c1 ^ k0;
        c1 = low1;
        c2 = high0 ^ c3 ^ k1;
        c3 = low0;
        k0 += WEYL_0;
        k1 += WEYL_1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* By way of a signed number, which every machine converts in vectors. */
static inline float uniform_of(uint32_t word) {
    return (float)(int32_t)(word >> 8) * 0x1p-24f;
}

float tkri_uniform_at(uint64_t seed, uint64_t stream, uint64_t index) {
    uint32_t word[BLOCK];
    tkri_philox(word, seed, stream, index / BLOCK);
    return uniform_of(word[index % BLOCK]);
}

/* Philox for COUNTERS counters from `first` on, step by step for all of them, so that a compiler
 * makes vectors of them. */
static void draw_blocks(float out[BLOCK * COUNTERS], uint64_t seed, uint64_t stream,
                        uint64_t first) {
    uint32_t c0[COUNTERS], c1[COUNTERS], c2[COUNTERS], c3[COUNTERS];
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int i = 0; i < COUNTERS; i++) {
        const uint64_t index = first + (uint64_t)i;
        c0[i] = (uint32_t)index;
        c1[i] = (uint32_t)(index >> 32);
        c2[i] = (uint32_t)stream;
        c3[i] = (uint32_t)(stream >> 32);
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < COUNTERS; i++) {
            const uint64_t product0 = (uint64_t)MULTIPLIER_0 * c0[i];
            const uint64_t product1 = (uint64_t)MULTIPLIER_1 * c2[i];
            c0[i] = (uint32_t)(product1 >> 32) ^ c1[i] ^ k0;
            c1[i] = (uint32_t)product1;
            c2[i] = (uint32_t)(product0 >> 32) ^ c3[i] ^ k1;
            c3[i] = (uint32_t)product0;
        }
        k0 += WEYL_0;
        k1 += WEYL_1;
    }
    for (int i = 0; i < COUNTERS; i++) {
        out[BLOCK * i] = uniform_of(c0[i]);
        out[BLOCK * i + 1] = uniform_of(c1[i]);
        out[BLOCK * i + 2] = uniform_of(c2[i]);
        out[BLOCK * i + 3] = uniform_of(c3[i]);
    }
}

void tkri_uniform_fill(float *out, uint64_t seed, uint64_t stream, uint64_t index, int64_t n) {
    float drawn[BLOCK * COUNTERS];
    while (n > 0) {
        const int64_t skip = (int64_t)(index % BLOCK);
        const int64_t len = tkri_min(n, BLOCK * COUNTERS - skip);
        draw_blocks(drawn, seed, stream, index / BLOCK);
        memcpy(out, drawn + skip, (size_t)len * sizeof *out);
        out += len;
        index += (uint64_t)len;
        n -= len;
    }
}

static double unit(uint32_t high, uint32_t low) {
    return (double)((((uint64_t)high << 32) | low) >> 11) * 0x1p-53;
}

double tkri_uniform(tkri_random *random) {
    uint32_t word[4];
    tkri_philox(word, random->seed, random->stream, random->index++);
    return unit(word[0], word[1]);
}

double tkri_normal(tkri_random *random) {
    uint32_t word[4];
    tkri_philox(word, random->seed, random->stream, random->index++);
    double radius = sqrt(-2.0 * log(1.0 - unit(word[0], word[1])));
    return radius * cos(6.283185307179586 * unit(word[2], word[3]));
}
