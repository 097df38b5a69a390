/* SPDX-License-Identifier: MIT
 * How floating point computes inside a call, whatever the host has set: to nearest, and no
 * exception traps; where the arithmetic of nets is done, denormals count as zero, since they cost a
 * hundred cycles each on most CPUs and decayed gradients are full of them. The host's mode and its
 * exception flags are put back: what happens in here is told by statuses. */
#ifndef TKRI_CORE_FPMODE_H
#define TKRI_CORE_FPMODE_H

#include <stdint.h>

/* No load or store passes by, so hardly any arithmetic does: a compiler knows nothing of modes. */
#define TKRI_STAY __asm__ volatile("" : : : "memory")

#if defined(__SSE2__)
#include <xmmintrin.h>
typedef unsigned tkri_fpmode;
enum { TKRI_PLAIN = 0, TKRI_FLUSHED = 0x8040 /* to zero; denormals are zero */ };
static inline tkri_fpmode tkri_fpmode_with(unsigned bits) {
    const unsigned mode = _mm_getcsr(), flags = mode & 0x3f, wanted = 0x1f80 | bits | flags;
    if (mode != wanted) {
        _mm_setcsr(wanted);
    }
    TKRI_STAY;
    return mode;
}
static inline void tkri_fpmode_leave(tkri_fpmode mode) {
    TKRI_STAY;
    _mm_setcsr(mode); /* unseen: a look would wait for all that computes */
}
#elif defined(__aarch64__)
typedef struct tkri_fpmode {
    uint64_t control, flags;
} tkri_fpmode;
enum { TKRI_PLAIN = 0, TKRI_FLUSHED = 1 << 24 };
static inline tkri_fpmode tkri_fpmode_with(uint64_t bits) {
    const uint64_t traps = 0x9f00, flushing_rounding = UINT64_C(7) << 22;
    tkri_fpmode mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode.control));
    __asm__ volatile("mrs %0, fpsr" : "=r"(mode.flags));
    const uint64_t wanted = (mode.control & ~(traps | flushing_rounding)) | bits;
    if (wanted != mode.control) {
        __asm__ volatile("msr fpcr, %0" : : "r"(wanted));
    }
    TKRI_STAY;
    return mode;
}
static inline void tkri_fpmode_leave(tkri_fpmode mode) {
    TKRI_STAY;
    __asm__ volatile("msr fpcr, %0" : : "r"(mode.control));
    __asm__ volatile("msr fpsr, %0" : : "r"(mode.flags));
}
#else
#include <fenv.h>
typedef fenv_t tkri_fpmode;
enum { TKRI_PLAIN, TKRI_FLUSHED }; /* no standard way to flush */
static inline tkri_fpmode tkri_fpmode_with(int bits) {
    tkri_fpmode mode;
    (void)bits;
    (void)feholdexcept(&mode);
    (void)fesetround(FE_TONEAREST);
    return mode;
}
static inline void tkri_fpmode_leave(tkri_fpmode mode) {
    (void)fesetenv(&mode);
}
#endif

/* Around the arithmetic of nets, on whatever thread it runs. */
static inline tkri_fpmode tkri_fpmode_enter(void) {
    return tkri_fpmode_with(TKRI_FLUSHED);
}

static inline void tkri_fpmode_end(const tkri_fpmode *mode) {
    tkri_fpmode_leave(*mode);
}

/* The first line of a public function that computes, compares or converts numbers: to nearest and
 * no traps until it returns. */
#define UNTRAPPED                                                            \
    __attribute__((cleanup(tkri_fpmode_end))) const tkri_fpmode untrapped_ = \
        tkri_fpmode_with(TKRI_PLAIN);                                        \
    (void)untrapped_

#endif
