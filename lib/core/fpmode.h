/* SPDX-License-Identifier: MIT
 * Denormals count as zero inside a call: they cost a hundred cycles each on most CPUs, and decayed
 * gradients are full of them. The caller's mode is put back by tkri_fpmode_leave(). */
#ifndef TKRI_CORE_FPMODE_H
#define TKRI_CORE_FPMODE_H

#include <stdint.h>

#if defined(__SSE2__)
#include <xmmintrin.h>
static inline uint64_t tkri_fpmode_enter(void) {
    const unsigned mode = _mm_getcsr(), flushed = mode | 0x8040u; /* to zero; denormals are zero */
    if (mode != flushed) {
        _mm_setcsr(flushed);
    }
    return mode;
}
static inline void tkri_fpmode_leave(uint64_t mode) {
    if ((mode & 0x8040u) != 0x8040u) { /* with it, which exceptions the caller has seen */
        _mm_setcsr((unsigned)mode);
    }
}
#elif defined(__aarch64__)
static inline uint64_t tkri_fpmode_enter(void) {
    uint64_t mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    __asm__ volatile("msr fpcr, %0" : : "r"(mode | (UINT64_C(1) << 24)));
    return mode;
}
static inline void tkri_fpmode_leave(uint64_t mode) {
    __asm__ volatile("msr fpcr, %0" : : "r"(mode));
}
#else
static inline uint64_t tkri_fpmode_enter(void) {
    return 0;
}
static inline void tkri_fpmode_leave(uint64_t mode) {
    (void)mode;
}
#endif

#endif
