/* SPDX-License-Identifier: MIT */
#include "seq/state.h"

#include <string.h>

static void fill_rows(float *rows, int64_t ld, int64_t n, const float *learned, int64_t batch) {
    memset(rows, 0, (size_t)(ld * batch) * sizeof *rows);
    for (int64_t b = 0; learned && b < batch; b++) {
        memcpy(rows + b * ld, learned, (size_t)n * sizeof *rows);
    }
}

void tkri_state_start(const tkri_net *net, float *values, int64_t batch) {
    for (int64_t i = 0; i < net->n_layers; i++) {
        const tkri_layer *layer = &net->layers[i];
        for (int32_t d = 0; tkri_is_recurrent(layer->kind) && d < layer->directions; d++) {
            const tkri_direction *dir = &layer->direction[d];
            fill_rows(tkri_state_rows(values, dir->state_h, batch), layer->out_ld, layer->out,
                      dir->h0 < 0 ? NULL : net->values + dir->h0, batch);
            if (dir->state_c >= 0) {
                fill_rows(tkri_state_rows(values, dir->state_c, batch), layer->units_ld,
                          layer->units, dir->c0 < 0 ? NULL : net->values + dir->c0, batch);
            }
        }
    }
}

static void move_rows(float *to, int64_t to_batch, const float *from, int64_t from_batch,
                      int64_t column, int64_t floats) {
    memcpy(to + column * to_batch, from + column * from_batch, (size_t)floats * sizeof *to);
}

void tkri_state_move(const tkri_net *net, float *to, int64_t to_batch, const float *from,
                     int64_t from_batch, int64_t batch) {
    for (int64_t i = 0; i < net->n_layers; i++) {
        const tkri_layer *layer = &net->layers[i];
        for (int32_t d = 0; tkri_is_recurrent(layer->kind) && d < layer->directions; d++) {
            const tkri_direction *dir = &layer->direction[d];
            move_rows(to, to_batch, from, from_batch, dir->state_h, batch * layer->out_ld);
            if (dir->state_c >= 0) {
                move_rows(to, to_batch, from, from_batch, dir->state_c, batch * layer->units_ld);
            }
        }
    }
}

int32_t tkri_state_alike(const tkr_cell *a, const tkr_cell *b) {
    if (a == b) {
        return 1;
    }
    if (!a->net || !b->net || a->net->n_state != b->net->n_state ||
        a->net->state_width != b->net->state_width) {
        return 0;
    }
    for (int64_t i = 0; i < a->net->n_state; i++) {
        const tkri_state_tensor *s = &a->net->state[i], *t = &b->net->state[i];
        if (s->slots != t->slots || s->width != t->width || s->is_c != t->is_c) {
            return 0;
        }
    }
    return 1;
}

const tkri_state_tensor *tkri_state_find(const tkri_net *net, const char *name) {
    for (int64_t i = 0; i < net->n_state; i++) {
        if (strcmp(net->state[i].name, name) == 0) {
            return &net->state[i];
        }
    }
    return NULL;
}

/* The rows of slot `slot` of a tensor. */
static float *slot_rows(const tkri_net *net, const tkri_state_tensor *tensor, int64_t slot,
                        float *values, int64_t batch, int64_t *ld) {
    int64_t l = tensor->first_layer;
    const tkri_layer *layer = &net->layers[l];
    const int64_t directions = layer->directions;
    for (int64_t below = slot / directions; below > 0 || !tkri_is_recurrent(layer->kind);) {
        layer = &net->layers[++l];
        below -= tkri_is_recurrent(layer->kind);
    }
    const tkri_direction *d = &layer->direction[slot % directions];
    *ld = tensor->is_c ? layer->units_ld : layer->out_ld;
    return tkri_state_rows(values, tensor->is_c ? d->state_c : d->state_h, batch);
}

void tkri_state_export(const tkri_net *net, const tkri_state_tensor *tensor, const float *values,
                       int64_t batch, float *out) {
    for (int64_t slot = 0; slot < tensor->slots; slot++) {
        int64_t ld;
        const float *rows = slot_rows(net, tensor, slot, (float *)(uintptr_t)values, batch, &ld);
        for (int64_t b = 0; b < batch; b++, out += tensor->width) {
            memcpy(out, rows + b * ld, (size_t)tensor->width * sizeof *out);
        }
    }
}

void tkri_state_import(const tkri_net *net, const tkri_state_tensor *tensor, float *values,
                       int64_t batch, const float *in) {
    for (int64_t slot = 0; slot < tensor->slots; slot++) {
        int64_t ld;
        float *rows = slot_rows(net, tensor, slot, values, batch, &ld);
        for (int64_t b = 0; b < batch; b++, in += tensor->width) {
            memcpy(rows + b * ld, in, (size_t)tensor->width * sizeof *in);
        }
    }
}
