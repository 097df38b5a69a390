/* SPDX-License-Identifier: MIT
 * The layer-normalised LSTM, for the LSTM's kind to build. */
#ifndef TKRI_LAYER_LSTM_NORM_H
#define TKRI_LAYER_LSTM_NORM_H

#include "layer/recurrent.h"

tkri_layer_builder tkri_build_lstm_norm;

#endif
