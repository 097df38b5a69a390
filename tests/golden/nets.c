/* SPDX-License-Identifier: MIT
 * Other people's networks as cells, through the public header alone. */
#include <string.h>

#include "golden/nets.h"

enum { MOST_PARTS = 16 };

/* What the parts are made with: of the test that is running. */
static const tkr_env *lent;

static tkr_cell *part(const char *name, int32_t kind, int64_t input, int64_t output) {
    tkr_cell *cell;
    assert_ok(tkr_cell_create(&cell, kind, input, output, lent));
    if (name) {
        assert_ok(tkr_cell_set_name(cell, name));
    }
    return cell;
}

static tkr_cell *with(tkr_cell *cell, int32_t key, int64_t value) {
    if (tkr_cell_set_int(cell, key, value) != TKR_OK) {
        fail_msg("%s", tkr_cell_detail(cell));
    }
    return cell;
}

/* NULL ends the parts. combine -1: one behind the other, else side by side. */
static tkr_cell *container(const char *name, int32_t combine, tkr_cell **parts) {
    char why[256] = "";
    tkr_env env = *lent;
    tkr_cell *cell;
    int64_t n = 0;
    while (parts[n]) {
        n++;
    }
    env.detail = why;
    env.detail_len = sizeof why;
    if ((combine < 0 ? tkr_cell_chain(&cell, parts, n, &env)
                     : tkr_cell_branch(&cell, parts, n, combine, &env)) != TKR_OK) {
        fail_msg("%s", why);
    }
    if (name) {
        assert_ok(tkr_cell_set_name(cell, name));
    }
    return cell;
}

#define CHAIN(name, ...) container(name, -1, (tkr_cell *[]){__VA_ARGS__, NULL})
#define CONCATENATED(name, ...) container(name, TKR_CONCATENATE, (tkr_cell *[]){__VA_ARGS__, NULL})
#define SUM(name, ...) container(name, TKR_SUM, (tkr_cell *[]){__VA_ARGS__, NULL})

static tkr_cell *activated(int64_t width, int32_t function) {
    return with(part(NULL, TKR_ACTIVATE, width, width), TKR_ACTIVATION, function);
}

static tkr_cell *dense(const char *name, int64_t input, int64_t output, int32_t function) {
    return with(part(name, TKR_LINEAR, input, output), TKR_ACTIVATION, function);
}

static tkr_cell *columns(int64_t input, int64_t first, int64_t n) {
    return with(part(NULL, TKR_SELECT, input, n), TKR_FIRST, first);
}

static tkr_cell *all(int64_t width) {
    return columns(width, 0, width);
}

/* Over time. */
static tkr_cell *causal(const char *name, int64_t input, int64_t output, int64_t kernel,
                        int64_t dilation) {
    return with(with(part(name, TKR_CONV, input, output), TKR_KERNEL, kernel), TKR_DILATION,
                dilation);
}

/* ------------------------------------------------------------------------------------------------
 * The networks
 * --------------------------------------------------------------------------------------------- */

/* GuitarML: y = W h + b + the first column of x. */
static tkr_cell *guitar(tensors_file *file) {
    const int64_t in = golden_whole(file, "I", 0), hidden = golden_whole(file, "hidden", 0);
    const int32_t kind = golden_kind(file);
    return SUM(NULL, CHAIN(NULL, part("rec", kind, in, hidden), part("lin", TKR_LINEAR, hidden, 1)),
               columns(in, 0, 1));
}

/* RNNoise: both heads read conv2's output and those of all three GRUs. A part that passes its input
 * on beside the rest of the network is how an output is kept. */
static tkr_cell *rnnoise(tensors_file *file) {
    const int64_t in = golden_whole(file, "I", 0), conv = golden_whole(file, "conv", 0);
    const int64_t n = golden_whole(file, "hidden", 0), bands = golden_whole(file, "bands", 0);
    tkr_cell *from2 = CONCATENATED(NULL, all(n), part("gru3", TKR_GRU, n, n));
    tkr_cell *from1 = CONCATENATED(NULL, all(n), CHAIN(NULL, part("gru2", TKR_GRU, n, n), from2));
    tkr_cell *from0 = CONCATENATED("rnn", all(n), CHAIN(NULL, part("gru1", TKR_GRU, n, n), from1));
    return CHAIN(NULL, causal("conv1", in, conv, 3, 1), activated(conv, TKR_TANH),
                 causal("conv2", conv, n, 3, 1), activated(n, TKR_TANH), from0,
                 CONCATENATED("heads", dense("dense_out", 4 * n, bands, TKR_LOGISTIC),
                              dense("vad_dense", 4 * n, 1, TKR_LOGISTIC)));
}

