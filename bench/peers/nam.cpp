// SPDX-License-Identifier: MIT
// NeuralAmpModelerCore (https://github.com/sdatkinson/NeuralAmpModelerCore), its LSTM of one input,
// as a peer of bench/audio.c. bench/run.sh compiles it with the accurate tanh, and once more with
// the approximate one that it can be switched to. Its sources are taken in here because its own
// programs are built with interprocedural optimization, too.
#include <NAM/activations.cpp>
#include <NAM/dsp.cpp>
#include <NAM/lstm.cpp>

#include "../audio_peer.h"

namespace {

constexpr bool approximate = PEER_TOLERANCE > 0;

void append(std::vector<float> &flat, const float *values, int64_t n) {
    flat.insert(flat.end(), values, values + n);
}

// [4 H][I] and [4 H][H] as [4 H][I + H], the bias, then the state at the start. Gates i, f, g, o.
void append_layer(std::vector<float> &flat, const float *const t[AUDIO_TENSORS], int64_t in,
                  int64_t hidden) {
    for (int64_t i = 0; i < 4 * hidden; i++) {
        append(flat, t[0] + i * in, in);
        append(flat, t[1] + i * hidden, hidden);
    }
    for (int64_t i = 0; i < 4 * hidden; i++) {
        flat.push_back(t[2][i] + t[3][i]);
    }
    flat.resize(flat.size() + 2 * hidden);
}

void *create(const audio_shape *s, const audio_weights *w) {
    if (s->kind != AUDIO_LSTM || s->input != 1) {
        return nullptr;
    }
    std::vector<float> flat;
    for (int64_t l = 0; l < s->layers; l++) {
        append_layer(flat, w->layer[l], l == 0 ? s->input : s->hidden, s->hidden);
    }
    append(flat, w->head, s->hidden);
    append(flat, w->head_bias, 1);
    if (approximate) {
        nam::activations::Activation::enable_fast_tanh();
    }
    return new nam::lstm::LSTM(1, 1, s->layers, s->input, s->hidden, flat);
}

void process(void *self, float *y, const float *x, int64_t frames) {
    float *in = const_cast<float *>(x); // which it only reads
    static_cast<nam::lstm::LSTM *>(self)->process(&in, &y, frames);
}

void destroy(void *self) {
    delete static_cast<nam::lstm::LSTM *>(self);
}

}  // namespace

const audio_peer *audio_peer_get() {
    static const audio_peer peer = {PEER_NAME, create, process, destroy, PEER_TOLERANCE};
    return &peer;
}
