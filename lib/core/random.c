/* SPDX-License-Identifier: MIT */
#include "core/random.h"

#include <math.h>

#include "core/check.h"

/* BLOCK words come from one counter. */
enum { BLOCK = 4, COUNTERS = 8, ROUNDS = 10 };

#define MULTIPLIER_0 0xD2511F53u
#define MULTIPLIER_1 0xCD9E8D57u
#define WEYL_0 0x9E3779B9u
#define WEYL_1 0xBB67AE85u

/* What COUNTERS counters give. */
typedef struct blocks {
    uint32_t word[BLOCK][COUNTERS];
} blocks;

/* Philox for COUNTERS counters from `first` on, step by step for all of them, so that a compiler
 * makes vectors of them. */
static void draw_blocks(blocks *out, uint64_t seed, uint64_t stream, uint64_t first) {
    uint32_t *c0 = out->word[0], *c1 = out->word[1], *c2 = out->word[2], *c3 = out->word[3];
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
}

void tkri_philox(uint32_t out[4], uint64_t seed, uint64_t stream, uint64_t index) {
    blocks b;
    draw_blocks(&b, seed, stream, index);
    for (int w = 0; w < BLOCK; w++) {
        out[w] = b.word[w][0];
    }
}

static double unit(uint32_t high, uint32_t low) {
    return (double)((((uint64_t)high << 32) | low) >> 11) * 0x1p-53;
}

void tkri_uniforms(tkri_random *random, double *out, int64_t n) {
    for (; n > 0; n -= COUNTERS) {
        const int64_t len = tkri_min(n, COUNTERS);
        blocks b;
        draw_blocks(&b, random->seed, random->stream, random->index);
        for (int64_t i = 0; i < len; i++) {
            *out++ = unit(b.word[0][i], b.word[1][i]);
        }
        random->index += (uint64_t)len;
    }
}

void tkri_normals(tkri_random *random, double *out, int64_t n) {
    for (; n > 0; n -= COUNTERS) {
        const int64_t len = tkri_min(n, COUNTERS);
        blocks b;
        draw_blocks(&b, random->seed, random->stream, random->index);
        for (int64_t i = 0; i < len; i++) {
            const double radius = sqrt(-2.0 * log(1.0 - unit(b.word[0][i], b.word[1][i])));
            *out++ = radius * cos(6.283185307179586 * unit(b.word[2][i], b.word[3][i]));
        }
        random->index += (uint64_t)len;
    }
}

double tkri_uniform(tkri_random *random) {
    double u;
    tkri_uniforms(random, &u, 1);
    return u;
}

double tkri_normal(tkri_random *random) {
    double z;
    tkri_normals(random, &z, 1);
    return z;
}