/* A convolution of 3 inside the vector with relu, whose input has `positions`. */
static tkr_cell *encoder(const char *name, int64_t positions, int64_t input, int64_t output,
                         int64_t stride) {
    tkr_cell *conv = part(name, TKR_CONV, positions * input, output);
    int64_t width;
    with(with(conv, TKR_CHANNELS, input), TKR_KERNEL, 3);
    with(with(with(conv, TKR_STRIDE, stride), TKR_PAD_LEFT, 1), TKR_PAD_RIGHT, 1);
    assert_ok(tkr_cell_shape(conv, NULL, NULL, &width));
    return CHAIN(NULL, conv, activated(width, TKR_RELU));
}

/* One convolution inside the vector, of any shape. */
static tkr_cell *frame(tensors_file *file) {
    static const struct {
        const char *note;
        int32_t key;
    } options[] = {{"channels", TKR_CHANNELS}, {"kernel", TKR_KERNEL},
                   {"dilation", TKR_DILATION}, {"stride", TKR_STRIDE},
                   {"left", TKR_PAD_LEFT},     {"right", TKR_PAD_RIGHT},
                   {"groups", TKR_GROUPS},     {"reflect", TKR_PAD_REFLECT}};
    tkr_cell *conv =
        part(NULL, TKR_CONV, golden_whole(file, "I", 0), golden_whole(file, "hidden", 0));
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        with(conv, options[i].key, golden_whole(file, options[i].note, 0));
    }
    return conv;
}

/* silero-vad: a step is a frame of `window` new samples behind window / 8 old ones. */
static tkr_cell *silero(tensors_file *file) {
    const int64_t window = golden_whole(file, "window", 0), kernel = window / 2;
    const int64_t bins = kernel / 2 + 1;
    tkr_cell *stft = part("stft", TKR_CONV, window + window / 8, 2 * bins);
    with(with(with(stft, TKR_CHANNELS, 1), TKR_KERNEL, kernel), TKR_STRIDE, kernel / 2);
    with(with(with(stft, TKR_PAD_RIGHT, kernel / 4), TKR_PAD_REFLECT, 1), TKR_BIASES, 0);
    return CHAIN(NULL, stft, activated(4 * 2 * bins, TKR_MAGNITUDE),
                 encoder("encoder0", 4, bins, 128, 1), encoder("encoder1", 4, 128, 64, 2),
                 encoder("encoder2", 2, 64, 64, 2), encoder("encoder3", 1, 64, 128, 1),
                 part("rnn", TKR_LSTM, 128, 128), activated(128, TKR_RELU),
                 dense("decoder", 128, 1, TKR_LOGISTIC));
}

/* One recurrent layer of Keras, `directions` 1 or 2. Its LSTM has one bias, and the old hard
 * sigmoid if the file says so. */
static tkr_cell *keras_layer(tensors_file *file, const char *name, int64_t in) {
    const int32_t kind = golden_kind(file);
    tkr_cell *cell = part(name, kind, in, golden_whole(file, "hidden", 0));
    const int resets_before = golden_whole(file, "reset_before", 0) != 0;
    if (kind == TKR_LSTM) {
        with(cell, TKR_GATE_ACTIVATION, golden_whole(file, "gates", TKR_LOGISTIC));
        with(cell, TKR_BIASES, 1);
    } else if (resets_before) {
        with(with(cell, TKR_RESET, TKR_RESET_BEFORE), TKR_BIASES, 1);
    }
    with(cell, TKR_DIRECTIONS, golden_whole(file, "directions", 1));
    return with(cell, TKR_COMBINE, golden_whole(file, "merge", TKR_CONCATENATE));
}

