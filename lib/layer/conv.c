/* SPDX-License-Identifier: MIT
 * Convolution of I input channels with K taps, d steps apart, into O output channels, in G groups.
 * The taps of a row are laid out first; the rest is a linear map of them:
 *
 *     taps_{i,k} = x_{t - (K - 1 - k) d, i}          over time: nothing after t is seen
 *     taps_{i,k} = x_{i, p s - left + k d}           inside a vector, output position p
 *     y_o = sum_{i,k} W_{o,i,k} taps_{i,k} + b_o     over the inputs of o's group
 *
 * Backward: dW += dy taps', db += dy, dtaps = W' dy, which goes back to where the taps came from.
 */
#include "layer/conv.h"

#include <math.h>
#include <string.h>

#include "layer/matrix.h"

enum { BLOCK = 160 }; /* rows of taps that are transposed at a time */

static const tkri_option options[] = {
    {TKR_BIASES, 0, "biases", TKRI_INT, TKRI_FIXED, 0, 1, 1},
    {TKR_INIT, 0, "init", TKRI_INT, 0, TKR_INIT_UNIFORM, TKR_INIT_NORMAL, TKR_INIT_UNIFORM},
    {TKR_KERNEL, 0, "kernel", TKRI_INT, TKRI_FIXED, 1, 65536, 1},
    {TKR_DILATION, 0, "dilation", TKRI_INT, TKRI_FIXED, 1, 65536, 1},
    {TKR_GROUPS, 0, "groups", TKRI_INT, TKRI_FIXED, 1, 65536, 1},
    {TKR_CHANNELS, 0, "channels", TKRI_INT, TKRI_FIXED, 0, INT32_MAX, 0},
    {TKR_STRIDE, 0, "stride", TKRI_INT, TKRI_FIXED, 1, 65536, 1},
    {TKR_PAD_LEFT, 0, "pad_left", TKRI_INT, TKRI_FIXED, 0, 65536, 0},
    {TKR_PAD_RIGHT, 0, "pad_right", TKRI_INT, TKRI_FIXED, 0, 65536, 0},
    {TKR_PAD_REFLECT, 0, "pad_reflect", TKRI_INT, TKRI_FIXED, 0, 1, 0},
    {TKR_INIT_SCALE, 0, "init_scale", TKRI_REAL, 0, 0, 1e6, (double)NAN},
    {0},
};
TKRI_OPTIONS_FIT(options);

/* ------------------------------------------------------------------------------------------------
 * The linear map
 * --------------------------------------------------------------------------------------------- */

static int64_t taps_of(const tkri_conv *c) {
    return c->in * c->kernel;
}

/* Groups one output channel at a time: they are few, or have few channels each. */
static void apply_groups(const tkr_cell *cell, const tkri_conv *c, tkri_view y, const float *taps,
                         int64_t n) {
    const float *w = cell->net->values + c->weight, *b = cell->net->values + c->bias;
    const int64_t k = taps_of(c);
    for (int64_t r = 0; r < n; r++) {
        for (int64_t o = 0; o < c->groups * c->out; o++) {
            const float *of = taps + r * c->taps_ld + o / c->out * k;
            float sum = c->bias < 0 ? 0.0f : b[o];
            for (int64_t j = 0; j < k; j++) {
                sum += w[o * k + j] * of[j];
            }
            y.p[r * y.ld + o] = sum;
        }
    }
}

void tkri_conv_apply(const tkr_cell *cell, const tkri_conv *c, tkri_view y, const float *taps,
                     int64_t n, tkri_crew *crew) {
    if (c->groups > 1) {
        apply_groups(cell, c, y, taps, n);
        return;
    }
    tkri_product p =
        tkri_plain_product(cell->kern, c->out, cell->net->values + c->weight, taps_of(c));
    p.a = taps;
    p.a_row = c->taps_ld;
    p.rows = n;
    p.c = y.p;
    p.c_row = y.ld;
    p.crew = crew;
    if (c->bias >= 0) {
        p.start = cell->net->values + c->bias;
        p.from = TKRI_FROM_ROW;
    }
    tkri_product_run(&p);
}

static void unapply_groups(const tkr_cell *cell, const tkri_conv *c, float *dtaps, tkri_view dy,
                           int64_t n) {
    const float *w = cell->net->values + c->weight;
    const int64_t k = taps_of(c);
    memset(dtaps, 0, (size_t)(n * c->taps_ld) * sizeof *dtaps);
    for (int64_t r = 0; r < n; r++) {
        for (int64_t o = 0; o < c->groups * c->out; o++) {
            float *of = dtaps + r * c->taps_ld + o / c->out * k;
            for (int64_t j = 0; j < k; j++) {
                of[j] += w[o * k + j] * dy.p[r * dy.ld + o];
            }
        }
    }
}

void tkri_conv_unapply(const tkr_cell *cell, const tkri_conv *c, float *dtaps, tkri_view dy,
                       int64_t n, const float *w_t) {
    if (c->groups > 1) {
        unapply_groups(cell, c, dtaps, dy, n);
        return;
    }
    tkri_product p = tkri_plain_product(cell->kern, taps_of(c), w_t,
                                        tkri_tiles(c->out, cell->kern->vl) * cell->kern->vl);
    p.k = c->out;
    p.a = dy.p;
    p.a_row = dy.ld;
    p.rows = n;
    p.c = dtaps;
    p.c_row = c->taps_ld;
    tkri_product_run(&p);
}

