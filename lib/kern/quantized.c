/* SPDX-License-Identifier: MIT
 * A tier's table of quantized products, with gathering and rounding to int8. */
#include <stddef.h>

#include "kern/lanes.h"

extern tkri_quantized_product TIER(tkri_bf16), TIER(tkri_int8);

/* The int8 number `index` of each pack. */
INLINE vf int8_at(vu packs, int32_t index) {
    const vi highest = signed_of(packs << 8 * (LITTLE ? 3 - index : index));
    return I_TO_FLOAT(highest >> 24);
}

/* Element `id` of the columns of vector `vector`, whose packs of that row are given. */
INLINE vf weight_of(const tkri_quantized *r, vu packs, int32_t id, int64_t vector) {
    if (r->scale) {
        return int8_at(packs, id % 4) * v_load(r->scale + vector * VL);
    }
    return id % 2 ? second_bf16(packs) : first_bf16(packs);
}

static void gather(const tkri_quantized *r, const int32_t *ids) {
    const int32_t precision = r->scale ? TKR_INT8 : TKR_BF16, each = tkri_pack_inputs(precision);
    for (int64_t p = 0; p < r->panels.n; p++) {
        const columns panel = panel_at(r, p, tkri_packs(precision, r->k));
        for (int64_t row = 0; row < r->rows; row++) {
            float *c = panel.c + row * r->c_row;
            const float *start = start_of(r, &panel, c);
            const uint32_t *packs = panel.w + ids[row] / each * panel.w_row;
            for (int64_t j = 0; j < panel.w_row / VL; j++) {
                vf sum = v_load(start + j * VL);
                if (ids[row] >= 0) {
                    sum = sum + weight_of(r, u_load(packs + j * VL), ids[row], panel.first + j);
                }
                v_store(c + j * VL, sum);
            }
        }
    }
}

/* max |x| / 127, by which the row is scaled, or NaN; *inverse receives what brings x to -127..127.
 */
static float row_scale(const float *x, int64_t n, float *inverse) {
    vf top = v_zero(), bad = v_zero();
    float lane[VL], wrong[VL], largest = 0.0f, sum = 0.0f;
    for (int64_t i = 0; i < n; i += VL) {
        const vf a = float_of(bits_of(load_row(x, i, n)) & u_all(0x7FFFFFFFu));
        top = v_max(a, top);
        bad = bad + (a - a); /* NaN as soon as a number is not finite */
    }
    v_store(lane, top);
    v_store(wrong, bad);
    for (int i = 0; i < VL; i++) {
        largest = lane[i] > largest ? lane[i] : largest;
        sum += wrong[i];
    }
    const int zero = !(largest > TKRI_INT8_LEAST);
    *inverse = zero ? 0.0f : 127.0f / largest;
    return (zero ? 0.0f : largest / 127.0f) + sum;
}

/* Adding 1.5 * 2^23 rounds to the nearest integer, ties to even, and leaves it in the low bits. */
static float quantize(uint32_t *q, const float *x, int64_t k) {
    uint8_t *out = (uint8_t *)q;
    float inverse;
    const float scale = row_scale(x, k, &inverse);
    for (int64_t i = 0; i < tkri_packs(TKR_INT8, k) * 4; i += VL) {
        const vf shifted = load_row(x, i, k) * v_all(inverse) + v_all(12582912.0f);
        const bytes low = U_TO_BYTES((bits_of(shifted) + u_all(128)) & u_all(255));
        memcpy(out + i, &low, sizeof low);
    }
    return scale;
}

const tkri_quantized_kern TIER(tkri_quantized) = {
    .tier = TKRI_TIER_ID,
    .quantize = quantize,
    .bf16 = TIER(tkri_bf16),
    .int8 = TIER(tkri_int8),
    .gather = gather,
};
