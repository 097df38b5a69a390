/* SPDX-License-Identifier: MIT
 * Built with -ffp-contract=fast: `a * x + y` becomes one instruction where the set has it. */
#include "machine_loops.h"

#include <stddef.h>

/* All loops of one set: `bytes` wide vectors, compiled for `target`. The chains of fma and read are
 * unrolled by the compiler and live in registers. */
#define LOOPS(name, bytes, target)                                                      \
    typedef float name##_f __attribute__((vector_size(bytes)));                         \
    typedef int64_t name##_i __attribute__((vector_size(bytes), may_alias));            \
                                                                                        \
    target static void fma_##name(int64_t rounds, float *sink) {                        \
        name##_f chain[MACHINE_CHAINS], x = {0}, y = {0};                               \
        x += 0.999f, y += 0.001f;                                                       \
        for (int k = 0; k < MACHINE_CHAINS; k++) {                                      \
            chain[k] = y * (float)k;                                                    \
        }                                                                               \
        for (int64_t i = 0; i < rounds; i++) {                                          \
            for (int k = 0; k < MACHINE_CHAINS; k++) {                                  \
                chain[k] = chain[k] * x + y;                                            \
            }                                                                           \
        }                                                                               \
        for (int k = 0; k < MACHINE_CHAINS; k++) {                                      \
            *sink += chain[k][0];                                                       \
        }                                                                               \
    }                                                                                   \
                                                                                        \
    target static int64_t read_##name(const void *data, int64_t size, int64_t passes) { \
        enum { CHAINS = 8 };                                                            \
        int64_t n = size / (int64_t)sizeof(name##_i), digest = 0;                       \
        name##_i chain[CHAINS] = {{0}};                                                 \
        for (int64_t pass = 0; pass < passes; pass++) {                                 \
            const name##_i *p = data;                                                   \
            for (int64_t i = 0; i < n; i += CHAINS) {                                   \
                for (int k = 0; k < CHAINS; k++) {                                      \
                    chain[k] ^= p[i + k];                                               \
                }                                                                       \
            }                                                                           \
            __asm__ volatile("" : : : "memory");                                        \
        }                                                                               \
        for (int k = 0; k < CHAINS; k++) {                                              \
            digest ^= chain[k][0];                                                      \
        }                                                                               \
        return digest;                                                                  \
    }                                                                                   \
                                                                                        \
    target static void activation_##name(float *y, const float *x, int64_t n) {         \
        const name##_f *in = (const void *)x;                                           \
        name##_f *out = (void *)y;                                                      \
        for (int64_t i = 0; i < n / (int64_t)(bytes / sizeof(float)); i++) {            \
            name##_f v = in[i], s = v * v;                                              \
            name##_f p = ((s + 378.0f) * s + 17325.0f) * s + 135135.0f;                 \
            name##_f q = ((28.0f * s + 3150.0f) * s + 62370.0f) * s + 135135.0f;        \
            out[i] = v * p / q;                                                         \
        }                                                                               \
    }                                                                                   \
                                                                                        \
    static const machine_loops set_##name = {#name, bytes / sizeof(float), fma_##name,  \
                                             read_##name, activation_##name};

LOOPS(generic, 16, )

#if defined(__x86_64__)
LOOPS(avx2, 32, __attribute__((target("avx2,fma"))))
LOOPS(avx512, 64, __attribute__((target("avx512f"))))
#endif

const machine_loops *machine_loops_select(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f")) {
        return &set_avx512;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        return &set_avx2;
    }
#endif
    return &set_generic;
}
