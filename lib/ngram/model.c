/* SPDX-License-Identifier: MIT */
#include "ngram/model.h"

#include "core/check.h"

/* A load reads 8 bytes, whatever it keeps of them. */
enum { SLACK = 8 };

static int32_t bytes_for(uint64_t largest) {
    int32_t bytes = 1;
    while (bytes < 8 && largest >> (8 * bytes)) {
        bytes++;
    }
    return bytes;
}

static uint64_t mask_of(int32_t bytes) {
    return bytes == 8 ? UINT64_MAX : ((uint64_t)1 << (8 * bytes)) - 1;
}

/* Widths and offsets of a level's rows. */
static void shape_rows(tkri_model *model, const tkri_model_shape *shape, int l) {
    tkri_rows *rows = &model->level[l];
    int last = l + 1 == shape->order;
    rows->len = shape->lens[l];
    rows->id_bytes = bytes_for((uint64_t)shape->symbols);
    rows->id_mask = mask_of(rows->id_bytes);
    rows->stride = shape->value_bytes * (last ? 1 : 2);
    if (!last) {
        int32_t bytes = bytes_for(shape->lens[l + 1]);
        rows->begin_at = rows->stride;
        rows->begin_mask = mask_of(bytes);
        rows->stride += bytes;
    }
    if (l > 0) {
        int32_t bytes = bytes_for(shape->lens[l - 1]);
        rows->suffix_at = rows->stride;
        rows->suffix_mask = mask_of(bytes);
        rows->stride += bytes;
    }
}

/* The next n elements of `size` bytes, at a multiple of 64 in a block that is only read. */
static const unsigned char *take(const tkri_model *model, uint64_t *used, uint64_t n,
                                 int32_t size) {
    const uint64_t start = tkri_round_up(*used, 64);
    *used = tkri_add(start, tkri_add(tkri_mul(n, (uint64_t)size), SLACK));
    return model->block ? model->block + start : NULL;
}

uint64_t tkri_model_lay_out(tkri_model *model, const tkri_model_shape *shape,
                            const unsigned char *block) {
    memset(model, 0, sizeof *model);
    model->symbols = shape->symbols;
    model->uniform = -log((double)shape->symbols);
    model->order = shape->order;
    model->value_bytes = shape->value_bytes;
    model->missing = shape->missing;
    model->block = block;
    uint64_t used = 0;
    for (int l = 0; l < shape->order; l++) {
        tkri_rows *rows = &model->level[l];
        shape_rows(model, shape, l);
        uint64_t sentinel = l + 1 < shape->order;
        rows->rows = take(model, &used, tkri_add(rows->len, sentinel), rows->stride);
        rows->ids = l ? take(model, &used, rows->len, rows->id_bytes) : NULL;
    }
    model->bytes = tkri_round_up(used, 64);
    return model->bytes;
}

int32_t tkri_model_create(tkri_model *model, const tkri_env *env, const tkri_model_shape *shape) {
    uint64_t bytes = tkri_model_lay_out(model, shape, NULL);
    void *block = tkri_allocate(env, bytes);
    if (!block) {
        memset(model, 0, sizeof *model);
        return TKR_ERR_MEMORY;
    }
    tkri_model_lay_out(model, shape, block);
    model->owned = block;
    return TKR_OK;
}

void tkri_model_destroy(tkri_model *model, const tkri_env *env) {
    tkri_release(env, model->owned, model->bytes);
    memset(model, 0, sizeof *model);
}

/* The writable address of something in the model's own block. */
static unsigned char *own(const tkri_model *model, const unsigned char *at) {
    return (unsigned char *)model->owned + (at - model->block);
}

/* As many bytes as the mask has. */
static void store(unsigned char *at, uint64_t value, uint64_t mask) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (mask > UINT32_MAX) {
        uint64_t low = value & mask;
        memcpy(at, &low, mask == UINT64_MAX ? 8 : 5); /* indices never need more than 5 */
        return;
    }
#endif
    for (; mask; mask >>= 8, value >>= 8) {
        *at++ = (unsigned char)value;
    }
}

static void store_value(unsigned char *at, double value, int32_t value_bytes) {
    if (value_bytes == 8) {
        uint64_t bits;
        memcpy(&bits, &value, sizeof bits);
        store(at, bits, UINT64_MAX);
    } else {
        float rounded = (float)value;
        uint32_t bits;
        memcpy(&bits, &rounded, sizeof bits);
        store(at, bits, UINT32_MAX);
    }
}

static unsigned char *own_row(tkri_model *model, int level, uint64_t row) {
    return own(model, tkri_row(&model->level[level], row));
}

void tkri_model_put_id(tkri_model *model, int level, uint64_t row, uint32_t id) {
    const tkri_rows *rows = &model->level[level];
    store(own(model, rows->ids + row * (uint64_t)rows->id_bytes), id, rows->id_mask);
}

void tkri_model_put_begin(tkri_model *model, int level, uint64_t row, uint64_t begin) {
    const tkri_rows *rows = &model->level[level];
    store(own_row(model, level, row) + rows->begin_at, begin, rows->begin_mask);
}

void tkri_model_put_suffix(tkri_model *model, int level, uint64_t row, uint64_t suffix) {
    const tkri_rows *rows = &model->level[level];
    store(own_row(model, level, row) + rows->suffix_at, suffix, rows->suffix_mask);
}

void tkri_model_put_logprob(tkri_model *model, int level, uint64_t row, double logprob, int seen) {
    double value = fabs(logprob);
    store_value(own_row(model, level, row), seen ? -value : value, model->value_bytes);
}

void tkri_model_put_backoff(tkri_model *model, int level, uint64_t row, double log_weight) {
    store_value(own_row(model, level, row) + model->value_bytes, log_weight, model->value_bytes);
}

static void copy_row(tkri_model *to, const tkri_model *from, int l, uint64_t row) {
    tkri_model_put_logprob(to, l, row, tkri_row_logprob(from, l, row), tkri_row_seen(from, l, row));
    if (l + 1 < from->order) {
        tkri_model_put_backoff(to, l, row, tkri_row_backoff(from, l, row));
        tkri_model_put_begin(to, l, row, tkri_row_children(from, l, row).from);
    }
    if (l > 0) {
        tkri_model_put_id(to, l, row, tkri_row_id(from, l, row));
        tkri_model_put_suffix(to, l, row, tkri_row_suffix(from, l, row));
    }
}

int32_t tkri_model_narrow(tkri_model *model, const tkri_env *env, const tkri_model *from) {
    tkri_model_shape shape = {from->symbols, from->order, 4, from->missing, {0}};
    for (int l = 0; l < from->order; l++) {
        shape.lens[l] = from->level[l].len;
    }
    TRY(tkri_model_create(model, env, &shape));
    for (int l = 0; l < from->order; l++) {
        for (uint64_t row = 0; row < from->level[l].len; row++) {
            copy_row(model, from, l, row);
        }
        if (l + 1 < from->order) {
            tkri_model_put_begin(model, l, from->level[l].len, from->level[l + 1].len);
        }
    }
    return TKR_OK;
}
