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
                                            .k = tkri_conv_taps(c),
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
                                                                 .fan_in = tkri_conv_taps(c)});
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
