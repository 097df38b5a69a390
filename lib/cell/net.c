/* SPDX-License-Identifier: MIT
 * A cell's net: measured, made, and who reads whom worked out. */
#include "cell/net.h"

#include <string.h>

#include "cell/cell.h"

static int64_t widest_of(const tkr_cell *cell) {
    int64_t widest = cell->hidden;
    for (int64_t i = 0; i < cell->n_parts; i++) {
        const int64_t part = widest_of(cell->parts[i]);
        widest = part > widest ? part : widest;
    }
    return widest;
}

const tkri_kern *tkri_net_kern(const tkr_cell *cell) {
    return cell->env.tier == TKR_TIER_BEST ? tkri_kern_best(widest_of(cell)) : cell->kern;
}

/* Walk into `net`, whose arrays may be NULL; sizes as the walk found them. */
static tkri_builder walk(const tkr_cell *cell, tkri_net *net, void *own, tkri_detail *detail) {
    tkri_builder b = {
        .net = net,
        .kern = tkri_net_kern(cell),
        .own = {.base = own},
        .part = cell,
        .precision = cell->precision == TKR_APPROXIMATE ? TKR_FLOAT32 : cell->precision,
        .approximate = cell->precision == TKR_APPROXIMATE,
        .detail = detail,
    };
    const tkri_wire input = {
        .layer = -1, .width = cell->input, .backwards = cell->input, .halves = -1};
    net->n_layers = net->n_parameters = net->n_state = 0;
    net->n_slots = net->n_edges = net->n_tracks = 0;
    net->backwards = net->may_fail = net->approximates = 0;
    const tkri_wire out = cell->kind->build(&b, cell, input);
    net->once = out.once;
    net->output = out.width;
    return b;
}

/* The net's own arrays: what a walk of `counts` listed, and how much it wants. */
static void *place(tkri_arena *arena, tkri_net **net, tkri_net *counts, const tkri_builder *b) {
    unsigned char *own;
    TKRI_TAKE(arena, *net, 1);
    TKRI_TAKE(arena, counts->layers, counts->n_layers);
    TKRI_TAKE(arena, counts->edges, counts->n_edges);
    TKRI_TAKE(arena, counts->parameters, counts->n_parameters);
    TKRI_TAKE(arena, counts->state, counts->n_state);
    TKRI_TAKE(arena, counts->slots, counts->n_slots);
    TKRI_TAKE(arena, counts->buffers, counts->n_layers);
    TKRI_TAKE(arena, counts->values, b->numbers);
    TKRI_TAKE(arena, counts->derived, b->derived);
    TKRI_TAKE(arena, counts->quantized, b->quantized);
    TKRI_TAKE(arena, own, b->own.used);
    return own;
}

int32_t tkri_net_check(const tkr_cell *cell, tkri_detail *detail) {
    tkri_net counts = {0};
    return walk(cell, &counts, NULL, detail).status;
}

int32_t tkri_net_bytes(const tkr_cell *cell, uint64_t *bytes, tkri_detail *detail) {
    tkri_net counts = {0}, *net;
    tkri_arena arena = {0};
    const tkri_builder b = walk(cell, &counts, NULL, detail);
    TRY(b.status);
    (void)place(&arena, &net, &counts, &b);
    /* a gradient and two moments of the same length must be addressable too */
    *bytes = tkri_mul(b.numbers, 64) > TKRI_SIZE_LIMIT ? UINT64_MAX : arena.used;
    return TKR_OK;
}

void tkri_net_counts(const tkr_cell *cell, int64_t *tensors, uint64_t *numbers) {
    tkri_net counts = {0};
    const tkri_builder b = walk(cell, &counts, NULL, NULL);
    *tensors = counts.n_parameters;
    *numbers = b.logical;
}

int32_t tkri_cell_takes(const tkr_cell *cell) {
    int32_t takes = cell->kind->takes;
    const int64_t asked = cell->kind->contains == TKRI_IN_A_ROW ? 1 : cell->n_parts;
    for (int64_t i = 0; i < asked; i++) {
        takes &= tkri_cell_takes(cell->parts[i]);
    }
    return takes;
}

