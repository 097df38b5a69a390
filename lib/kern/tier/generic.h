/* SPDX-License-Identifier: MIT
 * 128-bit vectors of the compiler, which every target has. */
enum { VL = 4, REGISTERS = 16, RANK = 1 };
typedef float vf __attribute__((vector_size(16)));
typedef int32_t vi __attribute__((vector_size(16)));
typedef uint32_t vu __attribute__((vector_size(16)));

INLINE vf v_fma(vf a, vf b, vf c) {
    return a * b + c;
}
INLINE vf v_if_less(vf a, vf b, vf x, vf y) {
    vi yes = (vi)(a < b);
    return (vf)(((vi)x & yes) | ((vi)y & ~yes));
}
INLINE vf v_max(vf a, vf b) {
    return v_if_less(b, a, a, b);
}
INLINE vf v_min(vf a, vf b) {
    return v_if_less(a, b, a, b);
}
INLINE vf v_sqrt(vf a) {
    for (int i = 0; i < VL; i++) {
        a[i] = sqrtf(a[i]);
    }
    return a;
}
