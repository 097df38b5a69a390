/* SPDX-License-Identifier: MIT
 * An object's options in our JSON, by name: {"learning_rate":"0x1p-7","step_count":120}. */
#ifndef TKRI_MODEL_OPTIONS_H
#define TKRI_MODEL_OPTIONS_H

#include "core/options.h"
#include "model/json.h"

/* Write the members, in the table's order, without braces: all but unset reals and what no file
 * keeps. */
void tkri_options_put(tkri_text *out, const tkri_options *options);

/* Read an object of options of the kind; those that are not there stay. TKR_ERR_UNSUPPORTED for a
 * name that is not in the table; TKR_ERR_FORMAT for another kind's, or out of its bounds, which
 * `detail`, unless it is NULL, names. */
int32_t tkri_options_read(tkri_json *json, tkri_options *options, tkri_detail *detail);

/* Past such an object, whatever its names: for who does not know the kind yet, and will read a copy
 * of `json` from before. */
int32_t tkri_options_skip(tkri_json *json);

#endif