/* From the output backwards: who is read by whom, and who by nobody. */
static void count_readers(tkri_net *net) {
    int64_t of_input = 0;
    net->layers[net->n_layers - 1].live = 1;
    for (int64_t l = net->n_layers - 1; l >= 0; l--) {
        tkri_layer *layer = &net->layers[l];
        for (int64_t i = 0; layer->live && i < layer->n_reads; i++) {
            tkri_edge *edge = &layer->reads[i];
            if (edge->from < 0) {
                edge->adds = of_input++ > 0;
                continue;
            }
            tkri_layer *from = &net->layers[edge->from];
            edge->adds = from->n_readers++ > 0;
            from->reader = from->live ? from->reader : l;
            from->live = 1;
        }
    }
}

/* Where a gradient goes step by step from its only reader. */
static void join_steps(tkri_net *net) {
    for (int64_t l = 0; l < net->n_layers; l++) {
        tkri_layer *layer = &net->layers[l];
        tkri_edge *edge = layer->reads;
        if (layer->live && layer->gives_steps && edge->from >= 0) {
            const tkri_layer *from = &net->layers[edge->from];
            edge->by_steps = from->takes_steps && from->n_readers == 1;
        }
    }
}

/* The gradient of a layer's output is written when its first reader goes backward and read when it
 * goes backward itself. A buffer is free for it if the last layer that had it went before that
 * reader, and had a chunk's rows at the same place: a row for each step is elsewhere than a row for
 * each sequence, and chunks do not wait for each other. */
static int64_t free_buffer(const tkri_net *net, int64_t l) {
    for (int64_t i = 0; i < net->n_buffers; i++) {
        int64_t last = l + 1;
        while (last < net->n_layers && net->layers[last].buffer != i) {
            last++;
        }
        if (last > net->layers[l].reader && net->layers[last].once == net->layers[l].once) {
            return i;
        }
    }
    return net->n_buffers;
}

static void share_buffers(tkri_net *net) {
    for (int64_t l = net->n_layers - 1; l >= 0; l--) {
        tkri_layer *layer = &net->layers[l];
        const tkri_edge *edge = net->layers[layer->reader].reads;
        layer->buffer = -1;
        if (!layer->live || layer->keeps_gradient || l == net->n_layers - 1 ||
            (layer->n_readers == 1 && edge->by_steps)) {
            continue;
        }
        layer->buffer = free_buffer(net, l);
        if (layer->buffer == net->n_buffers) {
            net->buffers[net->n_buffers++] = 0;
        }
        int64_t *ld = &net->buffers[layer->buffer];
        *ld = tkri_max(*ld, tkri_row_len(layer->output));
    }
}

int32_t tkri_net_create(tkr_cell *cell) {
    tkri_net counts = {0}, *net;
    uint64_t bytes;
    TRY(tkri_net_bytes(cell, &bytes, &cell->detail));
    tkri_arena arena = {.base = tkri_allocate(&cell->env, bytes)};
    REQUIRE(arena.base, &cell->detail, TKR_ERR_MEMORY, "no memory for %llu bytes of parameters",
            (unsigned long long)bytes);
    tkri_builder b = walk(cell, &counts, NULL, NULL);
    void *own = place(&arena, &net, &counts, &b);
    *net = counts;
    b = walk(cell, net, own, NULL);
    net->numbers = (int64_t)b.numbers;
    net->derived_len = (int64_t)b.derived;
    net->state_width = (int64_t)b.state_width;
    net->logical_numbers = (int64_t)b.logical;
    net->input = cell->input;
    net->takes = tkri_cell_takes(cell);
    net->bytes = bytes;
    cell->kern = b.kern;
    count_readers(net);
    join_steps(net);
    share_buffers(net);
    cell->net = net;
    return TKR_OK;
}

void tkri_net_destroy(tkr_cell *cell) {
    if (cell->net) {
        tkri_release(&cell->env, cell->net, cell->net->bytes);
        cell->net = NULL;
    }
}

void tkri_cell_refresh(tkr_cell *cell) {
    for (int64_t i = 0; i < cell->net->n_layers; i++) {
        const tkri_layer *layer = &cell->net->layers[i];
        if (layer->refresh) {
            layer->refresh(cell, layer);
        }
    }
    cell->version++;
}
