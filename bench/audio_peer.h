/* SPDX-License-Identifier: MIT
 * A library that runs the models of bench/audio.c: a shared object of its own, which exports
 * audio_peer_get(). In C and in C++. */
#ifndef BENCH_AUDIO_PEER_H
#define BENCH_AUDIO_PEER_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { AUDIO_LSTM, AUDIO_GRU };
enum { AUDIO_LAYERS_MAX = 2, AUDIO_TENSORS = 4 };

/* Recurrent layers and a linear map to one output. */
typedef struct audio_shape {
    int32_t kind;
    int64_t input, hidden, layers;
} audio_shape;

/* In PyTorch's names, order and layout: of each layer weight_ih [G H][I], weight_hh [G H][H],
 * bias_ih [G H], bias_hh [G H]; of the head weight [1][H], bias [1]. */
typedef struct audio_weights {
    const float *layer[AUDIO_LAYERS_MAX][AUDIO_TENSORS];
    const float *head, *head_bias;
} audio_weights;

typedef struct audio_peer {
    const char *name;
    /* A model with its state at zero; NULL: none of that shape. */
    void *(*create)(const audio_shape *shape, const audio_weights *weights);
    /* y [frames] = of x [frames][input], on from where the state is. */
    void (*process)(void *self, float *y, const float *x, int64_t frames);
    void (*destroy)(void *self);
    /* 0: its outputs are compared within the bench's own tolerance. Else it approximates: compared
     * within this, and timed, but never the best peer. */
    float tolerance;
} audio_peer;

#ifdef __GNUC__
__attribute__((visibility("default")))
#endif
const audio_peer *
audio_peer_get(void);

#ifdef __cplusplus
}
#endif

#endif