int64_t tkri_conv_transpose_len(const tkr_cell *cell, const tkri_conv *c) {
    return c->groups > 1 ? 0 : tkri_packed_transpose_len(cell->kern->vl, c->out, 1, taps_of(c));
}

void tkri_conv_pack(const tkr_cell *cell, const tkri_conv *c, float *w_t) {
    if (c->groups == 1) {
        tkri_packed_transpose(cell->kern, w_t, cell->net->values + c->weight, c->out, 1,
                              taps_of(c));
    }
}

/* ------------------------------------------------------------------------------------------------
 * Sums of gradients: dW as the weight lies, then db, then room for a block of transposed taps
 * --------------------------------------------------------------------------------------------- */

static int64_t outputs_ld(const tkri_conv *c) {
    return (int64_t)tkri_round_up((uint64_t)(c->groups * c->out), TKRI_MAX_VL);
}

static int64_t weight_len(const tkr_cell *cell, const tkri_conv *c) {
    const int64_t columns =
        c->groups > 1 ? c->groups * c->out : tkri_tiles(c->out, cell->kern->vl) * cell->kern->vl;
    return (int64_t)tkri_round_up(tkri_times(columns, taps_of(c)), TKRI_MAX_VL);
}

int64_t tkri_conv_sums_len(const tkr_cell *cell, const tkri_conv *c) {
    const uint64_t room = c->groups > 1 ? 0 : tkri_times(taps_of(c), BLOCK);
    return (int64_t)tkri_add((uint64_t)(weight_len(cell, c) + outputs_ld(c)), room);
}

static void sum_groups(const tkri_conv *c, float *dw, tkri_view dy, const float *taps, int64_t n) {
    const int64_t k = taps_of(c);
    for (int64_t r = 0; r < n; r++) {
        for (int64_t o = 0; o < c->groups * c->out; o++) {
            const float *of = taps + r * c->taps_ld + o / c->out * k;
            for (int64_t j = 0; j < k; j++) {
                dw[o * k + j] += dy.p[r * dy.ld + o] * of[j];
            }
        }
    }
}

/* dW += taps' dY, block by block of rows. */
static void sum_block(const tkr_cell *cell, const tkri_conv *c, float *dw, tkri_view dy,
                      const float *turned, int64_t n) {
    const tkri_kern *kern = cell->kern;
    const tkri_panels panels = tkri_panels_of(c->out, 1, kern->vl);
    for (int64_t panel = 0; panel < panels.n; panel++) {
        const int64_t start = tkri_panel_start(&panels, panel) * kern->vl;
        const int32_t width = tkri_panel_width(&panels, panel);
        const tkri_gemm g = {
            .m = taps_of(c),
            .blocks = 1,
            .k = n,
            .a = turned,
            .a_row = BLOCK,
            .b = dy.p + start,
            .b_k = dy.ld,
            .c = dw + start * taps_of(c),
            .c_row = width * kern->vl,
            .width = width,
            .half = tkri_panel_half(&panels, panel),
            .from = TKRI_FROM_C,
        };
        kern->gemm(&g);
    }
}

void tkri_conv_sum(const tkr_cell *cell, const tkri_conv *c, float *sums, tkri_view dy,
                   const float *taps, int64_t n) {
    float *db = sums + weight_len(cell, c), *turned = db + outputs_ld(c);
    for (int64_t r = 0; r < n; r++) {
        for (int64_t o = 0; o < c->groups * c->out; o++) {
            db[o] += dy.p[r * dy.ld + o];
        }
    }
    if (c->groups > 1) {
        sum_groups(c, sums, dy, taps, n);
        return;
    }
    for (int64_t row = 0; row < n; row += BLOCK) {
        const int64_t some = tkri_min(BLOCK, n - row);
        tkri_transpose(turned, BLOCK, taps + row * c->taps_ld, c->taps_ld, some, taps_of(c));
        sum_block(cell, c, sums, (tkri_view){dy.p + row * dy.ld, dy.ld}, turned, some);
    }
}

void tkri_conv_add_sums(tkri_unroll *u, const tkri_conv *c, const float *sums) {
    const int64_t apart = tkri_conv_sums_len(u->cell, c), weights = weight_len(u->cell, c);
    for (int64_t n = 0; n < u->plan.n_chunks; n++) {
        u->cell->kern->add(u->grad.values + c->weight, sums + n * apart, weights);
        if (c->bias >= 0) {
            u->cell->kern->add(u->grad.values + c->bias, sums + n * apart + weights, outputs_ld(c));
        }
    }
}

/* ------------------------------------------------------------------------------------------------
 * The kind
 * --------------------------------------------------------------------------------------------- */

