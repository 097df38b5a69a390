/* SPDX-License-Identifier: MIT
 * Dropout as a layer of its own, for whoever builds one between others. */
#ifndef TKRI_LAYER_DROPOUT_H
#define TKRI_LAYER_DROPOUT_H

#include "layer/layer.h"

tkri_wire tkri_build_dropout(tkri_builder *b, tkri_wire in, float rate, int32_t per_sequence);

#endif
