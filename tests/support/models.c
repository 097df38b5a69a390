/* SPDX-License-Identifier: MIT */
#include "support/models.h"

enum { I = MODELS_I };

static const orc_spec past_parts[] = {
    {.name = "near", .kind = TKR_CONV, .input = I, .hidden = 6, .kernel = 3, .dilation = 2},
    {.kind = TKR_NORM, .input = 6, .hidden = 6, .epsilon = 0.01},
    {.name = "rnn", .kind = TKR_LSTM, .input = 6, .hidden = 7, .zoneout = 0.25}};
static const orc_spec step_parts[] = {
    {.kind = TKR_AFFINE, .input = I, .hidden = I},
    {.name = "in",
     .kind = TKR_CONV,
     .input = I,
     .hidden = 2,
     .channels = 1,
     .kernel = 2,
     .stride = 2,
     .pad_left = 1,
     .pad_right = 2,
     .reflect = 1},
    {.kind = TKR_ACTIVATE, .input = 8, .hidden = 8, .activation = TKR_MAGNITUDE}};
static const orc_spec sum_parts[] = {
    {.kind = TKR_CONV, .input = 13, .hidden = 12, .biases = ORC_NO_BIAS},
    {.name = "rnn", .kind = TKR_ELMAN, .input = 13, .hidden = 12, .activation = TKR_GELU}};

