/* SPDX-License-Identifier: MIT
 * The flat array of a state, slot by slot. */
#include <string.h>

#include "seq/seq.h"

static void fill_rows(float *rows, const tkri_slot *slot, const float *learned, int64_t batch) {
    memset(rows, 0, (size_t)(slot->ld * batch) * sizeof *rows);
    for (int64_t b = 0; learned && b < batch; b++) {
        memcpy(rows + b * slot->ld, learned, (size_t)slot->width * sizeof *rows);
    }
}

void tkri_state_start(const tkri_net *net, float *values, int64_t batch) {
    for (int64_t i = 0; i < net->n_slots; i++) {
        const tkri_slot *slot = &net->slots[i];
        fill_rows(tkri_state_rows(values, slot->column, batch), slot,
                  slot->learned < 0 ? NULL : net->values + slot->learned, batch);
    }
}

void tkri_state_move(const tkri_net *net, float *to, int64_t to_batch, const float *from,
                     int64_t from_batch, int64_t batch) {
    for (int64_t i = 0; i < net->n_slots; i++) {
        const tkri_slot *slot = &net->slots[i];
        memcpy(to + slot->column * to_batch, from + slot->column * from_batch,
               (size_t)(batch * slot->ld) * sizeof *to);
    }
}

void tkri_state_add(const tkri_net *net, float *to, int64_t to_batch, const float *from,
                    int64_t from_batch, int64_t batch) {
    for (int64_t i = 0; i < net->n_slots; i++) {
        const tkri_slot *slot = &net->slots[i];
        float *sum = to + slot->column * to_batch;
        const float *part = from + slot->column * from_batch;
        for (int64_t k = 0; k < batch * slot->ld; k++) {
            sum[k] += part[k];
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
        if (s->slots != t->slots || s->width != t->width || s->what != t->what) {
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

/* The next slot of a tensor, behind `last`; from NULL on. */
static const tkri_slot *next_slot(const tkri_net *net, const tkri_state_tensor *tensor,
                                  const tkri_slot *last) {
    const tkri_slot *slot = last ? last + 1 : net->slots;
    while (slot->tensor != tensor - net->state) {
        slot++;
    }
    return slot;
}

void tkri_state_export(const tkri_net *net, const tkri_state_tensor *tensor, const float *values,
                       int64_t batch, float *out) {
    const tkri_slot *slot = NULL;
    for (int64_t i = 0; i < tensor->slots; i++) {
        slot = next_slot(net, tensor, slot);
        const float *rows = values + slot->column * batch;
        for (int64_t b = 0; b < batch; b++, out += tensor->width) {
            memcpy(out, rows + b * slot->ld, (size_t)tensor->width * sizeof *out);
        }
    }
}

void tkri_state_import(const tkri_net *net, const tkri_state_tensor *tensor, float *values,
                       int64_t batch, const float *in) {
    const tkri_slot *slot = NULL;
    for (int64_t i = 0; i < tensor->slots; i++) {
        slot = next_slot(net, tensor, slot);
        float *rows = tkri_state_rows(values, slot->column, batch);
        for (int64_t b = 0; b < batch; b++, in += tensor->width) {
            memcpy(rows + b * slot->ld, in, (size_t)tensor->width * sizeof *in);
        }
    }
}
