/* SPDX-License-Identifier: MIT
 * The floating-point environment inside a call. Denormals count as zero: they cost a hundred cycles
 * each on most CPUs, and decayed gradients are full of them. Nothing traps: log(0) is an answer
 * here, whatever the caller wants of his own sums. tkri_fpmode_leave() puts back the mode, the
 * traps and the exception flags as tkri_fpmode_enter() found them.
 *
 * The compiler knows nothing of this and may move arithmetic across both calls: between them stands
 * a call of a function that is not inlined, of another file or marked TKRI_FP_APART. */
#ifndef TKRI_CORE_FPMODE_H
#define TKRI_CORE_FPMODE_H

#include <stdint.h>

#if defined(__x86_64__) /* no x87 here: long double is not used */
#include <xmmintrin.h>

typedef uint64_t tkri_fpmode;

static inline tkri_fpmode tkri_fpmode_enter(void) {
    const unsigned mode = _mm_getcsr(); /* flush to zero, mask all, denormals are zero: */
    const unsigned inside = mode | 0x8000u | 0x1f80u | 0x0040u;
    if (mode != inside) {
        _mm_setcsr(inside);
    }
    return mode;
}
static inline void tkri_fpmode_leave(tkri_fpmode mode) {
    if (_mm_getcsr() != (unsigned)mode) {
        _mm_setcsr((unsigned)mode);
    }
}

#elif defined(__aarch64__)

typedef uint64_t tkri_fpmode; /* FPCR below, FPSR above */

static inline tkri_fpmode tkri_fpmode_enter(void) {
    uint64_t mode, flags;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    __asm__ volatile("mrs %0, fpsr" : "=r"(flags));
    const uint64_t inside = (mode & ~UINT64_C(0x9f00)) | UINT64_C(1) << 24; /* traps off, FZ on */
    if (mode != inside) {
        __asm__ volatile("msr fpcr, %0" : : "r"(inside));
    }
    return mode | flags << 32;
}
static inline void tkri_fpmode_leave(tkri_fpmode mode) {
    __asm__ volatile("msr fpsr, %0" : : "r"(mode >> 32));
    __asm__ volatile("msr fpcr, %0" : : "r"(mode & UINT32_MAX));
}

#else /* traps and flags as C has them; denormals stay what they are */
#include <fenv.h>

typedef fenv_t tkri_fpmode;

static inline tkri_fpmode tkri_fpmode_enter(void) {
    fenv_t mode;
    (void)feholdexcept(&mode);
    return mode;
}
static inline void tkri_fpmode_leave(tkri_fpmode mode) {
    (void)fesetenv(&mode);
}
#endif

#if defined(__GNUC__)
#define TKRI_FP_APART __attribute__((noinline))
#else
#define TKRI_FP_APART
#endif

/* Return the status of a call that computes, made in this environment. */
#define TKRI_FP_RETURN(call)                           \
    do {                                               \
        const tkri_fpmode mode_ = tkri_fpmode_enter(); \
        const int32_t status_ = (call);                \
        tkri_fpmode_leave(mode_);                      \
        return status_;                                \
    } while (0)

#endif
