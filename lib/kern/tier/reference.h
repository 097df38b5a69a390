/* SPDX-License-Identifier: MIT
 * One number at a time: what every other tier is checked against. */
enum { VL = 1, REGISTERS = 16, RANK = 0 };
typedef float vf;
typedef int32_t vi;
typedef uint32_t vu;

INLINE vf v_fma(vf a, vf b, vf c) {
    return a * b + c;
}
INLINE vf v_if_less(vf a, vf b, vf x, vf y) {
    return a < b ? x : y;
}
INLINE vf v_max(vf a, vf b) {
    return a > b ? a : b;
}
INLINE vf v_min(vf a, vf b) {
    return a < b ? a : b;
}
INLINE vf v_sqrt(vf a) {
    return sqrtf(a);
}

#define TIER_DOT
typedef uint32_t quad;
INLINE quad quad_of(uint32_t pack) {
    return pack ^ 0x80808080u;
}
INLINE vi dot(vi sum, vu w, quad q) {
    for (int j = 0; j < 4; j++) {
        sum += (int8_t)(w >> 8 * j & 0xFF) * (int8_t)(q >> 8 * j & 0xFF);
    }
    return sum;
}
