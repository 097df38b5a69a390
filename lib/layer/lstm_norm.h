/* SPDX-License-Identifier: MIT
 * The layer-normalised LSTM, for the LSTM's kind to build. */
#ifndef TKRI_LAYER_LSTM_NORM_H
#define TKRI_LAYER_LSTM_NORM_H

#include "layer/layer.h"

/* Layer `index` of the part at hand, with the state tensors h and c. */
tkri_wire tkri_build_lstm_norm(tkri_builder *b, tkri_wire in, int64_t index, int64_t h, int64_t c);

#endif
