/* SPDX-License-Identifier: MIT
 * An activation as a layer of its own, for whoever builds one behind another. */
#ifndef TKRI_LAYER_ACTIVATE_H
#define TKRI_LAYER_ACTIVATE_H

#include "layer/layer.h"

tkri_wire tkri_build_activate(tkri_builder *b, tkri_wire in, int32_t function);

#endif