const model models[] = {
    {"elman", {{.kind = TKR_ELMAN, .input = I, .hidden = 7}}, 1, 0},
    {"elman relu, 3 layers, no bias, both ways",
     {{.kind = TKR_ELMAN,
       .input = I,
       .hidden = 4,
       .layers = 3,
       .biases = ORC_NO_BIAS,
       .directions = 2,
       .activation = TKR_RELU}},
     1,
     0},
    {"elman logistic, output before, learned state",
     {{.kind = TKR_ELMAN,
       .input = I,
       .hidden = 6,
       .before = 1,
       .learned = 1,
       .activation = TKR_LOGISTIC}},
     1,
     1},
    {"elman identity, one bias",
     {{.kind = TKR_ELMAN, .input = I, .hidden = 3, .biases = 1, .activation = TKR_IDENTITY}},
     1,
     0},
    {"lstm", {{.kind = TKR_LSTM, .input = I, .hidden = 9}}, 1, 1},
    {"lstm, 2 layers, both ways, peepholes, learned state",
     {{.kind = TKR_LSTM,
       .input = I,
       .hidden = 5,
       .layers = 2,
       .directions = 2,
       .peepholes = 1,
       .learned = 1}},
     1,
     0},
    {"lstm, projection, dropout between and in time, one bias",
     {{.kind = TKR_LSTM,
       .input = I,
       .hidden = 8,
       .layers = 2,
       .projection = 3,
       .biases = 1,
       .between = 0.25,
       .recurrent = 0.125}},
     1,
     0},
    {"lstm, zoneout of both",
     {{.kind = TKR_LSTM, .input = I, .hidden = 17, .zoneout = 0.1, .zoneout_cell = 0.3}},
     1,
     0},
    {"gru", {{.kind = TKR_GRU, .input = I, .hidden = 16}}, 1, 1},
    {"gru, reset before, 2 layers, no bias",
     {{.kind = TKR_GRU,
       .input = I,
       .hidden = 6,
       .reset = TKR_RESET_BEFORE,
       .layers = 2,
       .biases = ORC_NO_BIAS}},
     1,
     0},
    {"gru, both ways, learned state, dropout",
     {{.kind = TKR_GRU,
       .input = I,
       .hidden = 6,
       .directions = 2,
       .learned = 1,
       .layers = 2,
       .between = 0.5,
       .recurrent = 0.25,
       .zoneout = 0.25}},
     1,
     0},
    {"linear", {{.kind = TKR_LINEAR, .input = I, .hidden = 3, .activation = TKR_TANH}}, 1, 0},
    {"linear, no bias",
     {{.kind = TKR_LINEAR, .input = I, .hidden = 18, .biases = ORC_NO_BIAS}},
     1,
     0},
    {"embedding", {{.kind = TKR_EMBEDDING, .input = I, .hidden = 4}}, 1, 1},
    {"a chain of everything",
     {{.name = "table", .kind = TKR_EMBEDDING, .input = I, .hidden = 6},
      {.kind = TKR_DROPOUT, .input = 6, .hidden = 6, .rate = 0.2, .per_sequence = 1},
      {.name = "checkpoint",
       .kind = TKR_LSTM,
       .input = 6,
       .hidden = 10,
       .layers = 2,
       .between = 0.1},
      {.name = "tekrar-out_1", .kind = TKR_LINEAR, .input = 10, .hidden = I}},
     4,
     1},
    {"branches of all parts, two levels deep",
     {{.name = "wide",
       .kind = TKR_BRANCH,
       .n_parts = 3,
       .parts =
           (const orc_spec[]){
               {.name = "left", .kind = TKR_CHAIN, .n_parts = 3, .parts = past_parts},
               {.kind = TKR_CHAIN, .n_parts = 3, .parts = step_parts},
               {.name = "some", .kind = TKR_SELECT, .input = I, .hidden = 2, .first = 3}}},
      {.name = "sum", .kind = TKR_BRANCH, .combine = TKR_SUM, .n_parts = 2, .parts = sum_parts},
      {.kind = TKR_LINEAR, .input = 12, .hidden = 3}},
     3,
     0},
    {"lstm, reverse, other functions; its last step",
     {{.kind = TKR_LSTM,
       .input = I,
       .hidden = 6,
       .directions = TKR_REVERSE,
       .gate_activation = TKR_HARD_SIGMOID,
       .activation = TKR_SOFTSIGN},
      {.kind = TKR_LAST, .input = 6, .hidden = 6},
      {.kind = TKR_NORM, .input = 6, .hidden = 6, .biases = ORC_NO_BIAS}},
     3,
     0},
    {"gru, the product of both ways, a branch of one",
     {{.kind = TKR_BRANCH,
       .combine = TKR_SUM,
       .n_parts = 1,
       .parts = (const orc_spec[]){{.kind = TKR_GRU,
                                    .input = I,
                                    .hidden = 4,
                                    .directions = TKR_BOTH,
                                    .combine = TKR_PRODUCT,
                                    .layers = 2,
                                    .between = 0.25}}}},
     1,
     1},
    {"a chain of unnamed parts",
     {{.kind = TKR_GRU, .input = I, .hidden = 8},
      {.kind = TKR_DROPOUT, .input = 8, .hidden = 8, .rate = 0.5},
      {.kind = TKR_ELMAN, .input = 8, .hidden = 4, .learned = 1},
      {.kind = TKR_LINEAR, .input = 4, .hidden = 2}},
     4,
     0},
};
const int models_len = sizeof models / sizeof *models;

static int any(const orc_spec *specs, int64_t n, int (*is)(const orc_spec *)) {
    for (int64_t i = 0; i < n; i++) {
        if (is(&specs[i]) || any(specs[i].parts, specs[i].n_parts, is)) {
            return 1;
        }
    }
    return 0;
}

static int carries(const orc_spec *spec) {
    return spec->kind <= TKR_GRU || (spec->kind == TKR_CONV && spec->kernel > 1 && !spec->channels);
}

static int goes_back(const orc_spec *spec) {
    return spec->kind <= TKR_GRU && spec->directions > TKR_FORWARD;
}

int models_carries(const model *which) {
    return any(which->specs, which->n, carries);
}

int models_goes_back(const model *which) {
    return any(which->specs, which->n, goes_back);
}

tkr_cell *models_make(const model *which, uint64_t seed, const tkr_env *env) {
    tkr_cell *cell = twin_cell(which->specs, which->n, env);
    assert_ok(tkr_cell_init(cell, seed));
    return cell;
}
