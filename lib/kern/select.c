/* SPDX-License-Identifier: MIT
 * Which tiers this build has and this machine can run. */
#include <stddef.h>

#include "kern/kern.h"
#include "kern/reduced.h"

extern const tkri_kern tkri_kern_reference;
extern const tkri_kern tkri_kern_generic;
#ifdef TKRI_HAVE_TIER_AVX2
extern const tkri_kern tkri_kern_avx2;
#endif
#ifdef TKRI_HAVE_TIER_AVX512
extern const tkri_kern tkri_kern_avx512;
#endif
#ifdef TKRI_HAVE_TIER_NEON
extern const tkri_kern tkri_kern_neon;
#endif

extern const tkri_reduced_kern tkri_reduced_reference;
extern const tkri_reduced_kern tkri_reduced_generic;
#ifdef TKRI_HAVE_TIER_AVX2
extern const tkri_reduced_kern tkri_reduced_avx2;
#endif
#ifdef TKRI_HAVE_TIER_AVX512
extern const tkri_reduced_kern tkri_reduced_avx512;
#endif
#ifdef TKRI_HAVE_TIER_AVX512_BF16
extern tkri_reduced_product tkri_bf16_avx512_bf16;
extern tkri_reduced_split tkri_split_avx512_bf16;
#endif
#ifdef TKRI_HAVE_TIER_AVX512_VNNI
extern tkri_reduced_product tkri_int8_avx512_vnni;
#endif
#ifdef TKRI_HAVE_TIER_NEON
extern const tkri_reduced_kern tkri_reduced_neon;
#endif

#if defined(TKRI_HAVE_TIER_AVX2) || defined(TKRI_HAVE_TIER_AVX512)

#include <cpuid.h>

/* The state that the operating system saves (XCR0): AVX is bits 1, 2; AVX-512 also 5, 6, 7. */
static uint32_t saved_state(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static int x86_has(uint32_t ebx_bits, uint32_t state_bits) {
    uint32_t a, b, c, d;
    const uint32_t fma_osxsave_avx = (1u << 12) | (1u << 27) | (1u << 28);
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & fma_osxsave_avx) != fma_osxsave_avx) {
        return 0;
    }
    if ((saved_state() & state_bits) != state_bits) {
        return 0;
    }
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & ebx_bits) == ebx_bits;
}

#endif

int32_t tkri_kern_has(int32_t tier) {
    switch (tier) {
        case TKR_TIER_REFERENCE:
        case TKR_TIER_GENERIC:
            return 1;
#ifdef TKRI_HAVE_TIER_AVX2
        case TKR_TIER_AVX2:
            return x86_has(1u << 5, 0x06);
#endif
#ifdef TKRI_HAVE_TIER_AVX512
        case TKR_TIER_AVX512: /* F, DQ, BW, VL */
            return x86_has((1u << 5) | (1u << 16) | (1u << 17) | (1u << 30) | (1u << 31), 0xE6);
#endif
#ifdef TKRI_HAVE_TIER_NEON
        case TKR_TIER_NEON:
            return 1;
#endif
        default:
            return 0;
    }
}

static const tkri_kern *table_of(int32_t tier) {
    switch (tier) {
#ifdef TKRI_HAVE_TIER_AVX2
        case TKR_TIER_AVX2:
            return &tkri_kern_avx2;
#endif
#ifdef TKRI_HAVE_TIER_AVX512
        case TKR_TIER_AVX512:
            return &tkri_kern_avx512;
#endif
#ifdef TKRI_HAVE_TIER_NEON
        case TKR_TIER_NEON:
            return &tkri_kern_neon;
#endif
        case TKR_TIER_REFERENCE:
            return &tkri_kern_reference;
        default:
            return &tkri_kern_generic;
    }
}

const tkri_kern *tkri_kern_select(int32_t tier) {
    static const int32_t best_first[] = {TKR_TIER_AVX512, TKR_TIER_AVX2, TKR_TIER_NEON,
                                         TKR_TIER_GENERIC};
    for (int32_t i = 0; tier == TKR_TIER_BEST; i++) {
        tier = tkri_kern_has(best_first[i]) ? best_first[i] : TKR_TIER_BEST;
    }
    return tkri_kern_has(tier) ? table_of(tier) : NULL;
}

static const tkri_reduced_kern *reduced_table_of(int32_t tier) {
    switch (tier) {
#ifdef TKRI_HAVE_TIER_AVX2
        case TKR_TIER_AVX2:
            return &tkri_reduced_avx2;
#endif
#ifdef TKRI_HAVE_TIER_AVX512
        case TKR_TIER_AVX512:
            return &tkri_reduced_avx512;
#endif
#ifdef TKRI_HAVE_TIER_NEON
        case TKR_TIER_NEON:
            return &tkri_reduced_neon;
#endif
        case TKR_TIER_REFERENCE:
            return &tkri_reduced_reference;
        default:
            return &tkri_reduced_generic;
    }
}

/* Put the CPU's own dot products in; returns whether it has any. */
static int improve(tkri_reduced_kern *kern) {
    int improved = 0;
    (void)kern;
#ifdef TKRI_HAVE_TIER_AVX512
    uint32_t a, b, c, d;
    const int wide = kern->tier == TKR_TIER_AVX512;
    (void)wide;
#ifdef TKRI_HAVE_TIER_AVX512_VNNI
    if (wide && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c >> 11 & 1)) {
        kern->int8 = tkri_int8_avx512_vnni;
        improved = 1;
    }
#endif
#ifdef TKRI_HAVE_TIER_AVX512_BF16
    if (wide && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1)) {
        kern->bf16 = tkri_bf16_avx512_bf16;
        kern->split = tkri_split_avx512_bf16;
        improved = 1;
    }
#endif
#endif
    return improved;
}

int32_t tkri_reduced_select(int32_t tier, tkri_reduced_kern kern[TKRI_MAX_REDUCED]) {
    if (!tkri_kern_has(tier)) {
        return 0;
    }
    kern[0] = kern[1] = *reduced_table_of(tier);
    return improve(&kern[0]) ? 2 : 1;
}
