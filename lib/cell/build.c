/* SPDX-License-Identifier: MIT
 * Listing a net's layers, parameters and state tensors, one by one. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cell/cell.h"

static int64_t padded(const tkri_builder *b, int64_t n) {
    return (int64_t)tkri_round_up((uint64_t)n, (uint64_t)b->kern->vl);
}

/* Advance a running offset by `n` floats (as much as fits), keeping 64-byte alignment. */
static int64_t reserve(uint64_t *running, uint64_t n) {
    uint64_t at = *running;
    *running = tkri_add(at, tkri_round_up(n, TKRI_MAX_VL));
    return at > (uint64_t)INT64_MAX ? INT64_MAX : (int64_t)at;
}

void tkri_build_fail(tkri_builder *b, int32_t status, const char *format, ...) {
    char text[sizeof b->detail->text];
    va_list list;
    if (b->status < 0) {
        return;
    }
    va_start(list, format);
    (void)vsnprintf(text, sizeof text, format, list);
    va_end(list);
    const int path = (int)strlen(b->path);
    b->status = path ? tkri_fail(b->detail, status, "part '%.*s': %s", path - 1, b->path, text)
                     : tkri_fail(b->detail, status, "%s", text);
}

/* With padding. */
static uint64_t numbers_of(const tkri_builder *b, const tkri_parameter *p) {
    const uint64_t columns = tkri_mul((uint64_t)p->gates, (uint64_t)padded(b, p->units));
    if (p->ld) {
        return tkri_mul((uint64_t)p->units, (uint64_t)p->ld);
    }
    return p->precision ? tkri_quantized_len(p->precision, columns, (uint64_t)p->k)
                        : tkri_mul(columns, (uint64_t)p->k);
}

static void set_shape(tkri_parameter *p, const tkri_parameter_spec *spec) {
    p->rank = spec->rank ? spec->rank : p->k == 1 && p->role > TKRI_WEIGHT_EMBEDDING ? 1 : 2;
    for (int i = 0; i < TKRI_PARAMETER_RANK; i++) {
        p->shape[i] = spec->shape && i < p->rank ? spec->shape[i] : 1;
    }
    if (!spec->shape) {
        p->shape[0] = p->gates * p->units;
        p->shape[1] = p->k;
    }
}

int64_t tkri_build_parameter(tkri_builder *b, const tkri_parameter_spec *spec) {
    tkri_parameter p = {
        .units = spec->units,
        .k = spec->k,
        .gates = spec->gates ? spec->gates : 1,
        .fan_in = spec->fan_in ? spec->fan_in : spec->k,
        .fan_out = spec->fan_out ? spec->fan_out : spec->units,
        .role = spec->role,
        .precision = spec->can_quantize ? b->precision : TKR_FLOAT32,
        .part = b->part,
    };
    p.ld = spec->row_major == 2 ? p.k : spec->row_major ? padded(b, p.k) : 0;
    const uint64_t numbers = numbers_of(b, &p);
    p.offset = reserve(p.precision ? &b->quantized : &b->numbers, numbers);
    p.numbers = (int64_t)numbers;
    set_shape(&p, spec);
    uint64_t logical = 1;
    for (int i = 0; i < p.rank; i++) {
        logical = tkri_mul(logical, (uint64_t)p.shape[i]);
    }
    b->logical = tkri_add(b->logical, logical);
    if (b->net->parameters) {
        if (spec->order) {
            memcpy(p.order, spec->order, sizeof p.order);
        }
        (void)snprintf(p.name, sizeof p.name, "%s%s%s", b->path, spec->name,
                       spec->suffix ? spec->suffix : "");
        b->net->parameters[b->net->n_parameters] = p;
    }
    b->net->n_parameters++;
    return p.offset;
}

void tkri_build_gap(tkri_builder *b, uint64_t numbers) {
    (void)reserve(&b->numbers, numbers);
}

int64_t tkri_build_derived(tkri_builder *b, uint64_t numbers) {
    return reserve(&b->derived, numbers);
}

int64_t tkri_build_state(tkri_builder *b, const char *name, int32_t what, int64_t width) {
    if (b->net->state) {
        tkri_state_tensor *s = &b->net->state[b->net->n_state];
        *s = (tkri_state_tensor){.width = width, .what = what};
        (void)snprintf(s->name, sizeof s->name, "%s%s", b->path, name);
    }
    return b->net->n_state++;
}

int64_t tkri_build_slot(tkri_builder *b, int64_t tensor, int64_t ld, int64_t learned) {
    const int64_t column = reserve(&b->state_width, (uint64_t)ld);
    if (b->net->slots) {
        const int64_t width = b->net->state[tensor].width;
        b->net->slots[b->net->n_slots] = (tkri_slot){column, width, ld, learned, tensor};
        b->net->state[tensor].slots++;
    }
    b->net->n_slots++;
    return column;
}

static void put_layer(tkri_builder *b, const tkri_layer *layer, const tkri_wire *in, int64_t n) {
    tkri_net *net = b->net;
    tkri_layer *to = &net->layers[net->n_layers];
    *to = *layer;
    to->part = b->part;
    to->input = in[0].width;
    to->reads = &net->edges[net->n_edges];
    to->n_reads = n;
    to->track = net->n_tracks;
    for (int64_t i = 0; i < n; i++) {
        to->reads[i] = (tkri_edge){.from = in[i].layer};
    }
}

tkri_wire tkri_build_layer(tkri_builder *b, const tkri_layer *layer, const tkri_wire *in, int64_t n,
                           const void *own, uint64_t own_bytes) {
    tkri_net *net = b->net;
    tkri_layer listed = *layer;
    unsigned char *kept = tkri_arena_take(&b->own, own_bytes, 1);
    if (kept && own_bytes > 0) {
        memcpy(kept, own, (size_t)own_bytes);
    }
    listed.own = kept;
    listed.once |= in[0].once;
    if (net->layers) {
        put_layer(b, &listed, in, n);
    }
    net->n_edges += n;
    net->n_tracks += layer->n_tracks;
    return (tkri_wire){
        .layer = net->n_layers++,
        .width = layer->output,
        .once = listed.once,
        .without_input = layer->without_input,
        .is_probability = layer->is_probability,
        .backwards = layer->output,
        .halves = -1,
    };
}

tkri_wire tkri_build_part(tkri_builder *b, const tkr_cell *part, int64_t index, tkri_wire in) {
    char path[TKRI_PATH_LEN];
    const tkr_cell *around = b->part;
    int len;
    memcpy(path, b->path, sizeof path);
    if (part->name[0]) {
        len = snprintf(b->path, sizeof b->path, "%s%s.", path, part->name);
    } else {
        len = snprintf(b->path, sizeof b->path, "%s%d.", path, (int)index);
    }
    if (len >= (int)sizeof b->path || b->depth == TKRI_MAX_DEPTH) {
        memcpy(b->path, path, sizeof path);
        tkri_build_fail(b, TKR_ERR_SHAPE, "%d levels of parts and %d bytes of their names are most",
                        TKRI_MAX_DEPTH, TKRI_PATH_LEN - 1);
        return in;
    }
    b->depth++;
    b->part = part;
    const tkri_wire out = part->kind->build(b, part, in);
    b->depth--;
    b->part = around;
    memcpy(b->path, path, sizeof path);
    return out;
}
