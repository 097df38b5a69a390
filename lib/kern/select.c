/* SPDX-License-Identifier: MIT
 * Which tiers this build has and this machine can run. TKRI_TIERS(X) is X(name, NAME) of every tier
 * that is built. */
#include <stddef.h>

#include "kern/kern.h"
#include "kern/quantized.h"

#define DECLARE(tier, id) extern const tkri_kern tkri_kern_##tier;
#define ADDRESS(tier, id) &tkri_kern_##tier,

TKRI_TIERS(DECLARE)
static const tkri_kern *const tables[] = {TKRI_TIERS(ADDRESS)};
enum { N_TABLES = sizeof tables / sizeof *tables };

#if defined(__x86_64__)

#include <cpuid.h>

/* The state that the operating system saves (XCR0). */
static uint32_t saved_state(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static int machine_has(const tkri_kern *kern) {
    uint32_t a, b, c, d;
    const uint32_t fma_osxsave_avx = (1u << 12) | (1u << 27) | (1u << 28);
    if (!kern->cpuid) {
        return 1;
    }
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & fma_osxsave_avx) != fma_osxsave_avx ||
        (saved_state() & kern->xcr0) != kern->xcr0) {
        return 0;
    }
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & kern->cpuid) == kern->cpuid;
}

#else

static int machine_has(const tkri_kern *kern) {
    return !kern->cpuid;
}

#endif

const tkri_kern *tkri_kern_select(int32_t tier) {
    const tkri_kern *best = NULL;
    for (int i = 0; i < N_TABLES; i++) {
        const tkri_kern *kern = tables[i];
        if ((tier == TKR_TIER_BEST || tier == kern->tier) && machine_has(kern) &&
            (!best || kern->rank > best->rank)) {
            best = kern;
        }
    }
    return best;
}

const tkri_kern *tkri_kern_best(int64_t widest) {
    const tkri_kern *best = tkri_kern_select(TKR_TIER_BEST);
    for (int i = 0; i < N_TABLES; i++) {
        const tkri_kern *kern = tables[i];
        if (kern->cpuid && 2 * kern->vl == best->vl && kern->vl >= widest && machine_has(kern)) {
            return kern;
        }
    }
    return best;
}

#ifdef TKRI_HAVE_AVX512_BF16
extern tkri_quantized_product tkri_bf16_avx512_bf16;
extern tkri_quantized_split tkri_split_avx512_bf16;
#endif
#ifdef TKRI_HAVE_AVX512_VNNI
extern tkri_quantized_product tkri_int8_avx512_vnni;
#endif

/* Put the CPU's own dot products in; returns whether it has any. */
static int improve(tkri_quantized_kern *kern) {
    int improved = 0;
    (void)kern;
#if defined(TKRI_HAVE_AVX512_BF16) || defined(TKRI_HAVE_AVX512_VNNI)
    uint32_t a, b, c, d;
    const int wide = kern->tier == TKR_TIER_AVX512;
#ifdef TKRI_HAVE_AVX512_VNNI
    if (wide && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c >> 11 & 1)) {
        kern->int8 = tkri_int8_avx512_vnni;
        improved = 1;
    }
#endif
#ifdef TKRI_HAVE_AVX512_BF16
    if (wide && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1)) {
        kern->bf16 = tkri_bf16_avx512_bf16;
        kern->split = tkri_split_avx512_bf16;
        improved = 1;
    }
#endif
#endif
    return improved;
}

int32_t tkri_quantized_select(const tkri_kern *tier, tkri_quantized_kern kern[TKRI_MAX_QUANTIZED]) {
    kern[0] = kern[1] = *tier->quantized;
    return improve(&kern[0]) ? 2 : 1;
}
