// SPDX-License-Identifier: MIT
// RTNeural (https://github.com/jatinchowdhury18/RTNeural), its models of fixed sizes, which are its
// fastest, as a peer of bench/audio.c. bench/run.sh compiles it once for each of its back ends.
#include <vector>

#include <RTNeural/RTNeural.h>

#include "../audio_peer.h"

namespace {

using rows = std::vector<std::vector<float>>;

// [G H][n] as [n][G H].
rows turned(const float *w, int outs, int n) {
    rows t(n, std::vector<float>(outs));
    for (int i = 0; i < outs; i++) {
        for (int k = 0; k < n; k++) {
            t[k][i] = w[i * n + k];
        }
    }
    return t;
}

// PyTorch's r, z, n as its z, r, n.
void swap_gates(rows &w, int hidden) {
    for (auto &row : w) {
        std::swap_ranges(row.begin(), row.begin() + hidden, row.begin() + hidden);
    }
}

template <typename Layer>
void give_lstm(Layer &layer, const float *const t[AUDIO_TENSORS], int in, int hidden) {
    std::vector<float> bias(4 * hidden);
    for (int i = 0; i < 4 * hidden; i++) {
        bias[i] = t[2][i] + t[3][i];
    }
    layer.setWVals(turned(t[0], 4 * hidden, in));
    layer.setUVals(turned(t[1], 4 * hidden, hidden));
    layer.setBVals(bias);
}

template <typename Layer>
void give_gru(Layer &layer, const float *const t[AUDIO_TENSORS], int in, int hidden) {
    rows w = turned(t[0], 3 * hidden, in), u = turned(t[1], 3 * hidden, hidden);
    rows bias{std::vector<float>(t[2], t[2] + 3 * hidden), std::vector<float>(t[3], t[3] + 3 * hidden)};
    swap_gates(w, hidden);
    swap_gates(u, hidden);
    swap_gates(bias, hidden);
    layer.setWVals(w);
    layer.setUVals(u);
    layer.setBVals(bias);
}

// A model behind one virtual call for each block.
struct any_model {
    virtual ~any_model() = default;
    virtual void process(float *y, const float *x, int64_t frames) = 0;
};

template <typename Model, int IN>
struct model_of : any_model {
    Model model;
    void process(float *y, const float *x, int64_t frames) override {
        alignas(RTNEURAL_DEFAULT_ALIGNMENT) float frame[16] = {}; // a vector is read of it
        for (int64_t t = 0; t < frames; t++) {
            for (int i = 0; i < IN; i++) {
                frame[i] = x[t * IN + i];
            }
            y[t] = model.forward(frame);
        }
    }
};

template <typename Layer>
void give_head(Layer &head, const audio_weights &w, int hidden) {
    head.setWeights(rows{std::vector<float>(w.head, w.head + hidden)});
    head.setBias(w.head_bias);
}

template <int IN, int H>
any_model *lstm(const audio_weights &w) {
    using namespace RTNeural;
    auto *m = new model_of<ModelT<float, IN, 1, LSTMLayerT<float, IN, H>, DenseT<float, H, 1>>, IN>;
    give_lstm(m->model.template get<0>(), w.layer[0], IN, H);
    give_head(m->model.template get<1>(), w, H);
    m->model.reset();
    return m;
}

template <int H>
any_model *two_lstm(const audio_weights &w) {
    using namespace RTNeural;
    auto *m = new model_of<
        ModelT<float, 1, 1, LSTMLayerT<float, 1, H>, LSTMLayerT<float, H, H>, DenseT<float, H, 1>>, 1>;
    give_lstm(m->model.template get<0>(), w.layer[0], 1, H);
    give_lstm(m->model.template get<1>(), w.layer[1], H, H);
    give_head(m->model.template get<2>(), w, H);
    m->model.reset();
    return m;
}

template <int H>
any_model *gru(const audio_weights &w) {
    using namespace RTNeural;
    auto *m = new model_of<ModelT<float, 1, 1, GRULayerT<float, 1, H>, DenseT<float, H, 1>>, 1>;
    give_gru(m->model.template get<0>(), w.layer[0], 1, H);
    give_head(m->model.template get<1>(), w, H);
    m->model.reset();
    return m;
}

any_model *made(const audio_shape &s, const audio_weights &w) {
    if (s.kind == AUDIO_GRU) {
        return s.input != 1 || s.layers != 1 ? nullptr : s.hidden == 32 ? gru<32>(w)
                                                     : s.hidden == 64 ? gru<64>(w)
                                                                      : nullptr;
    }
    if (s.layers == 2) {
        return s.input == 1 && s.hidden == 8 ? two_lstm<8>(w) : nullptr;
    }
    switch (s.input * 1000 + s.hidden) {
        case 1003: return lstm<1, 3>(w);
        case 1012: return lstm<1, 12>(w);
        case 1016: return lstm<1, 16>(w);
        case 1020: return lstm<1, 20>(w);
        case 1040: return lstm<1, 40>(w);
        case 2016: return lstm<2, 16>(w);
        default: return nullptr;
    }
}

void *create(const audio_shape *shape, const audio_weights *weights) {
    return made(*shape, *weights);
}

void process(void *self, float *y, const float *x, int64_t frames) {
    static_cast<any_model *>(self)->process(y, x, frames);
}

void destroy(void *self) {
    delete static_cast<any_model *>(self);
}

}  // namespace

const audio_peer *audio_peer_get() {
    static const audio_peer peer = {PEER_NAME, create, process, destroy};
    return &peer;
}