/* What the options say; positions below 1 where they are impossible together. */
static tkri_conv conv_of(const tkr_cell *cell) {
    const int64_t channels = tkri_cell_int(cell, TKR_CHANNELS);
    const int64_t all = channels ? channels : cell->input;
    tkri_conv c = {
        .groups = tkri_cell_int(cell, TKR_GROUPS),
        .kernel = tkri_cell_int(cell, TKR_KERNEL),
        .dilation = tkri_cell_int(cell, TKR_DILATION),
        .stride = tkri_cell_int(cell, TKR_STRIDE),
        .left = tkri_cell_int(cell, TKR_PAD_LEFT),
        .right = tkri_cell_int(cell, TKR_PAD_RIGHT),
        .reflects = (int32_t)tkri_cell_int(cell, TKR_PAD_REFLECT),
        .positions = cell->input / all,
        .made = 1,
        .bias = -1,
    };
    c.in = all / c.groups;
    c.out = cell->hidden / c.groups;
    c.past = channels ? 0 : (c.kernel - 1) * c.dilation;
    if (channels) {
        const int64_t there = c.positions + c.left + c.right, span = (c.kernel - 1) * c.dilation;
        c.made = there > span ? (there - span - 1) / c.stride + 1 : 0;
    }
    c.taps_ld = tkri_row_len((int64_t)tkri_mul(tkri_times(c.groups, c.in), (uint64_t)c.kernel));
    return c;
}

static int64_t output(const tkr_cell *cell) {
    return (int64_t)tkri_mul((uint64_t)cell->hidden, (uint64_t)conv_of(cell).made);
}

/* Options may be set in any order: they are judged when all are. */
static void judge(tkri_builder *b, const tkr_cell *part, const tkri_conv *c) {
    const int64_t channels = tkri_cell_int(part, TKR_CHANNELS);
    const int64_t all = channels ? channels : part->input;
    if (part->input % all != 0) {
        tkri_build_fail(b, TKR_ERR_SHAPE, "a vector of %lld has no %lld channels",
                        (long long)part->input, (long long)all);
    } else if (all % c->groups != 0 || part->hidden % c->groups != 0) {
        tkri_build_fail(b, TKR_ERR_SHAPE, "%lld and %lld channels do not fall into %lld groups",
                        (long long)all, (long long)part->hidden, (long long)c->groups);
    } else if (c->made < 1) {
        tkri_build_fail(b, TKR_ERR_SHAPE, "%lld taps are wider than %lld positions",
                        (long long)c->kernel, (long long)(c->positions + c->left + c->right));
    } else if (c->reflects && tkri_max(c->left, c->right) >= c->positions) {
        tkri_build_fail(b, TKR_ERR_SHAPE, "%lld positions cannot be mirrored in %lld",
                        (long long)tkri_max(c->left, c->right), (long long)c->positions);
    } else if (!channels && (c->stride > 1 || c->left || c->right)) {
        tkri_build_fail(b, TKR_ERR_SHAPE, "over time there is no stride and no padding");
    }
}

static void list_parameters(tkri_builder *b, tkri_conv *c, int biased) {
    const int64_t shape[3] = {c->groups * c->out, c->in, c->kernel};
    c->weight = tkri_build_parameter(b, &(tkri_parameter_spec){
                                            .name = "weight",
                                            .role = TKRI_WEIGHT_LINEAR,
                                            .units = shape[0],
                                            .k = taps_of(c),
                                            .row_major = c->groups > 1 ? 2 : 0,
                                            .rank = 3,
                                            .shape = shape,
                                            .fan_out = c->out * c->kernel,
                                        });
    if (biased) {
        c->bias = tkri_build_parameter(b, &(tkri_parameter_spec){.name = "bias",
                                                                 .role = TKRI_BIAS_LINEAR,
                                                                 .units = shape[0],
                                                                 .k = 1,
                                                                 .fan_in = taps_of(c)});
    }
}

static tkri_wire build(tkri_builder *b, const tkr_cell *part, tkri_wire in) {
    tkri_conv c = conv_of(part);
    const int over_time = tkri_cell_int(part, TKR_CHANNELS) == 0;
    judge(b, part, &c);
    if (over_time && c.past > 0 && in.once) {
        tkri_build_fail(b, TKR_ERR_UNSUPPORTED, "it has a state, but there is but one step");
    }
    list_parameters(b, &c, tkri_cell_int(part, TKR_BIASES) != 0);
    c.past_ld = tkri_row_len((int64_t)tkri_times(c.past, in.width));
    if (over_time && c.past > 0) {
        const int64_t width = (int64_t)tkri_times(c.past, in.width);
        c.column = tkri_build_slot(b, tkri_build_state(b, "past", TKRI_PAST, width), c.past_ld, -1);
    }
    const tkri_layer layer = {
        .ops = over_time ? &tkri_conv_time_ops : &tkri_conv_vector_ops,
        .output = output(part),
        .without_input = in.without_input,
        .keeps_gradient = 1,
    };
    return tkri_build_layer(b, &layer, &in, 1, &c, sizeof c);
}

const tkri_kind tkri_kind_conv = {
    .number = TKR_CONV,
    .name = "conv",
    .takes = TKRI_VALUES,
    .options = options,
    .output = output,
    .build = build,
};
