/* SPDX-License-Identifier: MIT
 * From a trained cell to one with quantized weights. A row of a matrix is one gate of one unit.
 *
 *     bf16   w' = the nearest number of 8 bits of precision, ties to even; the largest stays finite
 *     int8   scale = max |w| / 127 over the row (0 for a row below TKRI_INT8_LEAST)
 *            w' = scale * q,  q = w / scale to the nearest integer, ties away from zero */
#include <math.h>
#include <string.h>

#include "cell/cell.h"

uint64_t tkri_quantized_len(int32_t precision, uint64_t columns, uint64_t k) {
    const uint64_t packs = (uint64_t)tkri_packs(precision, (int64_t)k);
    const uint64_t matrix = tkri_round_up(tkri_mul(columns, packs), TKRI_MAX_VL);
    const uint64_t vectors = precision == TKR_INT8 ? tkri_round_up(columns, TKRI_MAX_VL) : 0;
    return tkri_add(matrix, tkri_mul(2, vectors));
}

tkri_quantized_at tkri_quantized_find(const tkri_net *net, int32_t precision, int64_t offset,
                                      int64_t columns, int64_t k) {
    tkri_quantized_at at = {.w = net->quantized + offset};
    if (precision == TKR_INT8) {
        const uint64_t packs = (uint64_t)(columns * tkri_packs(precision, k));
        uint32_t *vectors = at.w + tkri_round_up(packs, TKRI_MAX_VL);
        at.scale = (float *)vectors;
        at.correction = (int32_t *)(vectors + tkri_round_up((uint64_t)columns, TKRI_MAX_VL));
    }
    return at;
}

/* A row of the float32 matrix, and where it goes. */
typedef struct row {
    const float *from;
    int64_t from_step, k;
    uint32_t *to;
    int64_t to_step;
} row;

static float at(const row *r, int64_t k) {
    return r->from[k * r->from_step];
}

static uint16_t bf16_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint32_t rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
    return (uint16_t)((rounded & 0x7FFF) < 0x7F80 ? rounded : rounded - 1);
}

static void quantize_bf16(const row *r) {
    for (int64_t k = 0; k < r->k; k++) {
        const uint16_t number = bf16_of(at(r, k));
        unsigned char *pack = (unsigned char *)(r->to + k / 2 * r->to_step);
        memcpy(pack + k % 2 * 2, &number, sizeof number);
    }
}

/* The largest |w|, or NaN if one is not finite. */
static float largest_of(const row *r) {
    float largest = 0.0f;
    for (int64_t k = 0; k < r->k; k++) {
        const float size = fabsf(at(r, k));
        if (!isfinite(size)) {
            return NAN;
        }
        largest = size > largest ? size : largest;
    }
    return largest;
}

static void quantize_int8(const row *r, float largest, float *scale, int32_t *correction) {
    int32_t sum = 0;
    const int zero = largest <= TKRI_INT8_LEAST;
    *scale = zero ? 0.0f : largest / 127.0f;
    for (int64_t k = 0; k < r->k && !zero; k++) {
        const double exact = (double)at(r, k) / (double)largest * 127.0;
        const int8_t number = (int8_t)(exact + (exact < 0 ? -0.5 : 0.5));
        unsigned char *pack = (unsigned char *)(r->to + k / 4 * r->to_step);
        memcpy(pack + k % 4, &number, sizeof number);
        sum += number;
    }
    *correction = -128 * sum;
}

static int32_t quantize_matrix(tkr_cell *to, const tkri_parameter *q, const tkr_cell *from,
                               const tkri_parameter *p) {
    const int32_t vl = to->kern->vl;
    const int64_t columns = tkri_panels_of(q->units, q->gates, vl).vectors * vl;
    const tkri_quantized_at packs =
        tkri_quantized_find(to->net, q->precision, q->offset, columns, q->k);
    for (int64_t i = 0; i < q->shape[0]; i++) {
        const tkri_strided source = tkri_parameter_row(p, from->kern->vl, i);
        const tkri_packed_row target = tkri_parameter_packed(q, vl, i);
        const int64_t column = target.first * vl + target.column;
        const row r = {
            .from = from->net->values + source.start,
            .from_step = source.step,
            .k = q->k,
            .to = packs.w + target.first * vl * tkri_packs(q->precision, q->k) + target.column,
            .to_step = target.width,
        };
        const float largest = largest_of(&r);
        REQUIRE(isfinite(largest), &to->detail, TKR_ERR_NUMERIC,
                "row %lld of %s has a NaN or an infinity", (long long)i, q->name);
        if (q->precision == TKR_BF16) {
            quantize_bf16(&r);
        } else {
            quantize_int8(&r, largest, packs.scale + column, packs.correction + column);
        }
    }
    return TKR_OK;
}

int32_t tkri_quantized_check(tkr_cell *cell) {
    int32_t found = cell->net->approximates;
    for (int64_t i = 0; i < cell->net->n_parameters; i++) {
        const tkri_parameter *p = &cell->net->parameters[i];
        REQUIRE(p->precision != TKR_INT8 || p->k <= TKRI_INT8_INPUTS, &cell->detail,
                TKR_ERR_UNSUPPORTED, "%s has %lld inputs, int8 sums are exact up to %d", p->name,
                (long long)p->k, (int)TKRI_INT8_INPUTS);
        found |= p->precision;
    }
    REQUIRE(found, &cell->detail, TKR_ERR_UNSUPPORTED, "the cell has nothing that can be %s",
            cell->precision == TKR_APPROXIMATE ? "approximated" : "quantized");
    return TKR_OK;
}

static void copy_parameter(const tkr_cell *to, const tkri_parameter *q, const tkr_cell *from,
                           const tkri_parameter *p) {
    const int64_t columns = tkri_parameter_columns(p);
    for (int64_t i = 0; i < p->shape[0]; i++) {
        const tkri_strided target = tkri_parameter_row(q, to->kern->vl, i);
        const tkri_strided source = tkri_parameter_row(p, from->kern->vl, i);
        for (int64_t column = 0; column < columns; column++) {
            to->net->values[target.start + column * target.step] =
                from->net->values[source.start + column * source.step];
        }
    }
}

int32_t tkri_cell_fill(tkr_cell *to, const tkr_cell *from) {
    for (int64_t i = 0; i < from->net->n_parameters; i++) {
        const tkri_parameter *p = &from->net->parameters[i], *q = &to->net->parameters[i];
        if (q->precision) {
            TRY(quantize_matrix(to, q, from, p));
        } else {
            copy_parameter(to, q, from, p);
        }
    }
    tkri_cell_refresh(to);
    return TKR_OK;
}
