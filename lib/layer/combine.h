/* SPDX-License-Identifier: MIT
 * Several outputs put together in one, for whoever builds them. */
#ifndef TKRI_LAYER_COMBINE_H
#define TKRI_LAYER_COMBINE_H

#include "layer/layer.h"

/* Side by side (TKR_CONCATENATE), or added up (TKR_SUM). */
tkri_wire tkri_build_combine(tkri_builder *b, const tkri_wire *in, int64_t n, int32_t how);

/* The two halves of one output: their sum, mean or product. */
tkri_wire tkri_build_merge(tkri_builder *b, tkri_wire in, int32_t how);

#endif