/* Keras, many to one: layers -> the last valid output -> Dense -> softmax. */
static tkr_cell *keras(tensors_file *file) {
    const char *names[] = {"first", "second", "third"};
    const int64_t layers = golden_whole(file, "layers", 1), out = golden_whole(file, "O", 0);
    int64_t width = golden_whole(file, "I", 0);
    tkr_cell *parts[MOST_PARTS] = {NULL};
    for (int64_t i = 0; i < layers; i++) {
        parts[i] = keras_layer(file, names[i], width);
        assert_ok(tkr_cell_shape(parts[i], NULL, NULL, &width));
    }
    parts[layers] = part(NULL, TKR_LAST, width, width);
    parts[layers + 1] = part("dense", TKR_LINEAR, width, out);
    parts[layers + 2] = activated(out, TKR_SOFTMAX);
    return container(NULL, -1, parts);
}

/* Residual LSTMs, each normalised before it is read or behind the sum. */
static tkr_cell *residual(tensors_file *file) {
    const char *names[] = {"block0", "block1", "block2"};
    const int64_t n = golden_whole(file, "hidden", 0);
    const int before = golden_whole(file, "norm_before", 0) != 0;
    tkr_cell *parts[MOST_PARTS] = {part("embed", TKR_LINEAR, golden_whole(file, "I", 0), n)};
    for (int64_t i = 0; i < 3; i++) {
        tkr_cell *lstm = part("lstm", TKR_LSTM, n, n), *norm = part("norm", TKR_NORM, n, n);
        parts[i + 1] = before ? SUM(names[i], all(n), CHAIN(NULL, norm, lstm))
                              : CHAIN(names[i], SUM("sum", all(n), lstm), norm);
    }
    return container(NULL, -1, parts);
}

/* tanh(a) * logistic(b) of the input [a b], each of n columns: an LSTM without a past. Its
 * parameters say that i = 1, f = 0, g = tanh(a), o = logistic(b); without a function of its own it
 * outputs o g. */
static tkr_cell *gate(int64_t n) {
    tkr_cell *lstm = with(part("gate", TKR_LSTM, 2 * n, n), TKR_ACTIVATION, TKR_IDENTITY);
    return CHAIN(NULL,
                 CONCATENATED(NULL, CHAIN(NULL, columns(2 * n, 0, n), activated(n, TKR_TANH)),
                              columns(2 * n, n, n)),
                 with(lstm, TKR_BIASES, 1));
}

/* WaveNet: x [n] and the sum of skips [s] go through the blocks side by side; each adds to both. */
static tkr_cell *wavenet(tensors_file *file) {
    const char *names[] = {"block0", "block1", "block2", "block3", "block4"};
    const int64_t n = golden_whole(file, "channels", 0), s = golden_whole(file, "skip", 0);
    const int64_t out = golden_whole(file, "O", 0), taps = golden_whole(file, "kernel", 0);
    const int gated = golden_whole(file, "gated", 0) != 0;
    tkr_cell *parts[MOST_PARTS] = {part("input", TKR_LINEAR, golden_whole(file, "I", 0), n + s)};
    for (int64_t i = 0; i < 5; i++) {
        const int64_t made = gated ? 2 * n : n;
        parts[i + 1] =
            SUM(names[i], all(n + s),
                CHAIN("layer", columns(n + s, 0, n), causal("conv", n, made, taps, (int64_t)1 << i),
                      gated ? gate(n) : activated(n, TKR_TANH), part("out", TKR_LINEAR, n, n + s)));
    }
    parts[6] = CHAIN("head", columns(n + s, n, s), activated(s, TKR_RELU),
                     dense("hidden", s, s, TKR_RELU), part("output", TKR_LINEAR, s, out));
    return container(NULL, -1, parts);
}

tkr_cell *nets_build(tensors_file *file, const tkr_env *env) {
    static const struct {
        const char *name;
        tkr_cell *(*build)(tensors_file *file);
    } nets[] = {{"guitar", guitar}, {"rnnoise", rnnoise},   {"silero", silero},  {"frame", frame},
                {"keras", keras},   {"residual", residual}, {"wavenet", wavenet}};
    const char *wanted = golden_text(file, "model", "");
    lent = env;
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        if (strcmp(nets[i].name, wanted) == 0) {
            return nets[i].build(file);
        }
    }
    fail_msg("unknown model '%s'", wanted);
    return NULL;
}
