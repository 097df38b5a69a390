/* SPDX-License-Identifier: MIT */
#include "core/random.h"

#include <math.h>

static uint32_t high_low(uint32_t *low, uint32_t a, uint32_t b) {
    uint64_t product = (uint64_t)a * b;
    *low = (uint32_t)product;
    return (uint32_t)(product >> 32);
}

void tkri_philox(uint32_t out[4], uint64_t seed, uint64_t stream, uint64_t index) {
    uint32_t c0 = (uint32_t)index, c1 = (uint32_t)(index >> 32);
    uint32_t c2 = (uint32_t)stream, c3 = (uint32_t)(stream >> 32);
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        uint32_t low0, low1;
        uint32_t high0 = high_low(&low0, 0xD2511F53u, c0);
        uint32_t high1 = high_low(&low1, 0xCD9E8D57u, c2);
        c0 = high1 ^ c1 ^ k0;
        c1 = low1;
        c2 = high0 ^ c3 ^ k1;
        c3 = low0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

float tkri_uniform_at(uint64_t seed, uint64_t stream, uint64_t index) {
    uint32_t word[4];
    tkri_philox(word, seed, stream, index / 4);
    return (float)(word[index % 4] >> 8) * 0x1p-24f;
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
