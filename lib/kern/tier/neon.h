/* SPDX-License-Identifier: MIT
 * NEON of aarch64, where every machine has it. */
#include <arm_neon.h>

enum { VL = 4, REGISTERS = 32, RANK = 2 };
typedef float32x4_t vf;
typedef int32_t vi __attribute__((vector_size(16)));
typedef uint32_t vu __attribute__((vector_size(16)));

INLINE vf v_fma(vf a, vf b, vf c) {
    return vfmaq_f32(c, a, b);
}
INLINE vf v_if_less(vf a, vf b, vf x, vf y) {
    return vbslq_f32(vcltq_f32(a, b), x, y);
}
INLINE vf v_max(vf a, vf b) {
    return v_if_less(b, a, a, b);
}
INLINE vf v_min(vf a, vf b) {
    return v_if_less(a, b, a, b);
}
INLINE vf v_sqrt(vf a) {
    return vsqrtq_f32(a);
}

#define TIER_LIVE 1

#define TIER_COUNTERS
typedef uint64x2_t counters;
INLINE counters counters_times(counters a, uint32_t b) {
    return vmull_u32(vmovn_u64(a), vdup_n_u32(b));
}
INLINE void counters_zip(counters out[2], counters a, counters b) {
    out[0] = vzip1q_u64(a, b);
    out[1] = vzip2q_u64(a, b);
}

#define TIER_DOT
typedef int8x16_t quad;
INLINE quad quad_of(uint32_t pack) {
    return vreinterpretq_s8_u32(vdupq_n_u32(pack ^ 0x80808080u));
}
INLINE vi dot(vi sum, vu w, quad q) {
    const int8x16_t weights = vreinterpretq_s8_u32((uint32x4_t)w);
    const int16x8_t low = vmull_s8(vget_low_s8(weights), vget_low_s8(q));
    const int16x8_t high = vmull_s8(vget_high_s8(weights), vget_high_s8(q));
    return (vi)vpadalq_s16((int32x4_t)sum, vpaddq_s16(low, high));
}
